//! Between the generated types and the host's own, for each set of bindings.

/// Defines the conversions to and from the types of one set of bindings.
///
/// The two sets have the same types under different paths. Each `match` names every case, so a case that the WIT gains is
/// a compile error here.
macro_rules! conversions {
    ($types:path) => {
        use std::time::Duration;

        use $crate::error::{Captured, Error, Problem, Quota};
        use $crate::process as host;
        use $types as wit;

        fn nanoseconds(time: Duration) -> u64 {
            u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
        }

        impl From<Problem> for wit::Problem {
            fn from(problem: Problem) -> Self {
                Self {
                    field: problem.field,
                    message: problem.message,
                }
            }
        }

        impl From<Captured> for wit::Captured {
            fn from(captured: Captured) -> Self {
                Self {
                    stdout: captured.stdout,
                    stderr: captured.stderr,
                }
            }
        }

        impl From<Error> for wit::Error {
            fn from(error: Error) -> Self {
                match error {
                    Error::UnknownGrant(name) => Self::UnknownGrant(name),
                    Error::Refused(problem) => Self::Refused(problem.into()),
                    Error::InvalidArgument(problem) => Self::InvalidArgument(problem.into()),
                    Error::Unsupported(problem) => Self::Unsupported(problem.into()),
                    Error::QuotaExceeded(Quota::LiveProcesses) => Self::QuotaExceeded(wit::Quota::LiveProcesses),
                    Error::QuotaExceeded(Quota::TotalSpawns) => Self::QuotaExceeded(wit::Quota::TotalSpawns),
                    Error::QuotaExceeded(Quota::HeldProcesses) => Self::QuotaExceeded(wit::Quota::HeldProcesses),
                    Error::QuotaExceeded(Quota::HeldBytes) => Self::QuotaExceeded(wit::Quota::HeldBytes),
                    Error::ProgramNotFound => Self::ProgramNotFound,
                    Error::InterpreterNotFound => Self::InterpreterNotFound,
                    Error::NotExecutable => Self::NotExecutable,
                    Error::ProgramChanged => Self::ProgramChanged,
                    Error::ProgramBusy => Self::ProgramBusy,
                    Error::DirectoryNotFound => Self::DirectoryNotFound,
                    Error::NotADirectory => Self::NotADirectory,
                    Error::ArgumentsTooLong => Self::ArgumentsTooLong,
                    Error::TooManyOpenFiles => Self::TooManyOpenFiles,
                    Error::TooManyProcesses => Self::TooManyProcesses,
                    Error::OutOfMemory => Self::OutOfMemory,
                    Error::NoSuchProcess => Self::NoSuchProcess,
                    Error::StatusLost => Self::StatusLost,
                    Error::TimedOut => Self::TimedOut,
                    Error::OutputLimitReached(captured) => Self::OutputLimitReached(captured.into()),
                    Error::Other(message) => Self::Other(message),
                }
            }
        }

        $crate::convert::signals! {
            Abrt Alrm Bus Chld Cont Fpe Hup Ill Int Io Kill Pipe Prof Pwr Quit Segv Stkflt Stop Sys Term Trap Tstp Ttin
            Ttou Urg Usr1 Usr2 Vtalrm Winch Xcpu Xfsz
        }

        impl From<host::ExitStatus> for wit::ExitStatus {
            fn from(status: host::ExitStatus) -> Self {
                Self {
                    termination: match status.termination {
                        host::Termination::Exited(code) => wit::Termination::Exited(code),
                        host::Termination::Signaled(signal) => wit::Termination::Signaled(signal.into()),
                    },
                    ended_by: match status.ended_by {
                        host::EndedBy::Itself => wit::EndedBy::Itself,
                        host::EndedBy::Guest => wit::EndedBy::Guest,
                        host::EndedBy::Limit(limit) => wit::EndedBy::Limit(limit.into()),
                    },
                }
            }
        }

        impl From<host::Limit> for wit::Limit {
            fn from(limit: host::Limit) -> Self {
                match limit {
                    host::Limit::WallTime => Self::WallTime,
                    host::Limit::Output => Self::Output,
                    host::Limit::CpuTime => Self::CpuTime,
                    host::Limit::Memory => Self::Memory,
                    host::Limit::FileSize => Self::FileSize,
                }
            }
        }

        impl From<host::Usage> for wit::Usage {
            fn from(usage: host::Usage) -> Self {
                Self {
                    user_time: nanoseconds(usage.user_time),
                    system_time: nanoseconds(usage.system_time),
                    peak_memory: usage.peak_memory,
                }
            }
        }

        impl From<host::Stopped> for wit::Stopped {
            fn from(stopped: host::Stopped) -> Self {
                Self {
                    status: stopped.status.into(),
                    by: match stopped.by {
                        host::StoppedBy::AlreadyEnded => wit::StoppedBy::AlreadyEnded,
                        host::StoppedBy::Terminate => wit::StoppedBy::Terminate,
                        host::StoppedBy::Kill => wit::StoppedBy::Kill,
                    },
                }
            }
        }

        impl From<host::Output> for wit::Output {
            fn from(output: host::Output) -> Self {
                Self {
                    status: output.status.into(),
                    stdout: output.stdout,
                    stderr: output.stderr,
                    complete: output.complete,
                }
            }
        }

        impl From<wit::CommunicateOptions> for host::CommunicateOptions {
            fn from(options: wit::CommunicateOptions) -> Self {
                Self {
                    timeout: options.timeout.map(Duration::from_nanos),
                    output_limit: options.output_limit,
                    drain: options.drain.map(Duration::from_nanos),
                }
            }
        }
    };
}

/// Signals have the same names on both sides.
macro_rules! signals {
    ($($name:ident)*) => {
        impl From<host::Signal> for wit::Signal {
            fn from(signal: host::Signal) -> Self {
                match signal {
                    $(host::Signal::$name => Self::$name,)*
                    host::Signal::Realtime(nth) => Self::Realtime(nth),
                    host::Signal::Other(_) => Self::Unnamed,
                }
            }
        }

        impl From<wit::Signal> for host::Signal {
            fn from(signal: wit::Signal) -> Self {
                match signal {
                    $(wit::Signal::$name => Self::$name,)*
                    wit::Signal::Realtime(nth) => Self::Realtime(nth),
                    // It can be received and not be sent, which is said where it is sent.
                    wit::Signal::Unnamed => Self::Other(0),
                }
            }
        }
    };
}

pub(crate) use {conversions, signals};
