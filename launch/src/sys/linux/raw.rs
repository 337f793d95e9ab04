//! System calls without a C library's wrapper around them.
//!
//! They serve the child between clone and exec, where another process's memory is in use and only what the kernel does
//! may be relied on: nothing here allocates, locks, panics or keeps state, but for `errno`, which the parent's thread (it is
//! suspended meanwhile) saves for nobody. The few calls that no library offers serve the parent, too.

use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::os::fd::RawFd;

/// The system's number of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Errno(pub(super) c_int);

impl Errno {
    /// What the last failed call of this thread left.
    pub(super) fn last() -> Errno {
        // SAFETY: the C library's pointer to this thread's `errno` is valid for reads as long as the thread lives.
        Errno(unsafe { *libc::__errno_location() })
    }
}

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

pub(super) fn check(result: c_long) -> Result<c_long> {
    if result == -1 { Err(Errno::last()) } else { Ok(result) }
}

/// Creates a process that shares this one's memory, as clone(2) with `flags`. It begins in `entry` with `argument`, on a stack
/// that ends at `stack`, and this thread is suspended until it has executed a program or has ended. With CLONE_PIDFD its
/// pidfd is written to `pidfd`.
///
/// # Safety
///
/// `entry` and `argument` are fit for a process that shares the caller's memory. Nobody else uses the stack. All signals are
/// blocked.
pub(super) unsafe fn clone(
    entry: extern "C" fn(*mut c_void) -> c_int,
    stack: *mut c_void,
    flags: c_int,
    argument: *mut c_void,
    pidfd: *mut c_int,
) -> Result<libc::pid_t> {
    let flags = flags | libc::CLONE_VM | libc::CLONE_VFORK;
    // SAFETY: as the caller promises; this thread uses neither the stack nor what the process has access to meanwhile.
    match unsafe { libc::clone(entry, stack, flags, argument, pidfd) } {
        -1 => Err(Errno::last()),
        pid => Ok(pid),
    }
}

/// The bytes of the kernel's set of signals, which is smaller than the C library's.
const SIGSET_BYTES: usize = 8;

/// A set of signals as the kernel has it: bit 0 is signal 1.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct SignalSet(u64);

impl SignalSet {
    pub(super) const EMPTY: SignalSet = SignalSet(0);
    pub(super) const FULL: SignalSet = SignalSet(u64::MAX);
    /// All but the signals 32, 33 and 34, by which C libraries make every thread of a process take part in a setuid(2) or a
    /// cancellation: a thread that blocks them for good hangs such a call for ever.
    pub(super) const FULL_FOR_A_THREAD: SignalSet = SignalSet(!(0b111 << 31));
}

/// Sets the calling thread's signal mask, also the part of it that the C library keeps for itself, and answers the old one.
pub(super) fn set_signal_mask(set: SignalSet) -> Result<SignalSet> {
    let mut old = SignalSet::EMPTY;
    // SAFETY: both pointers are to sets of the size that is passed, live during the call; the kernel writes to the second.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const set,
            &raw mut old,
            SIGSET_BYTES,
        )
    };
    check(result).map(|_| old)
}

impl SignalSet {
    /// Whether the set holds a signal, by its number.
    pub(super) fn holds(self, signal: c_int) -> bool {
        let bit = signal.wrapping_sub(1);
        (0..64).contains(&bit) && self.0.wrapping_shr(bit.unsigned_abs()) & 1 == 1
    }
}

/// The blocked signals that wait for the calling thread.
pub(super) fn pending_signals() -> Result<SignalSet> {
    let mut pending = SignalSet::EMPTY;
    // SAFETY: the kernel writes one set of the size that is passed, which lives during the call.
    check(unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut pending, SIGSET_BYTES) }).map(|_| pending)
}

/// Sets a signal's disposition to the default.
pub(super) fn default_signal(signal: c_int) -> Result<()> {
    set_disposition(signal, libc::SIG_DFL)
}

/// Sets a signal to be ignored, which also forgets one that is pending.
pub(super) fn ignore_signal(signal: c_int) -> Result<()> {
    set_disposition(signal, libc::SIG_IGN)
}

fn set_disposition(signal: c_int, handler: libc::sighandler_t) -> Result<()> {
    // The kernel's struct has a handler, flags, a restorer and a mask, all zeros but for the handler. That comes first on
    // every architecture but MIPS, whose sets of signals have another size, so that the kernel refuses the call there. The
    // struct is at most this large.
    let mut action = [0usize; 16];
    action[0] = handler;
    let no_old = std::ptr::null_mut::<c_void>();
    // SAFETY: the kernel reads no more than the buffer from the first pointer, and takes null for the second.
    let result = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), no_old, SIGSET_BYTES) };
    check(result).map(drop)
}

/// Makes the caller the leader of a new session and process group.
pub(super) fn setsid() -> Result<()> {
    // SAFETY: the call takes no argument and touches no memory.
    check(unsafe { libc::syscall(libc::SYS_setsid) }).map(drop)
}

/// Duplicates a descriptor to the lowest free number from `lowest` on, closed by exec.
pub(super) fn duplicate_above(fd: RawFd, lowest: c_int) -> Result<RawFd> {
    // SAFETY: the call takes numbers and touches no memory; a number that is no descriptor is an error.
    let result = unsafe { libc::syscall(libc::SYS_fcntl, fd, libc::F_DUPFD_CLOEXEC, lowest) };
    check(result).map(|new| new as RawFd)
}

/// Makes `target` a duplicate of `fd` that exec leaves open. They must differ.
pub(super) fn duplicate_onto(fd: RawFd, target: RawFd) -> Result<()> {
    // SAFETY: the call takes numbers and touches no memory. What `target` was before is closed in the caller's own table of
    // descriptors, which in the child is a copy that no Rust value owns a part of.
    check(unsafe { libc::syscall(libc::SYS_dup3, fd, target, 0) }).map(drop)
}

/// Marks one descriptor to be closed by exec.
pub(super) fn close_on_exec(fd: RawFd) -> Result<()> {
    // SAFETY: the call takes numbers and touches no memory.
    check(unsafe { libc::syscall(libc::SYS_fcntl, fd, libc::F_SETFD, libc::FD_CLOEXEC) }).map(drop)
}

/// Marks every descriptor from `first` on to be closed by exec.
pub(super) fn close_range_on_exec(first: c_uint) -> Result<()> {
    // SAFETY: the call takes numbers and touches no memory.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) }).map(drop)
}

/// Gives the calling process a table of descriptors of its own, if it shares one.
pub(super) fn unshare_descriptors() -> Result<()> {
    // SAFETY: the call takes a number and touches no memory. The table becomes a copy that no Rust value owns a part of.
    check(unsafe { libc::syscall(libc::SYS_unshare, libc::CLONE_FILES) }).map(drop)
}

/// Opens a directory to list it, closed by exec.
pub(super) fn open_directory(path: &'static std::ffi::CStr) -> Result<RawFd> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the path is a string that ends with NUL and lives for ever; no mode is read without O_CREAT.
    let result = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) };
    check(result).map(|fd| fd as RawFd)
}

/// Reads entries of a directory, as getdents64(2) lays them out, and answers how many bytes; 0 at the end.
pub(super) fn list_directory(fd: RawFd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most the length that is passed, which is the buffer's.
    let result = unsafe { libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), buffer.len()) };
    check(result).map(|bytes| bytes as usize)
}

/// Changes the caller's working directory.
pub(super) fn change_directory(fd: RawFd) -> Result<()> {
    // SAFETY: the call takes a number and touches no memory.
    check(unsafe { libc::syscall(libc::SYS_fchdir, fd) }).map(drop)
}

/// Sets a limit of the calling process.
pub(super) fn set_rlimit(resource: c_long, soft: u64, hard: u64) -> Result<()> {
    let limit = [soft, hard];
    let no_old = std::ptr::null_mut::<c_void>();
    // SAFETY: rlimit64 is two 64-bit numbers, soft then hard, and lives during the call; the old limit is not asked for.
    check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, limit.as_ptr(), no_old) }).map(drop)
}

/// Executes the file that a descriptor names. Returns only on failure.
///
/// # Safety
///
/// `argv` and `envp` are arrays of pointers to strings that end with NUL, each array ended by a null pointer.
pub(super) unsafe fn execute_fd(fd: RawFd, argv: *const *const c_char, envp: *const *const c_char) -> Errno {
    // SAFETY: the path is the empty string; the arrays are as the caller promises.
    unsafe { libc::syscall(libc::SYS_execveat, fd, c"".as_ptr(), argv, envp, libc::AT_EMPTY_PATH) };
    Errno::last()
}

/// Executes the file at a path. Returns only on failure.
///
/// # Safety
///
/// `path` is a string that ends with NUL; `argv` and `envp` are as for [`execute_fd`].
pub(super) unsafe fn execute_path(
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> Errno {
    // SAFETY: as the caller promises.
    unsafe { libc::syscall(libc::SYS_execve, path, argv, envp) };
    Errno::last()
}

/// Ends the calling process without running anything of a C library.
pub(super) fn exit(code: c_int) -> ! {
    loop {
        // SAFETY: the call takes a number and does not return.
        unsafe { libc::syscall(libc::SYS_exit_group, code) };
    }
}

/// Looks at the end of the process of a pidfd, as waitid(2) with `options`. None while it has not ended, with WNOHANG.
pub(super) fn wait_pidfd(pidfd: RawFd, options: c_int) -> Result<Option<(libc::siginfo_t, libc::rusage)>> {
    // SAFETY: both are plain C structs, for which all zeros is a value.
    let (mut info, mut usage) = unsafe { std::mem::zeroed::<(libc::siginfo_t, libc::rusage)>() };
    // SAFETY: the kernel writes one struct of each kind, which live during the call. The C library's wrapper has no argument
    // for the usage.
    let result = unsafe {
        libc::syscall(
            libc::SYS_waitid,
            libc::P_PIDFD,
            pidfd,
            &raw mut info,
            options,
            &raw mut usage,
        )
    };
    check(result)?;
    // The kernel leaves zeros in place of a process.
    Ok((info.si_signo != 0).then_some((info, usage)))
}

/// Writes to a pipe, all or nothing.
pub(super) fn write(fd: RawFd, bytes: &[u8]) -> Result<()> {
    // SAFETY: the kernel reads as many bytes as the slice has.
    check(unsafe { libc::syscall(libc::SYS_write, fd, bytes.as_ptr(), bytes.len()) }).map(drop)
}

/// Waits for a child by number, as wait4(2) with `options`, and collects it.
pub(super) fn wait_pid(pid: libc::pid_t, options: c_int) -> Result<()> {
    let nothing = std::ptr::null_mut::<c_void>();
    // SAFETY: the kernel takes null for the status and the usage, which are not asked for.
    check(unsafe { libc::syscall(libc::SYS_wait4, pid, nothing, options, nothing) }).map(drop)
}

/// What the calling process used.
pub(super) fn own_usage() -> Result<libc::rusage> {
    // SAFETY: it is a plain C struct, for which all zeros is a value.
    let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
    // SAFETY: the kernel writes one struct, which lives during the call.
    check(unsafe { libc::syscall(libc::SYS_getrusage, libc::RUSAGE_SELF, &raw mut usage) }).map(|_| usage)
}

/// Asks the kernel about the process of a pidfd, for what `mask` names; the answer's mask says what it holds.
pub(super) fn pidfd_info(pidfd: RawFd, mask: c_uint) -> Result<libc::pidfd_info> {
    // SAFETY: it is a plain C struct, for which all zeros is a value.
    let mut info = unsafe { std::mem::zeroed::<libc::pidfd_info>() };
    info.mask = mask.into();
    // SAFETY: the request's number carries the size of the struct, more than which the kernel does not write.
    check(unsafe { libc::syscall(libc::SYS_ioctl, pidfd, libc::PIDFD_GET_INFO, &raw mut info) }).map(|_| info)
}

/// Sends a signal to what a pidfd and `flags` name. Signal 0 only looks whether it could.
pub(super) fn signal_pidfd(pidfd: RawFd, signal: c_int, flags: c_uint) -> Result<()> {
    let no_info = std::ptr::null::<c_void>();
    // SAFETY: the kernel takes null for the information and makes its own.
    check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal, no_info, flags) }).map(drop)
}

/// Sends a signal to a process group by number. The caller makes sure whose number it is.
pub(super) fn signal_group(group: libc::pid_t, signal: c_int) -> Result<()> {
    // SAFETY: the call takes numbers and touches no memory.
    check(unsafe { libc::syscall(libc::SYS_kill, -group, signal) }).map(drop)
}
