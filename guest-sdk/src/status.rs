//! How a process ended, by whom, and what it used.

use std::fmt;
use std::time::Duration;

use crate::bindings::childproof::process::types as wit;
pub use wit::{EndedBy, Limit, Signal, StoppedBy};

/// How a process ended, and by whom.
///
/// An exit with a code and death by a signal are distinct, as on the host: `exit 137` has a [`code`](Self::code) and no
/// [`signal`](Self::signal).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExitStatus {
    termination: wit::Termination,
    ended_by: EndedBy,
}

impl ExitStatus {
    /// Whether the process exited with code 0 and no limit of the host cut what it wrote.
    pub fn success(&self) -> bool {
        self.code() == Some(0) && self.limit().is_none()
    }

    /// The code the process exited with, or none if a signal ended it. 0 to 255 on POSIX; on Windows any 32 bits, which
    /// are taken for a signed number as std does.
    pub fn code(&self) -> Option<i32> {
        match self.termination {
            wit::Termination::Exited(code) => Some(code.cast_signed()),
            wit::Termination::Signaled(_) => None,
        }
    }

    /// The signal that ended the process, or none if it exited.
    pub fn signal(&self) -> Option<Signal> {
        match self.termination {
            wit::Termination::Exited(_) => None,
            wit::Termination::Signaled(signal) => Some(signal),
        }
    }

    /// Who ended the process: itself, this guest, or a limit of the host.
    pub fn ended_by(&self) -> EndedBy {
        self.ended_by
    }

    /// The limit of the host that ended the process, or cut what it wrote, if one did.
    pub fn limit(&self) -> Option<Limit> {
        match self.ended_by {
            EndedBy::Limit(limit) => Some(limit),
            EndedBy::Itself | EndedBy::Guest => None,
        }
    }
}

/// An exit with code 0 of the process's own accord, as std's default is a success.
impl Default for ExitStatus {
    fn default() -> Self {
        ExitStatus {
            termination: wit::Termination::Exited(0),
            ended_by: EndedBy::Itself,
        }
    }
}

impl From<wit::ExitStatus> for ExitStatus {
    fn from(status: wit::ExitStatus) -> Self {
        ExitStatus {
            termination: status.termination,
            ended_by: status.ended_by,
        }
    }
}

/// `exit status: 1`, `signal: SIGSEGV`, `signal: SIGTERM (sent by the guest)`, `signal: SIGKILL (limit: wall time)`.
impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.termination {
            wit::Termination::Exited(_) => write!(f, "exit status: {}", self.code().unwrap_or_default())?,
            wit::Termination::Signaled(signal) => write!(f, "signal: {signal}")?,
        }
        match self.ended_by {
            EndedBy::Itself => Ok(()),
            EndedBy::Guest => f.write_str(" (sent by the guest)"),
            EndedBy::Limit(limit) => write!(f, " (limit: {limit})"),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::WallTime => "wall time",
            Limit::Output => "output",
            Limit::CpuTime => "CPU time",
            Limit::Memory => "memory",
            Limit::FileSize => "file size",
        })
    }
}

/// The name as POSIX writes it: `SIGTERM`, `SIGRTMIN+3`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Abrt => "SIGABRT",
            Signal::Alrm => "SIGALRM",
            Signal::Bus => "SIGBUS",
            Signal::Chld => "SIGCHLD",
            Signal::Cont => "SIGCONT",
            Signal::Fpe => "SIGFPE",
            Signal::Hup => "SIGHUP",
            Signal::Ill => "SIGILL",
            Signal::Int => "SIGINT",
            Signal::Io => "SIGIO",
            Signal::Kill => "SIGKILL",
            Signal::Pipe => "SIGPIPE",
            Signal::Prof => "SIGPROF",
            Signal::Pwr => "SIGPWR",
            Signal::Quit => "SIGQUIT",
            Signal::Segv => "SIGSEGV",
            Signal::Stkflt => "SIGSTKFLT",
            Signal::Stop => "SIGSTOP",
            Signal::Sys => "SIGSYS",
            Signal::Term => "SIGTERM",
            Signal::Trap => "SIGTRAP",
            Signal::Tstp => "SIGTSTP",
            Signal::Ttin => "SIGTTIN",
            Signal::Ttou => "SIGTTOU",
            Signal::Urg => "SIGURG",
            Signal::Usr1 => "SIGUSR1",
            Signal::Usr2 => "SIGUSR2",
            Signal::Vtalrm => "SIGVTALRM",
            Signal::Winch => "SIGWINCH",
            Signal::Xcpu => "SIGXCPU",
            Signal::Xfsz => "SIGXFSZ",
            Signal::Realtime(offset) => return write!(f, "SIGRTMIN+{offset}"),
            Signal::Unnamed => "a signal without a name",
        })
    }
}

/// What a process used, its own children that it waited for included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Usage {
    /// CPU time spent in the program.
    pub user_time: Duration,
    /// CPU time spent in the kernel for it.
    pub system_time: Duration,
    /// The most memory it held at once, in bytes. None where the system cannot tell it from that of the host.
    pub peak_memory: Option<u64>,
}

impl From<wit::Usage> for Usage {
    fn from(usage: wit::Usage) -> Self {
        Usage {
            user_time: Duration::from_nanos(usage.user_time),
            system_time: Duration::from_nanos(usage.system_time),
            peak_memory: usage.peak_memory,
        }
    }
}

/// What [`Child::stop`](crate::Child::stop) answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stopped {
    /// How the process ended.
    pub status: ExitStatus,
    /// What ended it: the request, the kill after the grace period, or neither, because it had ended before.
    pub by: StoppedBy,
}

impl From<wit::Stopped> for Stopped {
    fn from(stopped: wit::Stopped) -> Self {
        Stopped {
            status: stopped.status.into(),
            by: stopped.by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: u32, ended_by: EndedBy) -> ExitStatus {
        wit::ExitStatus {
            termination: wit::Termination::Exited(code),
            ended_by,
        }
        .into()
    }

    fn signaled(signal: Signal, ended_by: EndedBy) -> ExitStatus {
        wit::ExitStatus {
            termination: wit::Termination::Signaled(signal),
            ended_by,
        }
        .into()
    }

    #[test]
    fn all_256_codes_are_codes_and_only_0_is_success() {
        for code in 0..=255 {
            let status = exited(code, EndedBy::Itself);
            assert_eq!(status.code(), Some(code as i32));
            assert_eq!(status.signal(), None);
            assert_eq!(status.success(), code == 0);
            assert_eq!(status.to_string(), format!("exit status: {code}"));
        }
    }

    #[test]
    fn exit_137_is_not_sigkill() {
        let killed = signaled(Signal::Kill, EndedBy::Itself);
        assert_ne!(exited(137, EndedBy::Itself), killed);
        assert_eq!(
            (killed.code(), killed.signal(), killed.success()),
            (None, Some(Signal::Kill), false)
        );
    }

    #[test]
    fn the_four_ends_are_told_apart() {
        assert_eq!(exited(3, EndedBy::Itself).to_string(), "exit status: 3");
        assert_eq!(signaled(Signal::Segv, EndedBy::Itself).to_string(), "signal: SIGSEGV");
        assert_eq!(
            signaled(Signal::Term, EndedBy::Guest).to_string(),
            "signal: SIGTERM (sent by the guest)"
        );
        let limited = signaled(Signal::Kill, EndedBy::Limit(Limit::WallTime));
        assert_eq!(limited.to_string(), "signal: SIGKILL (limit: wall time)");
        assert_eq!(limited.limit(), Some(Limit::WallTime));
        assert_eq!(signaled(Signal::Kill, EndedBy::Guest).limit(), None);
    }

    #[test]
    fn a_realtime_signal_is_counted_from_the_first() {
        assert_eq!(Signal::Realtime(3).to_string(), "SIGRTMIN+3");
    }

    #[test]
    fn a_code_of_windows_is_signed_as_std_has_it() {
        assert_eq!(exited(0xC000_0005, EndedBy::Itself).code(), Some(-1_073_741_819));
    }

    #[test]
    fn the_default_is_a_success() {
        assert!(ExitStatus::default().success());
        assert_eq!(ExitStatus::default(), exited(0, EndedBy::Itself));
    }

    #[test]
    fn usage_is_in_nanoseconds() {
        let usage = Usage::from(wit::Usage {
            user_time: 1_500_000_000,
            system_time: 7,
            peak_memory: Some(4096),
        });
        assert_eq!(usage.user_time, Duration::from_millis(1500));
        assert_eq!(usage.system_time, Duration::from_nanos(7));
        assert_eq!(usage.peak_memory, Some(4096));
    }
}
