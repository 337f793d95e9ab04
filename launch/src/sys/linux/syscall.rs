//! System calls by the machine's own instruction.
//!
//! The C library's `syscall` writes errors to `errno`, which belongs to a thread: processes before exec that run in the
//! memory of the thread that started them, several at a time, would all write to the one of that thread.

use std::ffi::{c_int, c_long, c_void};

/// The system's number of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Errno(pub(super) c_int);

impl From<Errno> for std::io::Error {
    fn from(errno: Errno) -> std::io::Error {
        std::io::Error::from_raw_os_error(errno.0)
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Errno {
        Errno(errno.raw_os_error())
    }
}

pub(super) type Result<T> = std::result::Result<T, Errno>;

/// Makes a system call: its number, and up to six arguments, numbers or pointers.
macro_rules! call {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        $crate::sys::linux::syscall::system_call($number, [$(($argument) as usize),*])
    };
}
pub(super) use call;

/// Makes a system call.
///
/// # Safety
///
/// The arguments are as the call's manual page says; what they point to lives during the call.
pub(super) unsafe fn system_call<const N: usize>(number: c_long, arguments: [usize; N]) -> Result<usize> {
    let mut all = [0; 6];
    for (place, argument) in all.iter_mut().zip(arguments) {
        *place = argument;
    }
    // SAFETY: as the caller promises.
    let answer = unsafe { enter(number, all) };
    // The last page of numbers are errors.
    match answer {
        -4095..=-1 => Err(Errno(answer.wrapping_neg() as c_int)),
        answer => Ok(answer.cast_unsigned()),
    }
}

/// # Safety
///
/// As for [`system_call`].
#[cfg(target_arch = "x86_64")]
unsafe fn enter(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let answer;
    // SAFETY: as the caller promises; the kernel changes `rcx` and `r11` and no other register.
    unsafe {
        std::arch::asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") a, in("rsi") b, in("rdx") c,
            in("r10") d, in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack))
    };
    answer
}

/// # Safety
///
/// As for [`system_call`].
#[cfg(target_arch = "aarch64")]
unsafe fn enter(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let answer;
    // SAFETY: as the caller promises; the kernel changes no other register.
    unsafe {
        std::arch::asm!("svc 0", in("x8") number, inlateout("x0") a as isize => answer, in("x1") b, in("x2") c,
            in("x3") d, in("x4") e, in("x5") f, options(nostack))
    };
    answer
}

/// By the C library: on other architectures nothing is confined, so no two processes run before exec at a time.
///
/// # Safety
///
/// As for [`system_call`].
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn enter(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    // SAFETY: as the caller promises.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        // SAFETY: the C library's pointer to this thread's `errno` is valid for reads as long as the thread lives.
        -1 => -(unsafe { *libc::__errno_location() } as isize),
        answer => answer as isize,
    }
}

/// Creates a process that shares this one's memory, as clone(2) with `flags`. It begins in `entry` with `argument`, on a stack
/// that ends at `stack`. With CLONE_PIDFD its pidfd is written to `pidfd`, with CLONE_CHILD_CLEARTID zero to `latch` once it
/// has left this memory.
///
/// # Safety
///
/// `entry` and `argument` are fit for a process that shares the caller's memory. The stack, `latch` and what `argument` points
/// to live until it has left that memory.
pub(super) unsafe fn clone(
    entry: extern "C" fn(*mut c_void) -> c_int,
    stack: *mut c_void,
    flags: c_int,
    argument: *mut c_void,
    pidfd: *mut c_int,
    latch: *mut u32,
) -> Result<libc::pid_t> {
    let no_tls = std::ptr::null_mut::<c_void>();
    // SAFETY: as the caller promises.
    let pid = unsafe { libc::clone(entry, stack, flags | libc::CLONE_VM, argument, pidfd, no_tls, latch) };
    match pid {
        // SAFETY: the C library's pointer to this thread's `errno` is valid for reads as long as the thread lives. Nobody else
        // writes to it: processes that share it make system calls of their own.
        -1 => Err(Errno(unsafe { *libc::__errno_location() })),
        pid => Ok(pid),
    }
}
