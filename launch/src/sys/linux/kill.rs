//! Signals to a process and to its process group, and to nobody else.
//!
//! A signal by number reaches whoever has the number when it arrives. A pidfd stands for one process, for ever, so signals
//! go by it. Since Linux 6.9 the same holds for the process group that the process led: a group is known to the kernel by the
//! very object the pidfd holds on to, so the signal finds the members that are left, even when the leader was collected and
//! its number given away, and no other group.
//!
//! Before 6.9 a group can only be named by number, which is the leader's. It cannot be given to another process or group as
//! long as the leader was not collected. So there [`Process`](super::process::Process) does not collect an ended leader
//! before the last moment of its handle, and the group is signalled only while the leader is known to be uncollected. What
//! remains is a host that collects children it did not start (`waitpid(-1)`, SIGCHLD ignored) on such a kernel: where the
//! leader is found to be gone, the group is left alone.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::OnceLock;

use rustix::process::{PidfdFlags, getpid, pidfd_open};

use super::raw::{self, Errno};
use super::wait;

/// Sends a signal to the process of a pidfd.
pub(super) fn process(pidfd: BorrowedFd<'_>, signal: i32) -> raw::Result<()> {
    raw::signal_pidfd(pidfd.as_raw_fd(), signal, 0)
}

/// Sends SIGKILL to the process group that the process of a pidfd leads, or led. `pid` is its number. A group that has nobody
/// left is a success.
pub(super) fn group(pidfd: BorrowedFd<'_>, pid: libc::pid_t) -> raw::Result<()> {
    let result = if has_group_signals(pidfd) {
        raw::signal_pidfd(pidfd.as_raw_fd(), libc::SIGKILL, libc::PIDFD_SIGNAL_PROCESS_GROUP)
    } else if wait::is_uncollected(pidfd) {
        raw::signal_group(pid, libc::SIGKILL)
    } else {
        Ok(())
    };
    match result {
        Err(Errno(libc::ESRCH)) => Ok(()),
        result => result,
    }
}

/// Makes sure that the system lets this process send signals by pidfd at all: filters of containers forbid calls, and a child
/// that cannot be killed must not be started. The host itself stands in for the child.
pub(super) fn check() -> raw::Result<()> {
    let of_host = pidfd_open(getpid(), PidfdFlags::empty()).map_err(|errno| Errno(errno.raw_os_error()))?;
    process(of_host.as_fd(), 0)?;
    has_group_signals(of_host.as_fd());
    Ok(())
}

/// Whether the kernel takes a pidfd for a group. Asked once, with any pidfd.
pub(super) fn has_group_signals(pidfd: BorrowedFd<'_>) -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        // A kernel that does not know the flag says EINVAL before it looks at anything else, a filter whatever it was told to
        // say. Only what comes of looking for the group's members shows that the call was made.
        let answer = raw::signal_pidfd(pidfd.as_raw_fd(), 0, libc::PIDFD_SIGNAL_PROCESS_GROUP);
        matches!(answer, Ok(()) | Err(Errno(libc::ESRCH)))
    })
}
