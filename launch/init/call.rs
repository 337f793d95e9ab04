//! System calls, and nothing between them and the kernel.

use core::arch::asm;

use crate::message::Plain;

#[cfg(target_arch = "x86_64")]
pub mod number {
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const LSEEK: usize = 8;
    pub const MMAP: usize = 9;
    pub const MUNMAP: usize = 11;
    pub const RT_SIGPROCMASK: usize = 14;
    pub const GETPID: usize = 39;
    pub const SENDMSG: usize = 46;
    pub const RECVMSG: usize = 47;
    pub const SOCKETPAIR: usize = 53;
    pub const CLONE: usize = 56;
    pub const EXECVE: usize = 59;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const FCNTL: usize = 72;
    pub const FCHDIR: usize = 81;
    pub const GETRUSAGE: usize = 98;
    pub const SETSID: usize = 112;
    pub const PRCTL: usize = 157;
    pub const MOUNT: usize = 165;
    pub const UMOUNT2: usize = 166;
    pub const EXIT_GROUP: usize = 231;
    pub const EPOLL_CTL: usize = 233;
    pub const OPENAT: usize = 257;
    pub const PPOLL: usize = 271;
    pub const EPOLL_PWAIT: usize = 281;
    pub const EPOLL_CREATE1: usize = 291;
    pub const DUP3: usize = 292;
    pub const PRLIMIT64: usize = 302;
    pub const SECCOMP: usize = 317;
    pub const EXECVEAT: usize = 322;
    pub const STATX: usize = 332;
}

#[cfg(target_arch = "aarch64")]
pub mod number {
    pub const EPOLL_CREATE1: usize = 20;
    pub const EPOLL_CTL: usize = 21;
    pub const EPOLL_PWAIT: usize = 22;
    pub const DUP3: usize = 24;
    pub const FCNTL: usize = 25;
    pub const UMOUNT2: usize = 39;
    pub const MOUNT: usize = 40;
    pub const FCHDIR: usize = 50;
    pub const OPENAT: usize = 56;
    pub const CLOSE: usize = 57;
    pub const LSEEK: usize = 62;
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const PPOLL: usize = 73;
    pub const EXIT_GROUP: usize = 94;
    pub const KILL: usize = 129;
    pub const RT_SIGPROCMASK: usize = 135;
    pub const SETSID: usize = 157;
    pub const GETRUSAGE: usize = 165;
    pub const PRCTL: usize = 167;
    pub const GETPID: usize = 172;
    pub const SOCKETPAIR: usize = 199;
    pub const SENDMSG: usize = 211;
    pub const RECVMSG: usize = 212;
    pub const MUNMAP: usize = 215;
    pub const CLONE: usize = 220;
    pub const EXECVE: usize = 221;
    pub const MMAP: usize = 222;
    pub const WAIT4: usize = 260;
    pub const PRLIMIT64: usize = 261;
    pub const SECCOMP: usize = 277;
    pub const EXECVEAT: usize = 281;
    pub const STATX: usize = 291;
}

/// What has the same number on both.
pub mod common {
    pub const PIDFD_SEND_SIGNAL: usize = 424;
    pub const PIDFD_OPEN: usize = 434;
    pub const CLOSE_RANGE: usize = 436;
    pub const LANDLOCK_CREATE_RULESET: usize = 444;
    pub const LANDLOCK_ADD_RULE: usize = 445;
    pub const LANDLOCK_RESTRICT_SELF: usize = 446;
}

pub const ENOENT: i32 = 2;
pub const ESRCH: i32 = 3;
pub const EINTR: i32 = 4;
pub const ECHILD: i32 = 10;
pub const EMFILE: i32 = 24;
pub const ESTALE: i32 = 116;

/// A system call with up to six arguments.
///
/// # Safety
///
/// The arguments are as the call's manual page says; what they point to lives during the call.
pub unsafe fn call<const N: usize>(number: usize, arguments: [usize; N]) -> Result<usize, i32> {
    let mut given = arguments.into_iter();
    let mut next = || given.next().unwrap_or(0);
    let all = [next(), next(), next(), next(), next(), next()];
    // SAFETY: as the caller promises.
    check(unsafe { enter(number, all) })
}

/// The kernel answers an error by its negative number, of which there are less than a page.
fn check(answer: isize) -> Result<usize, i32> {
    match answer {
        -4095..=-1 => Err(answer.unsigned_abs() as i32),
        _ => Ok(answer.cast_unsigned()),
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn enter(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let answer;
    // SAFETY: as the caller of `call` promises; the kernel changes `rcx` and `r11` and no other register.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack))
    };
    answer
}

#[cfg(target_arch = "aarch64")]
unsafe fn enter(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let answer;
    // SAFETY: as the caller of `call` promises; the kernel changes no other register.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => answer, in("x1") b, in("x2") c, in("x3") d, in("x4") e,
            in("x5") f, options(nostack))
    };
    answer
}

/// Creates a process that begins in `entry` with `argument`, on a stack that ends at `stack`, as clone(2) with `flags`. With
/// CLONE_PIDFD its pidfd is written to `pidfd`. The token is for the filter, in arguments that these flags leave alone. Answers
/// the number of the process.
///
/// # Safety
///
/// `entry` and `argument` are fit for a process with these flags, and nobody else uses the stack, which is aligned to 16.
#[cfg(target_arch = "x86_64")]
pub unsafe fn clone<T>(
    flags: usize,
    [one, two]: [usize; 2],
    stack: usize,
    pidfd: &mut i32,
    entry: extern "C" fn(*mut T) -> !,
    argument: *mut T,
) -> Result<usize, i32> {
    let answer: isize;
    // SAFETY: as the caller promises. In the new process nothing of this function goes on: it begins on its stack, with the
    // registers of this one, and does not return.
    unsafe {
        asm!("syscall", "test rax, rax", "jnz 2f", "xor ebp, ebp", "mov rdi, r12", "call r13", "ud2", "2:",
            inlateout("rax") number::CLONE as isize => answer, in("rdi") flags, in("rsi") stack,
            in("rdx") &raw mut *pidfd, in("r10") one, in("r8") two, in("r12") argument, in("r13") entry,
            lateout("rcx") _, lateout("r11") _, options(nostack))
    };
    check(answer)
}

/// The same.
///
/// # Safety
///
/// As there.
#[cfg(target_arch = "aarch64")]
pub unsafe fn clone<T>(
    flags: usize,
    [one, two]: [usize; 2],
    stack: usize,
    pidfd: &mut i32,
    entry: extern "C" fn(*mut T) -> !,
    argument: *mut T,
) -> Result<usize, i32> {
    let answer: isize;
    // SAFETY: as there.
    unsafe {
        asm!("svc 0", "cbnz x0, 2f", "mov x29, xzr", "mov x0, x20", "blr x21", "brk 1", "2:",
            in("x8") number::CLONE, inlateout("x0") flags as isize => answer, in("x1") stack, in("x2") &raw mut *pidfd,
            in("x3") one, in("x4") two, in("x20") argument, in("x21") entry, options(nostack))
    };
    check(answer)
}

pub fn exit() -> ! {
    loop {
        // SAFETY: the call takes a number and does not return.
        let _ = unsafe { call(number::EXIT_GROUP, [127]) };
    }
}

pub fn close(fd: usize) {
    // SAFETY: the call takes a number. Nobody else has the descriptor: there is one thread, which closes what it got.
    let _ = unsafe { call(number::CLOSE, [fd]) };
}

/// Reads until the buffer is full, or the other end is closed. Answers how much came.
pub fn read(fd: usize, buffer: &mut [u8]) -> Result<usize, i32> {
    let mut done = 0;
    while let Some(rest @ [_, ..]) = buffer.get_mut(done..) {
        // SAFETY: the kernel writes at most the length of the rest.
        match unsafe { call(number::READ, [fd, rest.as_mut_ptr() as usize, rest.len()]) } {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(done)
}

/// Writes a few bytes, at once.
pub fn write(fd: usize, bytes: &[u8]) -> Result<(), i32> {
    // SAFETY: the kernel reads as many bytes as there are.
    unsafe { call(number::WRITE, [fd, bytes.as_ptr() as usize, bytes.len()]) }.map(drop)
}

const SIG_SETMASK: usize = 2;
static NO_SIGNALS: u64 = 0;

/// Lets this process have the signals that are sent to it.
pub fn unblock_signals() -> Result<(), i32> {
    // SAFETY: the kernel reads one set of signals of the size that is passed, which lives during the call.
    unsafe { call(number::RT_SIGPROCMASK, [SIG_SETMASK, (&raw const NO_SIGNALS) as usize, 0, size_of::<u64>()]) }.map(drop)
}

const POLLIN: i16 = 1;

/// struct pollfd of poll(2).
#[repr(C)]
struct Poll {
    fd: i32,
    events: i16,
    happened: i16,
}

/// Waits until there is something to read from one of the descriptors at least, and answers from which. Of a pidfd that is the end
/// of its process, of a socket also that nobody is to write to it any more.
pub fn wait<const N: usize>(fds: [usize; N]) -> [bool; N] {
    let mut polls = fds.map(|fd| Poll { fd: fd as i32, events: POLLIN, happened: 0 });
    // SAFETY: the kernel writes to the structs, which live during the call, and takes null for time and mask.
    while unsafe { call(number::PPOLL, [(&raw mut polls) as usize, N]) } == Err(EINTR) {}
    polls.map(|poll| poll.happened != 0)
}

/// The descriptors that a message brings, at most this many.
pub const DESCRIPTORS: usize = 6;

const SOL_SOCKET: u32 = 1;
const SCM_RIGHTS: u32 = 1;
const MSG_NOSIGNAL: usize = 0x4000;
const MSG_CMSG_CLOEXEC: usize = 0x4000_0000;

/// A message's descriptors, as struct cmsghdr and what follows it.
#[repr(C)]
struct Control {
    length: usize,
    level: u32,
    kind: u32,
    descriptors: [i32; DESCRIPTORS],
}

impl Control {
    fn of(count: usize, descriptors: [i32; DESCRIPTORS]) -> Control {
        let length = size_of::<usize>() + 2 * size_of::<u32>() + count * size_of::<i32>();
        Control { length, level: SOL_SOCKET, kind: SCM_RIGHTS, descriptors }
    }
}

/// Sends a value, with two descriptors.
pub fn send(socket: usize, value: &impl Plain, descriptors: Option<[usize; 2]>) -> Result<(), i32> {
    let [first, second] = descriptors.unwrap_or_default();
    let control = Control::of(2, [first as i32, second as i32, 0, 0, 0, 0]);
    let bytes = value.as_bytes();
    let data = [bytes.as_ptr() as usize, bytes.len()];
    let (with, length) = match descriptors {
        Some(_) => ((&raw const control) as usize, control.length),
        None => (0, 0),
    };
    // struct msghdr: no address, one piece of data, the control data, and flags.
    let message = [0, 0, (&raw const data) as usize, 1, with, length, 0];
    // SAFETY: the kernel reads the message and what it points to, all of which live during the call.
    unsafe { call(number::SENDMSG, [socket, (&raw const message) as usize, MSG_NOSIGNAL]) }.map(drop)
}

/// Receives a value with descriptors, which exec closes. Answers how much of the value came, and how many descriptors.
pub fn receive(socket: usize, value: &mut impl Plain) -> Result<(usize, usize, [i32; DESCRIPTORS]), i32> {
    let mut control = Control::of(0, [0; DESCRIPTORS]);
    let bytes = value.as_bytes_mut();
    let data = [bytes.as_mut_ptr() as usize, bytes.len()];
    let mut message = [0, 0, (&raw const data) as usize, 1, (&raw mut control) as usize, size_of::<Control>(), 0];
    let received = loop {
        // SAFETY: the kernel writes as much as the sizes say, and to the message itself, all of which live during the call.
        match unsafe { call(number::RECVMSG, [socket, (&raw mut message) as usize, MSG_CMSG_CLOEXEC]) } {
            Err(EINTR) => {}
            answer => break answer?,
        }
    };
    // Where nothing came, the length of what came is zero.
    let [.., given, _] = message;
    let count = match given {
        0 => 0,
        _ => control.length.saturating_sub(Control::of(0, [0; DESCRIPTORS]).length) / size_of::<i32>(),
    };
    Ok((received, count, control.descriptors))
}
