//! The first process of a confined child's tree: it waits for the end of the child, or of the host, and ends the tree.
//!
//! It is a program of its own, without a library, so that it holds nothing of the host: one page of code and one of stack.
//! The host starts it with all signals blocked, SIGCHLD ignored (so the kernel collects the orphans that become its
//! children), and descriptor 1, a pidfd of the host. Its first argument says what it is:
//!
//! - `guard`: the guard of process groups. From descriptor 0, a socket, it receives a pidfd of each child that leads one. When
//!   a child ends, it kills that group, and when the host ends, all of them, and ends.
//! - `room`: process 1 of a pid namespace, which one child after the other has for itself. From descriptor 0 it reads the
//!   number of each child. When the child ends, it kills every other process of the namespace, waits until none is left,
//!   makes `/tmp` anew (its second argument are the options; empty for none), and writes a byte to descriptor 2. When the host
//!   ends, or nobody is to write to descriptor 0 any more, it ends: its end is the end of every process in the namespace.
//!
//! In a room it keeps one capability, CAP_SYS_ADMIN in the user namespace, for `/tmp`. It takes no input but the number. The
//! children cannot trace it: they have no capability, and their Landlock domain does not hold it.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

/// Where children come from.
const CONTROL: usize = 0;
const HOST: usize = 1;
/// Where to say that a room is clean.
const CLEAN: usize = 2;

const EINTR: isize = -4;
const ESRCH: isize = -3;
const ECHILD: isize = -10;
const POLLIN: i16 = 1;
const PR_SET_NAME: usize = 15;
const SIGKILL: usize = 9;
const EPOLLIN: u32 = 1;
const EPOLL_CTL_ADD: usize = 1;
const RLIMIT_NOFILE: usize = 7;
const EVERYBODY: usize = -1isize as usize;
/// Children of every kind (`__WALL`).
const ALL_KINDS: usize = 0x4000_0000;
const PIDFD_SIGNAL_PROCESS_GROUP: usize = 4;
/// MS_NOSUID and MS_NODEV.
const MOUNT_FLAGS: usize = 2 | 4;
const MNT_DETACH: usize = 2;
const TMP: *const u8 = c"/tmp".as_ptr().cast();
const TMPFS: *const u8 = c"tmpfs".as_ptr().cast();

#[cfg(target_arch = "x86_64")]
mod number {
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const RECVMSG: usize = 47;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const PRCTL: usize = 157;
    pub const MOUNT: usize = 165;
    pub const UMOUNT2: usize = 166;
    pub const EXIT_GROUP: usize = 231;
    pub const EPOLL_CTL: usize = 233;
    pub const PPOLL: usize = 271;
    pub const EPOLL_PWAIT: usize = 281;
    pub const EPOLL_CREATE1: usize = 291;
    pub const PRLIMIT64: usize = 302;
    pub const PIDFD_SEND_SIGNAL: usize = 424;
    pub const PIDFD_OPEN: usize = 434;
}

#[cfg(target_arch = "aarch64")]
mod number {
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const CLOSE: usize = 57;
    pub const RECVMSG: usize = 212;
    pub const WAIT4: usize = 260;
    pub const KILL: usize = 129;
    pub const PRCTL: usize = 167;
    pub const MOUNT: usize = 40;
    pub const UMOUNT2: usize = 39;
    pub const EXIT_GROUP: usize = 94;
    pub const PPOLL: usize = 73;
    pub const EPOLL_PWAIT: usize = 22;
    pub const EPOLL_CREATE1: usize = 20;
    pub const EPOLL_CTL: usize = 21;
    pub const PRLIMIT64: usize = 261;
    pub const PIDFD_SEND_SIGNAL: usize = 424;
    pub const PIDFD_OPEN: usize = 434;
}

// The kernel enters here with an aligned stack: the number of arguments, and pointers to them.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "mov rdi, rsp", "call {main}", "ud2", main = sym main);

#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x29, xzr", "mov x0, sp", "bl {main}", "brk 1", main = sym main);

/// struct pollfd of poll(2).
#[repr(C)]
struct Poll {
    fd: i32,
    events: i16,
    happened: i16,
}

extern "C" fn main(stack: *const [*const u8; 4]) -> ! {
    // SAFETY: the kernel put the number of arguments there, and then as many pointers: the host gives two or three.
    let [_, _, role, tmp] = unsafe { *stack };
    // It has the name of a file in memory otherwise.
    // SAFETY: the string lives for ever.
    unsafe { call(number::PRCTL, [PR_SET_NAME, c"childproof-init".as_ptr() as usize, 0, 0, 0]) };
    // SAFETY: the host gives a string that is not empty.
    match unsafe { *role } {
        b'g' => guard(),
        _ => keep_room(tmp),
    }
}

/// Watches over the groups of all children that it is told of. What it cannot do ends it, and with it all groups.
fn guard() -> ! {
    // One descriptor a child: as many as there may be.
    let mut most = [0u64; 2];
    // SAFETY: the kernel writes the limit to the variable and reads it from there, which lives during the calls.
    unsafe {
        call(number::PRLIMIT64, [0, RLIMIT_NOFILE, 0, &raw mut most as usize, 0]);
        most[0] = most[1];
        call(number::PRLIMIT64, [0, RLIMIT_NOFILE, &raw const most as usize, 0, 0]);
    }
    // SAFETY: the call takes a number.
    let Ok(events) = usize::try_from(unsafe { call(number::EPOLL_CREATE1, [0; 5]) }) else { exit() };
    let mut last = events;
    if !watch(events, CONTROL) || !watch(events, HOST) {
        exit()
    }
    loop {
        let mut event = Event { events: 0, fd: 0 };
        // SAFETY: the kernel writes at most one event, to a variable that lives during the call, and takes null for the mask.
        let happened = unsafe { call(number::EPOLL_PWAIT, [events, &raw mut event as usize, 1, usize::MAX, 0]) };
        let fd = match happened {
            1 => event.fd as usize,
            EINTR => continue,
            _ => HOST,
        };
        match fd {
            HOST => break,
            CONTROL => match receive() {
                Some(child) if watch(events, child) => last = if child > last { child } else { last },
                _ => break,
            },
            child => {
                kill_group(child);
                // SAFETY: the call takes a number.
                unsafe { call(number::CLOSE, [child, 0, 0, 0, 0]) };
            }
        }
    }
    // The descriptors are the list of children. To the others the signal means nothing.
    (CLEAN..=last).for_each(kill_group);
    exit()
}

fn kill_group(child: usize) {
    // SAFETY: the call takes numbers, and null for the information that the kernel makes itself.
    unsafe { call(number::PIDFD_SEND_SIGNAL, [child, SIGKILL, 0, PIDFD_SIGNAL_PROCESS_GROUP, 0]) };
}

/// struct epoll_event, which is packed on x86-64 alone.
#[cfg_attr(target_arch = "x86_64", repr(C, packed))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C))]
struct Event {
    events: u32,
    fd: u64,
}

fn watch(events: usize, fd: usize) -> bool {
    let event = Event { events: EPOLLIN, fd: fd as u64 };
    // SAFETY: the kernel reads the struct, which lives during the call.
    unsafe { call(number::EPOLL_CTL, [events, EPOLL_CTL_ADD, fd, &raw const event as usize, 0]) == 0 }
}

/// The descriptor that comes with a message. None when there are no more messages, or none with a descriptor.
fn receive() -> Option<usize> {
    let mut byte = 0u8;
    let data = [&raw mut byte as usize, 1];
    // struct cmsghdr: its length, two kinds of 4 bytes each; and the descriptor.
    let mut control = [0usize; 3];
    // struct msghdr: no address, one piece of data, the control data, and flags.
    let mut message = [0, 0, &raw const data as usize, 1, &raw mut control as usize, size_of_val(&control), 0];
    // SAFETY: the kernel writes one byte of data, at most the size of the control data, and to the message itself, all of
    // which live during the call.
    let received = unsafe { call(number::RECVMSG, [CONTROL, &raw mut message as usize, 0, 0, 0]) };
    let [length, _, descriptor] = control;
    (received == 1 && length >= 20).then_some(descriptor as u32 as usize)
}

/// Serves one child after the other. Whatever cannot be done ends it, and with it the room.
fn keep_room(tmp: *const u8) -> ! {
    loop {
        if wait(CONTROL) == Ended::Host {
            exit()
        }
        let mut child = 0i32;
        // SAFETY: the kernel writes at most the size of the variable, which lives during the call.
        if unsafe { call(number::READ, [CONTROL, &raw mut child as usize, size_of::<i32>(), 0, 0]) } != 4 {
            exit()
        }
        // SAFETY: the call takes numbers.
        let pidfd = unsafe { call(number::PIDFD_OPEN, [child as usize, 0, 0, 0, 0]) };
        match usize::try_from(pidfd) {
            Ok(pidfd) => {
                if wait(pidfd) == Ended::Host {
                    exit()
                }
                // SAFETY: the call takes a number.
                unsafe { call(number::CLOSE, [pidfd, 0, 0, 0, 0]) };
            }
            // It has ended, and was collected.
            Err(_) if pidfd == ESRCH => {}
            Err(_) => exit(),
        }
        end_everybody();
        make_tmp(tmp);
        // SAFETY: the kernel reads one byte of a string that lives for ever.
        if unsafe { call(number::WRITE, [CLEAN, TMP as usize, 1, 0, 0]) } != 1 {
            exit()
        }
    }
}

/// Kills every other process of the namespace, and waits until there is none.
///
/// A kill of everybody reaches also those that are being created. Whose parent ends becomes a child of this process before
/// that parent is gone, so when there are no children left, there is nobody.
fn end_everybody() {
    // SAFETY: the call takes numbers.
    unsafe { call(number::KILL, [EVERYBODY, SIGKILL, 0, 0, 0]) };
    loop {
        // SAFETY: the kernel takes null for the status and the usage, which are not asked for.
        match unsafe { call(number::WAIT4, [EVERYBODY, 0, ALL_KINDS, 0, 0]) } {
            ECHILD => return,
            EINTR | 1.. => {}
            _ => exit(),
        }
    }
}

/// Puts an empty `/tmp` in the place of the one there is.
fn make_tmp(options: *const u8) {
    // SAFETY: it is a string of the host's that lives on the stack.
    if unsafe { *options } == 0 {
        return;
    }
    // SAFETY: the strings live during the calls.
    let made = unsafe {
        call(number::UMOUNT2, [TMP as usize, MNT_DETACH, 0, 0, 0]) == 0
            && call(number::MOUNT, [TMPFS as usize, TMP as usize, TMPFS as usize, MOUNT_FLAGS, options as usize]) == 0
    };
    if !made {
        exit()
    }
}

#[derive(PartialEq)]
enum Ended {
    Host,
    Other,
}

/// Waits until there is something to read from a descriptor, which for a pidfd is the end of its process, or until the host
/// has ended.
fn wait(fd: usize) -> Ended {
    let of = |fd: usize| Poll { fd: fd as i32, events: POLLIN, happened: 0 };
    let mut polls = [of(fd), of(HOST)];
    // SAFETY: the kernel writes to the two structs, which live during the call, and takes null for time and mask.
    while unsafe { call(number::PPOLL, [&raw mut polls as usize, 2, 0, 0, 0]) } == EINTR {}
    let [_, host] = &polls;
    if host.happened == 0 { Ended::Other } else { Ended::Host }
}

fn exit() -> ! {
    loop {
        // SAFETY: the call takes a number and does not return.
        unsafe { call(number::EXIT_GROUP, [0; 5]) };
    }
}

/// A system call, as the kernel answers it: errors are negative.
///
/// # Safety
///
/// The arguments are as the call's manual page says; what they point to lives during the call.
#[cfg(target_arch = "x86_64")]
unsafe fn call(number: usize, [a, b, c, d, e]: [usize; 5]) -> isize {
    let answer;
    // SAFETY: as the caller promises; the kernel changes `rcx` and `r11` and no other register.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            in("r8") e, lateout("rcx") _, lateout("r11") _, options(nostack))
    };
    answer
}

/// The same.
///
/// # Safety
///
/// As there.
#[cfg(target_arch = "aarch64")]
unsafe fn call(number: usize, [a, b, c, d, e]: [usize; 5]) -> isize {
    let answer;
    // SAFETY: as the caller promises; the kernel changes no other register.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => answer, in("x1") b, in("x2") c, in("x3") d, in("x4") e,
            options(nostack))
    };
    answer
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit()
}
