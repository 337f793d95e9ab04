//! What the kernel gives to confine and to watch processes with.

use crate::{ConfineError, sys};

/// What the kernel gives, each found by trying it alone. A [`Profile`](crate::Profile) says what one tier needs, and stops at the
/// first thing that is missing; this is for reports.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Kernel {
    /// A user namespace can be made.
    pub user_namespaces: Result<(), ConfineError>,
    /// In it, a mount namespace can be made, and something mounted there.
    pub mount_namespaces: Result<(), ConfineError>,
    /// In it, namespaces of processes, network, System V IPC, host name and control groups can be made.
    pub other_namespaces: Result<(), ConfineError>,
    /// The version of Landlock.
    pub landlock: Result<u32, ConfineError>,
    /// A filter of system calls can be put on a process without privileges.
    pub seccomp: Result<(), ConfineError>,
    /// A signal by pidfd reaches a process group (Linux 6.9). Without it, groups are signalled by number, while that is known to
    /// be theirs.
    pub group_signals: bool,
    /// The kernel keeps the exit status of a process for those who hold a pidfd of it (Linux 6.15). Without it, a status that
    /// somebody else in the host collected is lost.
    pub kept_status: bool,
}

impl Kernel {
    /// Tries it all, in processes that end at once.
    ///
    /// # Blocking
    ///
    /// The calling thread waits for them, some milliseconds.
    pub fn probe() -> Kernel {
        sys::probe()
    }
}
