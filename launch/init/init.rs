//! The first process of a confined child's tree: it waits for the end of the child, or of the host, and ends the tree.
//!
//! It is a program of its own, without a library, so that it holds nothing of the host: one page of code and one of stack.
//! The host starts it with all signals blocked, SIGCHLD ignored (so the kernel collects the orphans that become its
//! children), and descriptor 1, a pidfd of the host. Its first argument says what it is:
//!
//! - `group`: the guard of a process group. Descriptor 0 is a pidfd of the child that leads it. When child or host end, it
//!   kills the group and ends.
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

/// Where a room's children come from, or the child that a guard waits for.
const CONTROL: usize = 0;
const HOST: usize = 1;
/// Where to say that a room is clean.
const CLEAN: usize = 2;

const EINTR: isize = -4;
const ESRCH: isize = -3;
const ECHILD: isize = -10;
const POLLIN: i16 = 1;
const SIGKILL: usize = 9;
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
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const MOUNT: usize = 165;
    pub const UMOUNT2: usize = 166;
    pub const EXIT_GROUP: usize = 231;
    pub const PPOLL: usize = 271;
    pub const PIDFD_SEND_SIGNAL: usize = 424;
    pub const PIDFD_OPEN: usize = 434;
}

#[cfg(target_arch = "aarch64")]
mod number {
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const CLOSE: usize = 57;
    pub const WAIT4: usize = 260;
    pub const KILL: usize = 129;
    pub const MOUNT: usize = 40;
    pub const UMOUNT2: usize = 39;
    pub const EXIT_GROUP: usize = 94;
    pub const PPOLL: usize = 73;
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
    // SAFETY: the host gives a string that is not empty.
    match unsafe { *role } {
        b'g' => guard(),
        _ => keep_room(tmp),
    }
}

/// Waits for the end of the child or of the host, and kills the child's process group.
fn guard() -> ! {
    wait(CONTROL);
    // SAFETY: the call takes numbers, and null for the information that the kernel makes itself.
    unsafe { call(number::PIDFD_SEND_SIGNAL, [CONTROL, SIGKILL, 0, PIDFD_SIGNAL_PROCESS_GROUP, 0]) };
    exit()
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
