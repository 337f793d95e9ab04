//! Linux's numbers of signals and resources.

use crate::{Resource, Signal};

const NUMBERS: &[(Signal, i32)] = &[
    (Signal::Abrt, libc::SIGABRT),
    (Signal::Alrm, libc::SIGALRM),
    (Signal::Bus, libc::SIGBUS),
    (Signal::Chld, libc::SIGCHLD),
    (Signal::Cont, libc::SIGCONT),
    (Signal::Fpe, libc::SIGFPE),
    (Signal::Hup, libc::SIGHUP),
    (Signal::Ill, libc::SIGILL),
    (Signal::Int, libc::SIGINT),
    (Signal::Io, libc::SIGIO),
    (Signal::Kill, libc::SIGKILL),
    (Signal::Pipe, libc::SIGPIPE),
    (Signal::Prof, libc::SIGPROF),
    (Signal::Pwr, libc::SIGPWR),
    (Signal::Quit, libc::SIGQUIT),
    (Signal::Segv, libc::SIGSEGV),
    (Signal::Stkflt, libc::SIGSTKFLT),
    (Signal::Stop, libc::SIGSTOP),
    (Signal::Sys, libc::SIGSYS),
    (Signal::Term, libc::SIGTERM),
    (Signal::Trap, libc::SIGTRAP),
    (Signal::Tstp, libc::SIGTSTP),
    (Signal::Ttin, libc::SIGTTIN),
    (Signal::Ttou, libc::SIGTTOU),
    (Signal::Urg, libc::SIGURG),
    (Signal::Usr1, libc::SIGUSR1),
    (Signal::Usr2, libc::SIGUSR2),
    (Signal::Vtalrm, libc::SIGVTALRM),
    (Signal::Winch, libc::SIGWINCH),
    (Signal::Xcpu, libc::SIGXCPU),
    (Signal::Xfsz, libc::SIGXFSZ),
];

/// The highest signal of the kernel.
pub(super) const LAST_SIGNAL: i32 = 64;

/// The number of a signal; none for a number the kernel does not have.
pub(super) fn of_signal(signal: Signal) -> Option<i32> {
    let number = match signal {
        Signal::Realtime(offset) => libc::SIGRTMIN() + i32::from(offset),
        Signal::Other(number) => number,
        named => NUMBERS.iter().find(|(signal, _)| *signal == named)?.1,
    };
    (1..=LAST_SIGNAL).contains(&number).then_some(number)
}

/// The signal with a number.
pub(super) fn to_signal(number: i32) -> Signal {
    if let Some((signal, _)) = NUMBERS.iter().find(|(_, known)| *known == number) {
        return *signal;
    }
    match u8::try_from(number - libc::SIGRTMIN()) {
        Ok(offset) if number <= LAST_SIGNAL => Signal::Realtime(offset),
        _ => Signal::Other(number),
    }
}

/// What prlimit64 calls a resource.
pub(super) fn of_resource(resource: Resource) -> libc::c_long {
    let number = match resource {
        Resource::CpuTime => libc::RLIMIT_CPU,
        Resource::AddressSpace => libc::RLIMIT_AS,
        Resource::Data => libc::RLIMIT_DATA,
        Resource::Stack => libc::RLIMIT_STACK,
        Resource::OpenFiles => libc::RLIMIT_NOFILE,
        Resource::FileSize => libc::RLIMIT_FSIZE,
        Resource::Processes => libc::RLIMIT_NPROC,
        Resource::Core => libc::RLIMIT_CORE,
        Resource::LockedMemory => libc::RLIMIT_MEMLOCK,
    };
    number as libc::c_long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_the_kernel_is_a_signal_and_goes_back() {
        for number in 1..=LAST_SIGNAL {
            assert_eq!(of_signal(to_signal(number)), Some(number));
        }
    }

    #[test]
    fn every_named_signal_has_a_number() {
        for signal in Signal::NAMED {
            assert_eq!(of_signal(*signal).map(to_signal), Some(*signal));
        }
    }

    #[test]
    fn a_number_the_kernel_does_not_have_is_none() {
        let last = u8::try_from(LAST_SIGNAL - libc::SIGRTMIN()).unwrap();
        assert_eq!(of_signal(Signal::Realtime(last)), Some(LAST_SIGNAL));
        for signal in [
            Signal::Realtime(last + 1),
            Signal::Realtime(u8::MAX),
            Signal::Other(0),
            Signal::Other(-1),
        ] {
            assert_eq!(of_signal(signal), None, "{signal}");
        }
        assert_eq!(of_signal(Signal::Other(i32::MAX)), None);
        assert_eq!(of_signal(Signal::Other(i32::MIN)), None);
    }
}
