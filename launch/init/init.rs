//! The first process of a confined child's tree: it waits for the end of the child, or of the host, and ends the tree.
//!
//! It is a program of its own, without a library, so that it holds nothing of the host: one page of code and one of stack.
//! The host starts it with all signals blocked, SIGCHLD ignored (so the kernel collects the orphans that become its
//! children), no capability, and two descriptors:
//!
//! - 0: in a pid namespace (no argument), the reading end of a pipe that ends once the child, process 2, runs its program or
//!   was not started. Without one (an argument), a pidfd of the child.
//! - 1: a pidfd of the host.
//!
//! In a pid namespace it is process 1, and its end is the end of every process in it: the kernel sees to that. Without one
//! it kills the child's process group.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

const CHILD: usize = 0;
const HOST: usize = 1;
/// The first process of a pid namespace after this one.
const SECOND: usize = 2;

const EINTR: isize = -4;
const POLLIN: i16 = 1;
const PR_SET_DUMPABLE: usize = 4;
const SIGKILL: usize = 9;
const PIDFD_SIGNAL_PROCESS_GROUP: usize = 4;

#[cfg(target_arch = "x86_64")]
mod number {
    pub const READ: usize = 0;
    pub const CLOSE: usize = 3;
    pub const PRCTL: usize = 157;
    pub const EXIT_GROUP: usize = 231;
    pub const PPOLL: usize = 271;
    pub const PIDFD_SEND_SIGNAL: usize = 424;
    pub const PIDFD_OPEN: usize = 434;
}

#[cfg(target_arch = "aarch64")]
mod number {
    pub const READ: usize = 63;
    pub const CLOSE: usize = 57;
    pub const PRCTL: usize = 167;
    pub const EXIT_GROUP: usize = 94;
    pub const PPOLL: usize = 73;
    pub const PIDFD_SEND_SIGNAL: usize = 424;
    pub const PIDFD_OPEN: usize = 434;
}

// The kernel enters here with the number of arguments at the top of an aligned stack.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "mov rdi, [rsp]", "call {main}", "ud2", main = sym main);

#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x29, xzr", "ldr x0, [sp]", "bl {main}", "brk 1", main = sym main);

/// struct pollfd of poll(2).
#[repr(C)]
struct Poll {
    fd: i32,
    events: i16,
    happened: i16,
}

extern "C" fn main(arguments: usize) -> ! {
    // What this process holds is not for the processes of the tree, which have the same user.
    // SAFETY: the call takes numbers.
    unsafe { call(number::PRCTL, [PR_SET_DUMPABLE, 0, 0, 0, 0]) };
    let alone = arguments > 1;
    let child = if alone { CHILD } else { second_process() };
    wait(child);
    if alone {
        // SAFETY: the call takes numbers, and null for the information that the kernel makes itself.
        unsafe { call(number::PIDFD_SEND_SIGNAL, [child, SIGKILL, 0, PIDFD_SIGNAL_PROCESS_GROUP, 0]) };
    }
    exit()
}

/// Waits until the child was started and gives a pidfd of it. One that was not started, or has ended, was the tree.
fn second_process() -> usize {
    let mut byte = 0u8;
    // SAFETY: the kernel writes at most one byte, to a variable that lives during the call.
    while unsafe { call(number::READ, [CHILD, &raw mut byte as usize, 1, 0, 0]) } == EINTR {}
    // SAFETY: the call takes a number.
    unsafe { call(number::CLOSE, [CHILD, 0, 0, 0, 0]) };
    // SAFETY: the call takes numbers.
    let pidfd = unsafe { call(number::PIDFD_OPEN, [SECOND, 0, 0, 0, 0]) };
    match usize::try_from(pidfd) {
        Ok(pidfd) => pidfd,
        Err(_) => exit(),
    }
}

/// Waits until the child or the host has ended. If that cannot be waited for, the tree cannot be guarded, and ends.
fn wait(child: usize) {
    let of = |fd: usize| Poll { fd: fd as i32, events: POLLIN, happened: 0 };
    let mut polls = [of(child), of(HOST)];
    let polls = &raw mut polls as usize;
    // SAFETY: the kernel writes to the two structs, which live during the call, and takes null for time and mask.
    while unsafe { call(number::PPOLL, [polls, 2, 0, 0, 0]) } == EINTR {}
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
