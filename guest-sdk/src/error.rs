//! What can go wrong, as a type.
//!
//! The functions of this crate answer [`std::io::Result`], as those of `std::process` do. Inside such an
//! [`std::io::Error`] sits an [`Error`]; [`Error::of`] gets at it.

use std::io;

use crate::bindings::childproof::process::types as wit;
pub use wit::{Captured, Problem, Quota};

/// Why an operation failed.
///
/// Each case of the interface's `error` is here, and no other. The conversion to [`std::io::Error`] picks the kind that
/// std would have picked for the POSIX error a case is like, and keeps the error itself as the cause:
///
/// ```no_run
/// match childproof::Command::new("git").arg("push").spawn() {
///     Ok(_) => println!("allowed"),
///     Err(error) => match childproof::Error::of(&error) {
///         Some(childproof::Error::Refused(problem)) => println!("{} was refused", problem.field),
///         _ => println!("{error}"),
///     },
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The policy has no grant of this name; the text is a sentence that says so. Kind: [`io::ErrorKind::NotFound`].
    #[error("{0}")]
    UnknownGrant(String),
    /// The policy, or a hook of the host, does not allow a field. Kind: [`io::ErrorKind::PermissionDenied`].
    #[error("{field} was refused: {message}", field = .0.field, message = .0.message)]
    Refused(Problem),
    /// A field holds what no process can be given. Kind: [`io::ErrorKind::InvalidInput`].
    #[error("{field} is invalid: {message}", field = .0.field, message = .0.message)]
    InvalidArgument(Problem),
    /// The host cannot do this at all. Kind: [`io::ErrorKind::Unsupported`].
    #[error("{field} is not supported: {message}", field = .0.field, message = .0.message)]
    Unsupported(Problem),
    /// A quota of the policy is used up. Kind: [`io::ErrorKind::QuotaExceeded`].
    #[error("the policy's quota of {} is used up", quota_name(.0))]
    QuotaExceeded(Quota),
    /// The program of the grant is gone. Kind: [`io::ErrorKind::NotFound`].
    #[error("the program of the grant is gone")]
    ProgramNotFound,
    /// The interpreter that the program names is not there. Kind: [`io::ErrorKind::NotFound`].
    #[error("the interpreter that the program names does not exist")]
    InterpreterNotFound,
    /// The file is not a program the system can run. Kind: [`io::ErrorKind::PermissionDenied`].
    #[error("the file of the grant is not executable")]
    NotExecutable,
    /// The program is not the file that was checked when the policy was loaded. Kind:
    /// [`io::ErrorKind::StaleNetworkFileHandle`], the one std has for `ESTALE`.
    #[error("the program of the grant changed after the policy was loaded")]
    ProgramChanged,
    /// The program is open for writing. Kind: [`io::ErrorKind::ExecutableFileBusy`].
    #[error("the program is open for writing")]
    ProgramBusy,
    /// The working directory does not exist. Kind: [`io::ErrorKind::NotFound`].
    #[error("the working directory does not exist")]
    DirectoryNotFound,
    /// The working directory is not a directory. Kind: [`io::ErrorKind::NotADirectory`].
    #[error("the working directory is not a directory")]
    NotADirectory,
    /// Arguments and environment are larger than the system takes. Kind: [`io::ErrorKind::ArgumentListTooLong`].
    #[error("arguments and environment are larger than the system takes")]
    ArgumentsTooLong,
    /// The host has no descriptor left. Kind: [`io::ErrorKind::Other`], for want of one that is stable.
    #[error("the host has no file descriptor left")]
    TooManyOpenFiles,
    /// The system has no process left. Kind: [`io::ErrorKind::WouldBlock`], which is what std makes of `EAGAIN`.
    #[error("the system has no process left for this user")]
    TooManyProcesses,
    /// The system has no memory left. Kind: [`io::ErrorKind::OutOfMemory`].
    #[error("the system has no memory left")]
    OutOfMemory,
    /// The process has ended, so no signal can be sent to it. Kind: [`io::ErrorKind::NotFound`].
    #[error("the process has ended")]
    NoSuchProcess,
    /// Somebody else on the host collected the exit status. Kind: [`io::ErrorKind::Other`].
    #[error("the exit status was collected by somebody else")]
    StatusLost,
    /// The time given to the call is over. The process lives on and its output is kept. Kind:
    /// [`io::ErrorKind::TimedOut`].
    #[error("the time given to the call is over")]
    TimedOut,
    /// The process wrote more than the call may hold. The payload is what was read; a further call goes on behind it.
    /// Kind: [`io::ErrorKind::FileTooLarge`].
    #[error("the process wrote more than the call may hold")]
    OutputLimitReached(Captured),
    /// Anything else that the system reported: the step that failed and the system's word for the error. Kind:
    /// [`io::ErrorKind::Other`].
    #[error("{0}")]
    Other(String),
}

fn quota_name(quota: &Quota) -> &'static str {
    match quota {
        Quota::LiveProcesses => "live processes",
        Quota::TotalSpawns => "spawns",
        Quota::HeldProcesses => "processes held after their end",
        Quota::HeldBytes => "bytes kept for calls of communicate",
    }
}

impl Error {
    /// The error of this crate that `error` was made from, if it was made from one.
    pub fn of(error: &io::Error) -> Option<&Error> {
        error.get_ref()?.downcast_ref()
    }

    /// The [`io::ErrorKind`] that this error gets when it is turned into a [`std::io::Error`].
    pub fn kind(&self) -> io::ErrorKind {
        use io::ErrorKind;
        match self {
            Error::UnknownGrant(_)
            | Error::ProgramNotFound
            | Error::InterpreterNotFound
            | Error::DirectoryNotFound
            | Error::NoSuchProcess => ErrorKind::NotFound,
            Error::Refused(_) | Error::NotExecutable => ErrorKind::PermissionDenied,
            Error::InvalidArgument(_) => ErrorKind::InvalidInput,
            Error::Unsupported(_) => ErrorKind::Unsupported,
            Error::QuotaExceeded(_) => ErrorKind::QuotaExceeded,
            Error::ProgramChanged => ErrorKind::StaleNetworkFileHandle,
            Error::ProgramBusy => ErrorKind::ExecutableFileBusy,
            Error::NotADirectory => ErrorKind::NotADirectory,
            Error::ArgumentsTooLong => ErrorKind::ArgumentListTooLong,
            Error::TooManyProcesses => ErrorKind::WouldBlock,
            Error::OutOfMemory => ErrorKind::OutOfMemory,
            Error::TimedOut => ErrorKind::TimedOut,
            Error::OutputLimitReached(_) => ErrorKind::FileTooLarge,
            Error::TooManyOpenFiles | Error::StatusLost | Error::Other(_) => ErrorKind::Other,
        }
    }

    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Error {
        Error::InvalidArgument(Problem {
            field: field.into(),
            message: message.into(),
        })
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

impl From<wit::Error> for Error {
    fn from(error: wit::Error) -> Error {
        match error {
            wit::Error::UnknownGrant(name) => Error::UnknownGrant(name),
            wit::Error::Refused(problem) => Error::Refused(problem),
            wit::Error::InvalidArgument(problem) => Error::InvalidArgument(problem),
            wit::Error::Unsupported(problem) => Error::Unsupported(problem),
            wit::Error::QuotaExceeded(quota) => Error::QuotaExceeded(quota),
            wit::Error::ProgramNotFound => Error::ProgramNotFound,
            wit::Error::InterpreterNotFound => Error::InterpreterNotFound,
            wit::Error::NotExecutable => Error::NotExecutable,
            wit::Error::ProgramChanged => Error::ProgramChanged,
            wit::Error::ProgramBusy => Error::ProgramBusy,
            wit::Error::DirectoryNotFound => Error::DirectoryNotFound,
            wit::Error::NotADirectory => Error::NotADirectory,
            wit::Error::ArgumentsTooLong => Error::ArgumentsTooLong,
            wit::Error::TooManyOpenFiles => Error::TooManyOpenFiles,
            wit::Error::TooManyProcesses => Error::TooManyProcesses,
            wit::Error::OutOfMemory => Error::OutOfMemory,
            wit::Error::NoSuchProcess => Error::NoSuchProcess,
            wit::Error::StatusLost => Error::StatusLost,
            wit::Error::TimedOut => Error::TimedOut,
            wit::Error::OutputLimitReached(captured) => Error::OutputLimitReached(captured),
            wit::Error::Other(message) => Error::Other(message),
        }
    }
}

/// What the host answered, as std has it.
pub(crate) fn checked<T>(result: Result<T, wit::Error>) -> io::Result<T> {
    result.map_err(|error| Error::from(error).into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn problem() -> Problem {
        Problem {
            field: "args[2]".into(),
            message: "a NUL".into(),
        }
    }

    fn captured() -> Captured {
        Captured {
            stdout: Some(b"out".to_vec()),
            stderr: None,
        }
    }

    /// Each case of the interface's error, the name it must arrive under, and its kind.
    fn table() -> Vec<(wit::Error, Error, io::ErrorKind)> {
        use io::ErrorKind as Kind;
        vec![
            (
                wit::Error::UnknownGrant("x".into()),
                Error::UnknownGrant("x".into()),
                Kind::NotFound,
            ),
            (
                wit::Error::Refused(problem()),
                Error::Refused(problem()),
                Kind::PermissionDenied,
            ),
            (
                wit::Error::InvalidArgument(problem()),
                Error::InvalidArgument(problem()),
                Kind::InvalidInput,
            ),
            (
                wit::Error::Unsupported(problem()),
                Error::Unsupported(problem()),
                Kind::Unsupported,
            ),
            (
                wit::Error::QuotaExceeded(Quota::TotalSpawns),
                Error::QuotaExceeded(Quota::TotalSpawns),
                Kind::QuotaExceeded,
            ),
            (wit::Error::ProgramNotFound, Error::ProgramNotFound, Kind::NotFound),
            (
                wit::Error::InterpreterNotFound,
                Error::InterpreterNotFound,
                Kind::NotFound,
            ),
            (wit::Error::NotExecutable, Error::NotExecutable, Kind::PermissionDenied),
            (
                wit::Error::ProgramChanged,
                Error::ProgramChanged,
                Kind::StaleNetworkFileHandle,
            ),
            (wit::Error::ProgramBusy, Error::ProgramBusy, Kind::ExecutableFileBusy),
            (wit::Error::DirectoryNotFound, Error::DirectoryNotFound, Kind::NotFound),
            (wit::Error::NotADirectory, Error::NotADirectory, Kind::NotADirectory),
            (
                wit::Error::ArgumentsTooLong,
                Error::ArgumentsTooLong,
                Kind::ArgumentListTooLong,
            ),
            (wit::Error::TooManyOpenFiles, Error::TooManyOpenFiles, Kind::Other),
            (wit::Error::TooManyProcesses, Error::TooManyProcesses, Kind::WouldBlock),
            (wit::Error::OutOfMemory, Error::OutOfMemory, Kind::OutOfMemory),
            (wit::Error::NoSuchProcess, Error::NoSuchProcess, Kind::NotFound),
            (wit::Error::StatusLost, Error::StatusLost, Kind::Other),
            (wit::Error::TimedOut, Error::TimedOut, Kind::TimedOut),
            (
                wit::Error::OutputLimitReached(captured()),
                Error::OutputLimitReached(captured()),
                Kind::FileTooLarge,
            ),
            (
                wit::Error::Other("waitid: EIO".into()),
                Error::Other("waitid: EIO".into()),
                Kind::Other,
            ),
        ]
    }

    /// The place of a case in the interface. A new case does not compile until it has one, and then
    /// [`every_case_is_in_the_table`] asks for its row.
    fn place(error: &wit::Error) -> usize {
        match error {
            wit::Error::UnknownGrant(_) => 0,
            wit::Error::Refused(_) => 1,
            wit::Error::InvalidArgument(_) => 2,
            wit::Error::Unsupported(_) => 3,
            wit::Error::QuotaExceeded(_) => 4,
            wit::Error::ProgramNotFound => 5,
            wit::Error::InterpreterNotFound => 6,
            wit::Error::NotExecutable => 7,
            wit::Error::ProgramChanged => 8,
            wit::Error::ProgramBusy => 9,
            wit::Error::DirectoryNotFound => 10,
            wit::Error::NotADirectory => 11,
            wit::Error::ArgumentsTooLong => 12,
            wit::Error::TooManyOpenFiles => 13,
            wit::Error::TooManyProcesses => 14,
            wit::Error::OutOfMemory => 15,
            wit::Error::NoSuchProcess => 16,
            wit::Error::StatusLost => 17,
            wit::Error::TimedOut => 18,
            wit::Error::OutputLimitReached(_) => 19,
            wit::Error::Other(_) => 20,
        }
    }

    const CASES: usize = 21;

    #[test]
    fn every_case_is_in_the_table() {
        let places: BTreeSet<usize> = table().iter().map(|(from, ..)| place(from)).collect();
        assert_eq!(places, (0..CASES).collect());
    }

    #[test]
    fn every_case_keeps_its_name_and_payload() {
        for (from, to, _) in table() {
            // The names agree too: a row of the table that pairs two different cases would otherwise pass.
            let (left, right) = (format!("{from:?}"), format!("{to:?}"));
            assert_eq!(
                left.trim_start_matches("Error::"),
                right,
                "a row of the table pairs two cases"
            );
            assert_eq!(Error::from(from), to);
        }
    }

    #[test]
    fn an_io_error_has_the_kind_and_keeps_the_cause() {
        for (from, to, kind) in table() {
            let error: io::Error = Error::from(from).into();
            assert_eq!(error.kind(), kind, "{to:?}");
            assert_eq!(Error::of(&error), Some(&to));
            assert_eq!(
                error.get_ref().and_then(|cause| cause.downcast_ref::<Error>()),
                Some(&to)
            );
            assert_eq!(error.to_string(), to.to_string());
        }
    }

    #[test]
    fn messages_name_the_field_and_are_distinct() {
        let messages: BTreeSet<String> = table().into_iter().map(|(_, error, _)| error.to_string()).collect();
        assert_eq!(messages.len(), CASES);
        assert_eq!(Error::Refused(problem()).to_string(), "args[2] was refused: a NUL");
        let unknown = Error::UnknownGrant("the policy has no grant \"gti\"".into());
        assert_eq!(unknown.to_string(), "the policy has no grant \"gti\"");
    }

    #[test]
    fn an_error_of_somebody_else_is_not_taken_for_ours() {
        assert_eq!(Error::of(&io::Error::other("x")), None);
        assert_eq!(Error::of(&io::Error::from(io::ErrorKind::NotFound)), None);
    }
}
