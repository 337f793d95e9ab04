//! What can go wrong between a request and the end of its process: one enum, and the WIT's `error` case by case.

use std::time::Duration;

/// One field of a request and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, as the WIT names it: `program`, `args[2]`, `env LD_PRELOAD`, `cwd` and so on.
    pub field: String,
    /// What is wrong. It is shown to the guest, so it never holds a path of the host.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// A bound of the policy on how many processes a guest may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Processes alive at the same time. Those that were dropped and are not gone yet are counted apart.
    LiveProcesses,
    /// Processes started over the life of the guest.
    TotalSpawns,
    /// Processes that the guest holds, ended or not.
    HeldProcesses,
    /// Bytes held for calls of `communicate`: those under way, and those that failed and can be gone on with.
    HeldBytes,
}

/// What was read from a process so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// Its standard output; none if that was not piped, or was taken.
    pub stdout: Option<Vec<u8>>,
    /// Its standard error; none if that was not piped, or was taken.
    pub stderr: Option<Vec<u8>>,
}

/// Why an operation on a process failed. Each case is the case of the same name of the WIT's `error`, which says who
/// returns it and which POSIX error it is like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The policy has no grant of this name.
    #[error("{0}")]
    UnknownGrant(String),
    /// The policy or the hook refused a field.
    #[error("refused: {0}")]
    Refused(Problem),
    /// A field holds what no process can be given.
    #[error("invalid argument: {0}")]
    InvalidArgument(Problem),
    /// This host cannot do this at all.
    #[error("unsupported: {0}")]
    Unsupported(Problem),
    /// A quota is used up.
    #[error("{}", match .0 {
        Quota::LiveProcesses => "too many processes of this guest are alive",
        Quota::TotalSpawns => "this guest has started all the processes it may",
        Quota::HeldProcesses => "this guest holds too many processes that ended, or streams of them",
        Quota::HeldBytes => "too much is held for this guest's other calls of communicate",
    })]
    QuotaExceeded(Quota),
    /// The program vanished after the policy was loaded.
    #[error("the program of the grant is gone")]
    ProgramNotFound,
    /// The program's interpreter or loader is missing.
    #[error("the interpreter of the program is missing")]
    InterpreterNotFound,
    /// The file is not a program.
    #[error("the program of the grant cannot be executed")]
    NotExecutable,
    /// The program was replaced after the policy was loaded.
    #[error("the program of the grant was replaced since the policy was loaded")]
    ProgramChanged,
    /// The program is open for writing.
    #[error("the program is being written to")]
    ProgramBusy,
    /// The working directory does not exist.
    #[error("the working directory does not exist")]
    DirectoryNotFound,
    /// The working directory is not a directory.
    #[error("the working directory is not a directory")]
    NotADirectory,
    /// Arguments and environment are too large.
    #[error("arguments and environment are larger than the system takes")]
    ArgumentsTooLong,
    /// No descriptor is left.
    #[error("the host has too many files open")]
    TooManyOpenFiles,
    /// No process is left.
    #[error("the system has too many processes")]
    TooManyProcesses,
    /// No memory is left.
    #[error("the system is out of memory")]
    OutOfMemory,
    /// The process has ended.
    #[error("the process has ended")]
    NoSuchProcess,
    /// Somebody else collected the exit status.
    #[error("the exit status was collected by somebody else")]
    StatusLost,
    /// The time given is over.
    #[error("timed out")]
    TimedOut,
    /// One call may not hold more output. What was read comes along.
    #[error("the output is larger than one call may hold")]
    OutputLimitReached(Captured),
    /// Anything else the system said.
    #[error("{0}")]
    Other(String),
}

impl Error {
    pub(crate) fn refused(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Refused(Problem::new(field, message))
    }

    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidArgument(Problem::new(field, message))
    }

    /// A stream that was given to a command serves one spawn.
    pub(crate) fn used_up(field: &str) -> Self {
        Self::invalid(field, "the stream was used up by an earlier spawn, or closed")
    }

    pub(crate) fn unsupported(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Unsupported(Problem::new(field, message))
    }

    /// An error of the system while `step` was done.
    pub(crate) fn system(step: &str, errno: impl Into<std::io::Error>) -> Self {
        let error = errno.into();
        match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => Self::TooManyOpenFiles,
            Some(rustix::io::Errno::NOMEM) => Self::OutOfMemory,
            _ => Self::Other(format!("{step}: {error}")),
        }
    }
}

/// The largest duration that still makes a deadline: guests may say `u64::MAX` nanoseconds and mean "for ever".
pub(crate) const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
