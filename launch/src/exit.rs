//! How a process ended and what it used.

use std::time::Duration;

use crate::Signal;

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// How it ended.
    pub termination: Termination,
    /// What it used. None where the system no longer says: somebody else had collected the process first.
    pub usage: Option<Usage>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Termination {
    /// It exited with this code: 0 to 255 on POSIX, any 32 bits on Windows.
    Exited(u32),
    /// A signal ended it. `exit 137` is not this: that is an `Exited(137)`.
    Signaled(Signal),
}

/// What a process used, its own children that it waited for included. See getrusage(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// CPU time spent in the program.
    pub user_time: Duration,
    /// CPU time spent in the kernel for it.
    pub system_time: Duration,
    /// The most memory it held at once, in bytes. None where the system cannot tell: Linux counts what the memory that a child
    /// was created in held when the program was executed as the child's, so only a peak above that is known to be the child's.
    /// For a child without confinement that is the host's memory, for a confined one a few hundred KiB, or more after very long
    /// arguments, or, in the reduced tier, with very many children at once.
    pub peak_memory: Option<u64>,
}
