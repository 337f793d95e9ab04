//! What ends a guest, or a program, from outside: signals and the time it was given.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit;
use crate::report;

/// An end that comes from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// This signal arrived.
    Signal(i32),
    /// The time is over.
    TimedOut(Duration),
}

impl Interruption {
    /// Tells the operator, where that is not plain from what they did, and answers the exit code.
    pub(crate) fn report(self, what: &str) -> u8 {
        match self {
            Self::Signal(number) => exit::by_signal(number),
            Self::TimedOut(after) => {
                let after = humantime::format_duration(after);
                report::line(&format!("{what} was ended after {after}, as --timeout says"));
                exit::TIMED_OUT
            }
        }
    }
}

/// The signals that ask childproof to end.
#[derive(Debug)]
pub(crate) struct Interruptions(Vec<(i32, Signal)>);

impl Interruptions {
    /// Watches for signals from here on. One that this process was started to ignore, as `nohup` does, stays ignored.
    pub(crate) fn watch() -> Result<Self> {
        let ignored = ignored_signals();
        [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
            SignalKind::quit(),
        ]
        .into_iter()
        .filter(|kind| ignored & (1 << (kind.as_raw_value() - 1)) == 0)
        .map(|kind| Ok((kind.as_raw_value(), signal(kind).context("cannot watch for signals")?)))
        .collect::<Result<_>>()
        .map(Self)
    }

    /// Waits for a signal, or for the time to be over.
    pub(crate) async fn next(&mut self, timeout: Option<Duration>) -> Interruption {
        let arrived = poll_fn(|context| {
            let arrived = self
                .0
                .iter_mut()
                .find_map(|(number, signal)| signal.poll_recv(context).is_ready().then_some(*number));
            arrived.map_or(Poll::Pending, Poll::Ready)
        });
        match timeout {
            None => Interruption::Signal(arrived.await),
            Some(after) => match tokio::time::timeout(after, arrived).await {
                Ok(number) => Interruption::Signal(number),
                Err(_) => Interruption::TimedOut(after),
            },
        }
    }
}

/// The signals that this process ignores, as a mask; see proc_pid_status(5). None where the system does not say.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
