//! What can go wrong, and where.

use std::ffi::OsString;
use std::fmt;
use std::io;

use crate::Resource;

/// The step of a spawn that failed. Without confinement they are taken in this order; a confined child takes on what it is
/// held to as early as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Looking at what was asked for, before anything is done.
    Arguments,
    /// Comparing the program's file with the one that was opened.
    Program,
    /// Getting ready to kill and collect the child should its handle be dropped.
    Reaper,
    /// Allocating the stack the child starts on.
    Stack,
    /// Creating the process.
    Clone,
    /// Entering the namespaces of its profile.
    Namespaces,
    /// Making the `/proc` and the `/tmp` that are its own.
    OwnFiles,
    /// Giving up capabilities and the way to new ones.
    Privileges,
    /// Starting the processes that stand by for it: the first process of its tree, and who creates it.
    FirstProcess,
    /// Entering its control group.
    ControlGroup,
    /// Making it the leader of a session and a process group.
    Session,
    /// Setting all its signals to their defaults.
    Signals,
    /// Moving the descriptors it needs out of the way of 0, 1 and 2.
    Descriptors,
    /// Placing its standard streams.
    Stdio,
    /// Entering its working directory.
    WorkingDirectory,
    /// Marking all other descriptors to be closed.
    CloseDescriptors,
    /// Restricting it by Landlock.
    Landlock,
    /// Setting a limit.
    Rlimit(Resource),
    /// Emptying its signal mask.
    SignalMask,
    /// Filtering its system calls.
    Seccomp,
    /// Executing the program.
    Exec,
    /// Registering the child with the runtime.
    Register,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Arguments => f.write_str("checking the arguments"),
            Stage::Program => f.write_str("checking the program"),
            Stage::Reaper => f.write_str("starting the reaper"),
            Stage::Stack => f.write_str("allocating a stack"),
            Stage::Clone => f.write_str("creating the process"),
            Stage::Namespaces => f.write_str("entering the namespaces"),
            Stage::OwnFiles => f.write_str("making /proc and /tmp"),
            Stage::Privileges => f.write_str("giving up privileges"),
            Stage::FirstProcess => f.write_str("starting the processes that stand by for it"),
            Stage::ControlGroup => f.write_str("entering the control group"),
            Stage::Session => f.write_str("starting a session"),
            Stage::Signals => f.write_str("resetting the signals"),
            Stage::Descriptors => f.write_str("moving descriptors"),
            Stage::Stdio => f.write_str("placing the standard streams"),
            Stage::WorkingDirectory => f.write_str("entering the working directory"),
            Stage::CloseDescriptors => f.write_str("closing descriptors"),
            Stage::Landlock => f.write_str("restricting by Landlock"),
            Stage::Rlimit(resource) => write!(f, "setting the limit on {resource}"),
            Stage::SignalMask => f.write_str("emptying the signal mask"),
            Stage::Seccomp => f.write_str("filtering system calls"),
            Stage::Exec => f.write_str("executing the program"),
            Stage::Register => f.write_str("registering the child"),
        }
    }
}

/// Why a process was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnError {
    stage: Stage,
    errno: Option<i32>,
    kind: SpawnErrorKind,
}

impl SpawnError {
    pub(crate) fn new(stage: Stage, errno: Option<i32>, kind: SpawnErrorKind) -> SpawnError {
        SpawnError { stage, errno, kind }
    }

    /// The step that failed.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The system's number of the error, where the system was the one to refuse.
    pub fn errno(&self) -> Option<i32> {
        self.errno
    }

    /// What the error means for a caller.
    pub fn kind(&self) -> &SpawnErrorKind {
        &self.kind
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage, self.kind)?;
        match self.errno {
            Some(errno) => write!(f, ": {}", io::Error::from_raw_os_error(errno)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SpawnError {}

/// What a [`SpawnError`] means. The POSIX errors named are what it is like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpawnErrorKind {
    /// The program was there when it was opened and is gone. Like `ENOENT`.
    #[error("the program is gone")]
    ProgramNotFound,
    /// The program is not the file that was opened, or was changed since. Like `ESTALE`.
    #[error("the program is not the file that was checked")]
    ProgramChanged,
    /// The program is there, but the interpreter it names (`#!`, or its loader) is not. Like `ENOENT`.
    #[error("the interpreter of the program is missing")]
    InterpreterNotFound,
    /// The file, or its interpreter, is not one the system can run. Like `EACCES` and `ENOEXEC`.
    #[error("the program is not executable")]
    NotExecutable,
    /// The program is open for writing somewhere, and stayed so. Like `ETXTBSY`.
    #[error("the program is open for writing")]
    ProgramBusy,
    /// The working directory was removed: it has no links any more (`st_nlink` of stat(2)), which a few file systems, some of
    /// those in user space, say of every directory. Like `ENOENT`.
    #[error("the working directory does not exist")]
    DirectoryNotFound,
    /// The working directory is not a directory. Like `ENOTDIR`.
    #[error("the working directory is not a directory")]
    NotADirectory,
    /// Arguments and environment together, or one of them alone, are larger than the system takes. Like `E2BIG`.
    #[error("the arguments are too long")]
    ArgumentsTooLong,
    /// The host, or the system, has no descriptor left. Like `EMFILE` and `ENFILE`.
    #[error("too many open files")]
    TooManyOpenFiles,
    /// The system has no process left for this user or control group. Like `EAGAIN`.
    #[error("too many processes")]
    TooManyProcesses,
    /// The system has no memory left. Like `ENOMEM`.
    #[error("out of memory")]
    OutOfMemory,
    /// A field holds what no process can be given. Like `EINVAL`.
    #[error("{field} {defect}")]
    InvalidArgument {
        /// The field.
        field: Field,
        /// What is wrong with it.
        defect: Defect,
    },
    /// The call was made outside a tokio runtime.
    #[error("there is no tokio runtime")]
    NoRuntime,
    /// The platform cannot do it: processes cannot be started on it yet, its kernel is too old, or a filter of system calls
    /// forbids what holding on to a process takes (pidfd_open(2), pidfd_send_signal(2)).
    #[error("not supported on this system")]
    Unsupported,
    /// Anything else: see [`SpawnError::stage`] and [`SpawnError::errno`].
    #[error("the system refused")]
    Other,
}

/// A field of a [`Command`](crate::Command), displayed as `argv0`, `args[2]` or `env LD_PRELOAD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// The program's own name, `argv[0]`.
    Argv0,
    /// An argument, counted from zero, `argv[0]` left out.
    Argument(usize),
    /// The environment variable with this key.
    Variable(OsString),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Argv0 => f.write_str("argv0"),
            Field::Argument(index) => write!(f, "args[{index}]"),
            Field::Variable(key) => write!(f, "env {}", key.display().to_string().escape_debug()),
        }
    }
}

/// What is wrong with a [`Field`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// It holds a NUL byte, which ends a string for the kernel.
    #[error("holds a NUL")]
    Nul,
    /// The key of the variable is empty.
    #[error("has an empty key")]
    EmptyKey,
    /// The key of the variable holds an `=`.
    #[error("has a `=` in its key")]
    EqualsInKey,
}

/// Why the end of a process is not known.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// Somebody else in the host collected the process (`waitpid(-1)`, or SIGCHLD set to be ignored), and the kernel can no
    /// longer say how it ended; Linux 6.15 and later can. The process has ended. Like `ECHILD`.
    #[error("the exit status was collected by somebody else")]
    StatusLost,
    /// Anything else that the system or the runtime reported.
    #[error("waiting failed: {0}")]
    Io(#[source] io::Error),
}

/// Why a signal was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// The process has ended. Like `ESRCH`.
    #[error("the process has ended")]
    Ended,
    /// The platform does not have the signal.
    #[error("the platform does not have this signal")]
    Unsupported,
    /// Anything else that the system reported: `EPERM` for a process that changed its user.
    #[error("sending the signal failed: {0}")]
    Io(#[source] io::Error),
}
