//! The exit codes of `childproof`, and the words that explain them: the one place where they are written.

use childproof_host::process::Signal;

/// The guest's `run` answered an error, or `explain` found that the policy refuses.
pub(crate) const ERROR: u8 = 1;
/// `doctor` found that the default tier does not work here.
pub(crate) const NOT_CONFINED: u8 = 3;
/// `suite` had nothing that failed, and something that it could not run here.
pub(crate) const SKIPPED: u8 = 4;
/// `--timeout` ended it.
pub(crate) const TIMED_OUT: u8 = 124;
/// childproof itself could not do its work.
pub(crate) const FAILED: u8 = 125;
/// The policy refused what `exec` asked for, or the program cannot be executed.
pub(crate) const REFUSED: u8 = 126;
/// The program of the grant is gone.
pub(crate) const NOT_FOUND: u8 = 127;
/// SIGRTMIN, as C libraries count: they keep the first two real-time signals of the kernel for themselves.
const FIRST_REALTIME: i32 = 34;
/// Added to the number of the signal that ended a program, or childproof.
pub(crate) const SIGNAL: u8 = 128;
/// A trap ended the guest: what a shell shows for a program that aborts.
pub(crate) const TRAPPED: u8 = SIGNAL + 6;

/// The exit code for an end by a signal.
pub(crate) fn by_signal(number: i32) -> u8 {
    u8::try_from(number).map_or(u8::MAX, |number| SIGNAL.saturating_add(number))
}

/// What `childproof --help` says of all exit codes.
pub(crate) const ALL: &str = "\
Exit codes:
  0    success
  1    the guest failed; for explain, the policy refuses; for suite, a case failed
  2    the command line is wrong
  3    doctor: the tier full does not work on this machine
  4    suite: nothing failed, and something could not be run here
  124  --timeout ended it
  125  childproof failed: a bad policy, a bad component, a directory that is not there
  126  exec: the policy refused, or the program cannot be executed
  127  exec: the program of the grant is gone
  134  run: the guest trapped
  130  ctrl-C ended it; and 128+N for any other signal N
Any other code is the guest's, or the program's, own.";

/// What `childproof run --help` says.
pub(crate) const OF_RUN: &str = "\
Exit codes:
  The guest's own: 0, or 1 when it failed. By wasi:cli/exit@0.3 a guest exits with any code from 0
  to 255. WASI 0.2 passes on 0 and 1 alone: there, and by Rust's std, to exit with 3 is to exit
  with 1.
  2    the command line is wrong
  124  --timeout ended the guest
  125  childproof failed: a bad policy, a bad component, a directory that is not there
  134  the guest trapped
  130  ctrl-C ended it; and 128+N for any other signal N";

/// What `childproof exec --help` says.
pub(crate) const OF_EXEC: &str = "\
Exit codes:
  The program's own, and 128+N if the signal N ended it.
  2    the command line is wrong
  124  --timeout ended the program
  125  childproof failed: a bad policy, a directory that is not there
  126  the policy refused, or the program cannot be executed
  127  the program of the grant is gone
  130  ctrl-C ended it; and 128+N for any other signal N";

/// What `childproof explain --help` says.
pub(crate) const OF_EXPLAIN: &str = "\
Exit codes:
  0    allowed
  1    refused
  2    the command line is wrong
  125  childproof failed: a bad policy, a directory that is not there";

/// What `childproof suite --help` says.
pub(crate) const OF_SUITE: &str = "\
Exit codes:
  0    all cases were run, and passed
  1    a case failed
  2    the command line is wrong
  4    nothing failed, and a case was skipped; 0 with --allow-skipped, unless all were
  125  childproof failed: a bad archive, a name that no case has
  130  ctrl-C ended it, and all that ran; and 128+N for any other signal N";

/// What `childproof doctor --help` says.
pub(crate) const OF_DOCTOR: &str = "\
Exit codes:
  0    the tier full works
  2    the command line is wrong
  3    the tier full does not work: the report says why, and whether the tier reduced does
  125  childproof failed: stdout cannot be written to";

/// The exit code for a program that a signal ended.
pub(crate) fn of_signal(signal: Signal) -> u8 {
    use rustix::process::Signal as Named;
    let named = match signal {
        Signal::Hup => Named::HUP,
        Signal::Int => Named::INT,
        Signal::Quit => Named::QUIT,
        Signal::Ill => Named::ILL,
        Signal::Trap => Named::TRAP,
        Signal::Abrt => Named::ABORT,
        Signal::Bus => Named::BUS,
        Signal::Fpe => Named::FPE,
        Signal::Kill => Named::KILL,
        Signal::Usr1 => Named::USR1,
        Signal::Segv => Named::SEGV,
        Signal::Usr2 => Named::USR2,
        Signal::Pipe => Named::PIPE,
        Signal::Alrm => Named::ALARM,
        Signal::Term => Named::TERM,
        Signal::Stkflt => Named::STKFLT,
        Signal::Chld => Named::CHILD,
        Signal::Cont => Named::CONT,
        Signal::Stop => Named::STOP,
        Signal::Tstp => Named::TSTP,
        Signal::Ttin => Named::TTIN,
        Signal::Ttou => Named::TTOU,
        Signal::Urg => Named::URG,
        Signal::Xcpu => Named::XCPU,
        Signal::Xfsz => Named::XFSZ,
        Signal::Vtalrm => Named::VTALARM,
        Signal::Prof => Named::PROF,
        Signal::Winch => Named::WINCH,
        Signal::Io => Named::IO,
        Signal::Pwr => Named::POWER,
        Signal::Sys => Named::SYS,
        Signal::Realtime(offset) => return by_signal(FIRST_REALTIME + i32::from(offset)),
        Signal::Other(number) => return by_signal(number),
    };
    by_signal(named.as_raw())
}
