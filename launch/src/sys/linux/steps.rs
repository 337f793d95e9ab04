//! What a child without confinement does between clone and exec, step by step. Confined ones do it in a memory of their own:
//! see `init/child.rs`.
//!
//! The child runs in the parent's memory while the parent's thread is suspended and its other threads go on. So nothing
//! here may allocate, take a lock, panic, or call what keeps state: it is system calls and nothing else, and all that they need
//! was made by the parent before.

use std::convert::Infallible;
use std::ffi::{CStr, c_char, c_int};
use std::os::fd::RawFd;

use super::number::LAST_SIGNAL;
use super::raw::{self, Errno, SignalSet};
use crate::{Resource, Stage};

/// All a child needs. The pointers are valid while the parent's thread is suspended.
pub(super) struct Plan<'a> {
    /// The program's file.
    pub(super) program: RawFd,
    /// Its canonical path.
    pub(super) path: &'a CStr,
    /// Arrays of strings as exec takes them.
    pub(super) argv: *const *const c_char,
    pub(super) envp: *const *const c_char,
    /// The working directory, if not the host's.
    pub(super) directory: Option<RawFd>,
    /// The sources of descriptors 0, 1 and 2.
    pub(super) stdio: [RawFd; 3],
    /// Which resource, its number, and the soft and hard limit.
    pub(super) rlimits: &'a [(Resource, libc::c_long, u64, u64)],
    /// The file that it writes to in order to enter its control group.
    pub(super) control_group: Option<RawFd>,
}

/// The step that failed and what the system said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) errno: Errno,
}

pub(super) trait At<T> {
    fn at(self, stage: Stage) -> Result<T, Failure>;
}

impl<T, E: Into<Errno>> At<T> for Result<T, E> {
    fn at(self, stage: Stage) -> Result<T, Failure> {
        match self {
            Ok(value) => Ok(value),
            Err(errno) => Err(Failure {
                stage,
                errno: errno.into(),
            }),
        }
    }
}

/// Runs the steps. Returns only if one fails.
///
/// # Safety
///
/// The pointers in `plan` are as its fields say. The caller is a process of its own with a table of descriptors and of signal
/// dispositions of its own, and has all signals blocked.
pub(super) unsafe fn run(plan: &Plan<'_>) -> Result<Infallible, Failure> {
    if let Some(processes) = plan.control_group {
        // To the kernel, 0 is whoever writes.
        raw::write(processes, b"0").at(Stage::ControlGroup)?;
    }
    raw::setsid().at(Stage::Session)?;
    // Before the mask is emptied: a handler of the host must never run here, in the host's memory. Also what the host
    // ignores is set back (SIGPIPE in every Rust program), which exec alone would leave.
    default_signals().at(Stage::Signals)?;

    // First everything out of the way of 0, 1 and 2: the host may have had some of them closed, and then any descriptor of
    // ours may carry such a number, or one stream's source another's target.
    let program = lift(plan.program).at(Stage::Descriptors)?;
    let directory = plan.directory.map(lift).transpose().at(Stage::Descriptors)?;
    let [stdin, stdout, stderr] = plan.stdio;
    let stdin = lift(stdin).at(Stage::Descriptors)?;
    let stdout = lift(stdout).at(Stage::Descriptors)?;
    let stderr = lift(stderr).at(Stage::Descriptors)?;
    raw::duplicate_onto(stdin, 0).at(Stage::Stdio)?;
    raw::duplicate_onto(stdout, 1).at(Stage::Stdio)?;
    raw::duplicate_onto(stderr, 2).at(Stage::Stdio)?;

    if let Some(directory) = directory {
        raw::change_directory(directory).at(Stage::WorkingDirectory)?;
    }
    // Before the limits: where the kernel cannot do it in one call, it takes a descriptor.
    close_others().at(Stage::CloseDescriptors)?;
    for &(resource, number, soft, hard) in plan.rlimits {
        raw::set_rlimit(number, soft, hard).at(Stage::Rlimit(resource))?;
    }
    raw::set_signal_mask(SignalSet::EMPTY).at(Stage::SignalMask)?;
    // SAFETY: the pointers are as the caller promises.
    let errno = unsafe { execute(program, plan) };
    Err(Failure {
        stage: Stage::Exec,
        errno,
    })
}

/// Sets each signal to its default, and forgets those that are pending.
///
/// Until setsid, the child was in the host's process group, so a signal to that group (Ctrl-C in a terminal) reached it, too.
/// It was meant for the host. It is blocked, but would kill the child without a word as soon as the mask is emptied. A signal
/// that is set to be ignored is no longer pending.
pub(super) fn default_signals() -> raw::Result<()> {
    // Where the system will not say, all of them are forgotten, at the price of a call for each.
    let pending = match raw::pending_signals() {
        Ok(pending) => pending,
        Err(_) => SignalSet::FULL,
    };
    let mut signal: c_int = 1;
    while signal <= LAST_SIGNAL {
        if signal != libc::SIGKILL && signal != libc::SIGSTOP {
            if pending.holds(signal) {
                raw::ignore_signal(signal)?;
            }
            raw::default_signal(signal)?;
        }
        signal = signal.wrapping_add(1);
    }
    Ok(())
}

fn lift(fd: RawFd) -> raw::Result<RawFd> {
    if fd > 2 { Ok(fd) } else { raw::duplicate_above(fd, 3) }
}

/// Marks all descriptors but 0, 1 and 2 to be closed by exec.
fn close_others() -> raw::Result<()> {
    match raw::close_range_on_exec(3) {
        // Before Linux 5.9 the call is not there, before 5.11 the flag; filters of containers forbid what they do not know.
        Err(Errno(libc::ENOSYS | libc::EINVAL | libc::EPERM)) => close_listed(),
        result => result,
    }
}

/// The same, one by one, as /proc lists them.
fn close_listed() -> raw::Result<()> {
    let directory = raw::open_directory(c"/proc/self/fd")?;
    let mut buffer = [0u8; 4096];
    loop {
        let filled = raw::list_directory(directory, &mut buffer)?;
        if filled == 0 {
            // The directory's own descriptor was made to be closed by exec.
            return Ok(());
        }
        let mut rest = buffer.get(..filled).unwrap_or(&[]);
        // Each entry: 8 bytes of inode, 8 of offset, 2 of the entry's length, 1 of type, and the name, ended by NUL.
        while let (Some(&[low, high]), Some(name)) = (rest.get(16..18), rest.get(19..)) {
            if let Some(fd) = number(name)
                && fd > 2
            {
                raw::close_on_exec(fd)?;
            }
            rest = rest
                .get(usize::from(u16::from_ne_bytes([low, high])).max(1)..)
                .unwrap_or(&[]);
        }
    }
}

/// The decimal number at the beginning of a name that ends with NUL; none for `.` and `..`.
fn number(name: &[u8]) -> Option<RawFd> {
    let mut value: RawFd = 0;
    for &byte in name {
        match byte {
            b'0'..=b'9' => {
                value = value
                    .wrapping_mul(10)
                    .wrapping_add(RawFd::from(byte.wrapping_sub(b'0')))
            }
            0 => return Some(value),
            _ => return None,
        }
    }
    None
}

/// Executes the program: the very file that was opened, or, for a script, the file at its path.
///
/// The kernel refuses with ENOENT to run a script from a descriptor that exec closes, since the interpreter could not open
/// it. A missing interpreter or loader is the same error, and stays it on the second try.
///
/// # Safety
///
/// The pointers in `plan` are as its fields say.
unsafe fn execute(program: RawFd, plan: &Plan<'_>) -> Errno {
    // SAFETY: as the caller promises.
    match unsafe { raw::execute_fd(program, plan.argv, plan.envp) } {
        // SAFETY: as the caller promises.
        Errno(libc::ENOENT) => unsafe { raw::execute_path(plan.path.as_ptr(), plan.argv, plan.envp) },
        errno => errno,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a child does that was sent SIGTERM and a realtime signal before it set its signals to their defaults.
    fn take_signals_early() -> raw::Result<()> {
        raw::set_signal_mask(SignalSet::FULL)?;
        for signal in [libc::SIGTERM, libc::SIGINT, LAST_SIGNAL] {
            // SAFETY: the calls take numbers and touch no memory.
            unsafe { libc::syscall(libc::SYS_kill, libc::syscall(libc::SYS_getpid), signal) };
        }
        default_signals()?;
        raw::set_signal_mask(SignalSet::EMPTY).map(drop)
    }

    #[test]
    fn a_signal_that_came_before_the_defaults_were_set_is_forgotten() {
        // SAFETY: the child makes system calls and nothing else, and leaves without running anything of this process.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            raw::exit(take_signals_early().map_or_else(|errno| errno.0, |()| 0));
        }
        assert!(pid > 0);
        let mut status = -1;
        // SAFETY: the status lives during the call.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
        assert_eq!(status, 0, "it was ended by signal {}", libc::WTERMSIG(status));
    }
}
