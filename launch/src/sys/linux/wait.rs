//! How the end of a process becomes known.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use super::number;
use super::raw::{self, Errno};
use crate::{Exit, Termination, Usage};

/// What is known of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It has not ended, or its end is not to be had yet: a debugger has it first.
    Running,
    /// It has ended.
    Ended(Exit),
    /// It has ended, and nobody can say how.
    Lost,
}

/// Whether looking at an ended process collects it, which frees its number for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collect {
    Yes,
    No,
}

/// Looks at a process without waiting. `floor` is the peak memory, in bytes, up to which it may be the host's.
pub(super) fn look(pidfd: BorrowedFd<'_>, collect: Collect, floor: u64) -> raw::Result<Look> {
    let keep = match collect {
        Collect::Yes => 0,
        Collect::No => libc::WNOWAIT,
    };
    match raw::wait_pidfd(pidfd.as_raw_fd(), libc::WEXITED | libc::WNOHANG | libc::__WALL | keep) {
        Ok(None) => Ok(Look::Running),
        Ok(Some((info, usage))) => Ok(Look::Ended(Exit {
            termination: of_siginfo(&info),
            usage: Some(of_rusage(&usage, floor)),
        })),
        Err(Errno(libc::ECHILD)) => Ok(after_foreign_wait(record(pidfd))),
        Err(errno) => Err(errno),
    }
}

/// Whether the process is one that this process could still collect: as long as it is, its number is its own.
pub(super) fn is_uncollected(pidfd: BorrowedFd<'_>) -> bool {
    raw::wait_pidfd(
        pidfd.as_raw_fd(),
        libc::WEXITED | libc::WNOHANG | libc::__WALL | libc::WNOWAIT,
    )
    .is_ok()
}

/// Waits for a process that is about to end, and leaves it as it is.
pub(super) fn wait_for_end(pidfd: BorrowedFd<'_>) {
    let kept = libc::WEXITED | libc::__WALL | libc::WNOWAIT;
    while let Err(Errno(libc::EINTR)) = raw::wait_pidfd(pidfd.as_raw_fd(), kept) {}
}

/// Waits for a process that is about to end and collects it.
pub(super) fn collect(pidfd: BorrowedFd<'_>) {
    while let Err(Errno(libc::EINTR)) = raw::wait_pidfd(pidfd.as_raw_fd(), libc::WEXITED | libc::__WALL) {}
}

/// Waits for a child that has no pidfd and ends without executing anything, and collects it.
///
/// Most were created to end without a signal, so that only a wait that asks for such children (`__WALL`) collects them, and the
/// number is theirs until then. Of the end of a candidate the kernel tells as of any child's: in a host that collects whatever ends,
/// the host may be faster, and then there is nothing to wait for.
pub(super) fn collect_unexecuted(pid: libc::pid_t) {
    while raw::wait_pid(pid, libc::__WALL) == Err(Errno(libc::EINTR)) {}
}

/// Waits for all children in a process group, which are about to end, and collects them.
pub(super) fn collect_group(group: libc::pid_t) {
    while let Ok(()) | Err(Errno(libc::EINTR)) = raw::wait_pid(-group, libc::__WALL) {}
}

/// What the kernel keeps of a process that was collected, for those who hold a pidfd of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    /// Its status, as wait(2) gives it.
    Status(i32),
    /// None yet: somebody is about to collect it.
    NotYet,
    /// None.
    None,
}

/// Linux 6.15 and later keep the status of a process until its last pidfd is closed.
fn record(pidfd: BorrowedFd<'_>) -> Record {
    let ask = || raw::pidfd_info(pidfd.as_raw_fd(), libc::PIDFD_INFO_EXIT);
    let answer = match ask() {
        // The kernel looks for the status first and for the process then. Between the two somebody may have collected it.
        Err(Errno(libc::ESRCH)) => ask(),
        answer => answer,
    };
    match answer {
        Ok(info) if info.mask & u64::from(libc::PIDFD_INFO_EXIT) != 0 => Record::Status(info.exit_code),
        Ok(_) => Record::NotYet,
        Err(_) => Record::None,
    }
}

/// What to make of a process that is no child of ours any more.
fn after_foreign_wait(record: Record) -> Look {
    match record {
        Record::Status(status) => Look::Ended(Exit {
            termination: of_status(status),
            usage: None,
        }),
        Record::NotYet => Look::Running,
        Record::None => Look::Lost,
    }
}

fn of_siginfo(info: &libc::siginfo_t) -> Termination {
    // SAFETY: waitid(2) fills in the fields of a child's end.
    let status = unsafe { info.si_status() };
    match info.si_code {
        libc::CLD_EXITED => exited(status),
        _ => Termination::Signaled(number::to_signal(status)),
    }
}

fn of_status(status: i32) -> Termination {
    if libc::WIFEXITED(status) {
        exited(libc::WEXITSTATUS(status))
    } else {
        Termination::Signaled(number::to_signal(libc::WTERMSIG(status)))
    }
}

fn exited(code: i32) -> Termination {
    Termination::Exited(code as u32 & 0xff)
}

fn of_rusage(usage: &libc::rusage, floor: u64) -> Usage {
    let peak = peak_bytes(usage);
    Usage {
        user_time: of_timeval(usage.ru_utime),
        system_time: of_timeval(usage.ru_stime),
        peak_memory: (peak > floor).then_some(peak),
    }
}

/// The host's own peak memory in bytes. At exec the kernel books the peak of the memory that a process leaves on that process,
/// though a child of ours only borrowed it, so a child's peak says nothing unless it is higher than this.
pub(super) fn own_peak() -> u64 {
    raw::own_usage().map_or(u64::MAX, |usage| peak_bytes(&usage))
}

fn peak_bytes(usage: &libc::rusage) -> u64 {
    // The kernel counts in KiB.
    u64::try_from(usage.ru_maxrss).unwrap_or(0).saturating_mul(1024)
}

fn of_timeval(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signal;

    #[test]
    fn a_status_that_the_kernel_kept_is_the_answer() {
        let exit = |termination| {
            Look::Ended(Exit {
                termination,
                usage: None,
            })
        };
        assert_eq!(after_foreign_wait(Record::Status(0)), exit(Termination::Exited(0)));
        assert_eq!(
            after_foreign_wait(Record::Status(137 << 8)),
            exit(Termination::Exited(137))
        );
        assert_eq!(
            after_foreign_wait(Record::Status(9)),
            exit(Termination::Signaled(Signal::Kill))
        );
        let dumped = 0x80 | libc::SIGABRT;
        assert_eq!(
            after_foreign_wait(Record::Status(dumped)),
            exit(Termination::Signaled(Signal::Abrt))
        );
    }

    #[test]
    fn a_status_that_nobody_kept_is_lost_and_not_made_up() {
        assert_eq!(after_foreign_wait(Record::None), Look::Lost);
    }

    #[test]
    fn a_status_that_is_about_to_be_kept_is_waited_for() {
        assert_eq!(after_foreign_wait(Record::NotYet), Look::Running);
    }
}
