//! Signals, by name. The numbers are the platform's affair (`sys`).

use std::fmt;
use std::str::FromStr;

macro_rules! signals {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// A signal, by name: the numbers differ between systems. See signal(7).
        ///
        /// [`Display`](fmt::Display) writes the full name (`SIGTERM`, `SIGRTMIN+3`); [`FromStr`] reads it back, in any case
        /// and with or without the `SIG`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Signal {
            $($(#[$doc])* $variant,)*
            /// A real-time signal: `SIGRTMIN` plus this number.
            Realtime(u8),
            /// A signal without a name, by the platform's number: on Linux those between the last named one and `SIGRTMIN`,
            /// which the C library keeps for itself but anybody may send.
            Other(i32),
        }

        impl Signal {
            /// Every signal that has a name of its own.
            pub const NAMED: &'static [Signal] = &[$(Signal::$variant,)*];

            /// The name after `SIG`; none for a signal that has a number instead.
            fn stem(self) -> Option<&'static str> {
                match self {
                    $(Signal::$variant => Some($name),)*
                    Signal::Realtime(_) | Signal::Other(_) => None,
                }
            }
        }
    };
}

signals! {
    /// Abort.
    Abrt => "ABRT",
    /// A timer of real time ran out.
    Alrm => "ALRM",
    /// A bad memory access.
    Bus => "BUS",
    /// A child changed state.
    Chld => "CHLD",
    /// Go on after a stop.
    Cont => "CONT",
    /// An arithmetic error.
    Fpe => "FPE",
    /// The terminal is gone; for many daemons, load the configuration again.
    Hup => "HUP",
    /// An illegal instruction.
    Ill => "ILL",
    /// An interrupt from the keyboard.
    Int => "INT",
    /// Input or output is possible.
    Io => "IO",
    /// End at once; cannot be caught.
    Kill => "KILL",
    /// A write to a pipe nobody reads.
    Pipe => "PIPE",
    /// A profiling timer ran out.
    Prof => "PROF",
    /// The power fails.
    Pwr => "PWR",
    /// Quit from the keyboard, with a core dump.
    Quit => "QUIT",
    /// A memory access that is not allowed.
    Segv => "SEGV",
    /// A fault of the coprocessor's stack.
    Stkflt => "STKFLT",
    /// Stop; cannot be caught.
    Stop => "STOP",
    /// A system call that is not allowed.
    Sys => "SYS",
    /// End, please.
    Term => "TERM",
    /// A breakpoint.
    Trap => "TRAP",
    /// Stop from the keyboard.
    Tstp => "TSTP",
    /// A background process read from its terminal.
    Ttin => "TTIN",
    /// A background process wrote to its terminal.
    Ttou => "TTOU",
    /// Urgent data on a socket.
    Urg => "URG",
    /// For the program to define.
    Usr1 => "USR1",
    /// For the program to define.
    Usr2 => "USR2",
    /// A timer of CPU time ran out.
    Vtalrm => "VTALRM",
    /// The terminal's size changed.
    Winch => "WINCH",
    /// The limit on CPU time is reached.
    Xcpu => "XCPU",
    /// The limit on file size is reached.
    Xfsz => "XFSZ",
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.stem(), self) {
            (Some(stem), _) => write!(f, "SIG{stem}"),
            (None, Signal::Realtime(0)) => f.write_str("SIGRTMIN"),
            (None, Signal::Realtime(offset)) => write!(f, "SIGRTMIN+{offset}"),
            (None, Signal::Other(number)) => write!(f, "signal {number}"),
            (None, _) => f.write_str("signal"),
        }
    }
}

/// The text is no signal's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a signal")]
pub struct UnknownSignal(pub String);

impl FromStr for Signal {
    type Err = UnknownSignal;

    /// Reads `SIGTERM`, `term`, `SIGRTMIN+3`. Numbers are not read: they mean something else elsewhere.
    fn from_str(text: &str) -> Result<Signal, UnknownSignal> {
        let upper = text.to_ascii_uppercase();
        let stem = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some(signal) = Signal::NAMED.iter().find(|signal| signal.stem() == Some(stem)) {
            return Ok(*signal);
        }
        let offset = match stem.strip_prefix("RTMIN") {
            Some("") => Some(0),
            Some(rest) => rest
                .strip_prefix('+')
                .filter(|digits| !digits.starts_with('+'))
                .and_then(|digits| digits.parse().ok()),
            None => None,
        };
        offset
            .map(Signal::Realtime)
            .ok_or_else(|| UnknownSignal(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        let all = Signal::NAMED.iter().copied().chain((0..=u8::MAX).map(Signal::Realtime));
        for signal in all {
            let name = signal.to_string();
            assert_eq!(name.parse(), Ok(signal), "{name}");
            assert_eq!(name.to_lowercase().parse(), Ok(signal), "{name} in lower case");
            assert_eq!(name["SIG".len()..].parse(), Ok(signal), "{name} without SIG");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "SIG",
            "9",
            "SIGSIGTERM",
            "TERM ",
            "RTMIN+",
            "RTMIN+256",
            "RTMIN++1",
            "RTMIN-1",
            "signal 33",
            "é",
        ] {
            assert_eq!(text.parse::<Signal>(), Err(UnknownSignal(text.to_owned())));
        }
    }
    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(SIG|sig)?(RTMIN)?\\PC{0,8}") {
            if let Ok(signal) = text.parse::<Signal>() {
                proptest::prop_assert_eq!(signal.to_string().parse(), Ok(signal));
            }
        }
    }
}
