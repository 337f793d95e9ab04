//! How a process ended, and by whom.

use std::time::Duration;

use childproof_launch::Signal;

/// A limit of the host that ends a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// The wall time of the command or of the policy.
    WallTime,
    /// The bytes that may be written to the process's pipes.
    Output,
    /// The CPU time of the process.
    CpuTime,
    /// Its memory, where the host can know that this was the cause.
    Memory,
    /// The size of a file it wrote.
    FileSize,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::WallTime => "wall-time",
            Self::Output => "output",
            Self::CpuTime => "cpu-time",
            Self::Memory => "memory",
            Self::FileSize => "file-size",
        })
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// It exited with this code.
    Exited(u32),
    /// A signal ended it.
    Signaled(Signal),
}

/// Who ended a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The process itself, or something the host knows nothing of.
    Itself,
    /// The guest: the signal that ended it is one the guest had sent.
    Guest,
    /// A limit of the host.
    Limit(Limit),
}

/// How a process ended, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitStatus {
    /// How it ended.
    pub termination: Termination,
    /// Who ended it.
    pub ended_by: EndedBy,
}

impl ExitStatus {
    /// Whether the process exited with code 0.
    pub fn success(&self) -> bool {
        self.termination == Termination::Exited(0)
    }
}

/// What a process used, its own children that it waited for included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// CPU time spent in the program.
    pub user_time: Duration,
    /// CPU time spent in the kernel for it.
    pub system_time: Duration,
    /// The most memory it held at once, in bytes. None where the system cannot tell it from that of the host, which a
    /// process starts as a part of.
    pub peak_memory: Option<u64>,
}

/// What ended a process that was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoppedBy {
    /// It had ended before.
    AlreadyEnded,
    /// It ended within the grace period.
    Terminate,
    /// The grace period ran out.
    Kill,
}

/// The answer of [`Process::stop`](super::Process::stop).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// How the process ended.
    pub status: ExitStatus,
    /// What ended it.
    pub by: StoppedBy,
}
