//! Live processes: starting them under the policy, their pipes, their ends.
//!
//! What is here knows nothing of WIT. [`p2`](crate::p2) translates to it, and so can any other front end: the
//! `childproof exec` command starts processes through it without a guest.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use childproof_host::ProcessCtx;
//! use childproof_host::policy::{Arguments, Grant, LoadOptions, Policy};
//! use childproof_host::process::{CommunicateOptions, SpawnRequest, Stdout};
//!
//! let policy = Policy::new().grant("echo", Grant::program("/bin/echo").args(Arguments::Any));
//! let ctx = ProcessCtx::builder(policy.load(&LoadOptions::default())?).build();
//! let mut request = SpawnRequest::new("echo");
//! request.args = vec!["hello".to_owned()];
//! request.stdout = Stdout::Piped;
//! let process = ctx.spawn(&request)?;
//! let output = process.communicate(None, CommunicateOptions::default()).await?;
//! assert_eq!(output.stdout.as_deref(), Some(&b"hello\n"[..]));
//! # Ok(())
//! # }
//! ```

mod communicate;
mod confine;
mod control_group;
mod kept;
mod live;
mod meter;
mod pipe;
mod quota;
mod request;
mod spawn;
mod status;
mod stdio;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use childproof_launch::Signal;

pub use communicate::{CommunicateOptions, Output};
pub use pipe::{PipeReader, PipeWriter, READ_CHUNK};
pub use request::{Directory, FileStream, PipeSlot, SpawnRequest, Stderr, Stdin, Stdout};
pub use status::{EndedBy, ExitStatus, Limit, Stopped, StoppedBy, Termination, Usage};

pub(crate) use confine::{Profiles, Unconfinable};
pub(crate) use kept::Kept;
pub(crate) use live::Live;
pub(crate) use quota::Quotas;
pub(crate) use spawn::{refuse_too_long, spawn};

use crate::error::{Error, FOR_EVER};
use crate::policy::{LoadedGrant, Refusal};
use communicate::Communication;
use meter::Meter;
use quota::Held;

/// How long [`Process::close`] and its like wait for a killed process to be gone. Only one that sleeps inside the kernel, on a disk
/// that does not answer, takes longer than a moment.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// The host's ends of a process's pipes, until somebody takes them.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    pub(crate) stdin: Option<PipeWriter>,
    pub(crate) stdout: Option<PipeReader>,
    pub(crate) stderr: Option<PipeReader>,
}

impl Pipes {
    /// What counts the bytes of both outputs.
    fn meter(&self, limit: u64) -> Meter {
        let outputs = [&self.stdout, &self.stderr].into_iter().flatten();
        Meter::new(limit, outputs.map(PipeReader::downgrade).collect())
    }

    fn attach(&mut self, meter: Option<&Arc<Meter>>, held: &Arc<Held>) {
        if let Some(stdin) = &mut self.stdin {
            stdin.hold(held.clone());
        }
        for output in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            output.hold(held.clone());
            if let Some(meter) = meter {
                output.set_meter(meter.clone());
            }
        }
    }
}

#[derive(Debug)]
enum Stdio {
    Untouched(Pipes),
    /// `communicate` was called and is not at work now.
    Communicating(Box<Communication>),
    /// A call of `communicate` is at work.
    Busy,
}

/// A process that was started.
///
/// Dropping it kills the process and its tree, and leaves no zombie. The tree of a confined process is every process that it
/// started, and ends with it however it ends; without a confinement it is the process group, which a process can leave.
#[derive(Debug)]
pub struct Process {
    live: Arc<Live>,
    stdio: Mutex<Stdio>,
    grant: Arc<LoadedGrant>,
    kept: Kept,
    capture: u64,
    drain: Duration,
}

impl Process {
    fn new(live: Arc<Live>, pipes: Pipes, grant: Arc<LoadedGrant>, kept: Kept, capture: u64, drain: Duration) -> Self {
        Self {
            live,
            stdio: Mutex::new(Stdio::Untouched(pipes)),
            grant,
            kept,
            capture,
            drain,
        }
    }

    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// A number for logs: unique among the processes of its context.
    pub fn id(&self) -> u64 {
        self.live.id
    }

    /// The writing end of the pipe to standard input, if it is piped and was not taken.
    pub fn take_stdin(&self) -> Option<PipeWriter> {
        self.take(|pipes| pipes.stdin.take())
    }

    /// The reading end of the pipe from standard output, if it is piped and was not taken.
    pub fn take_stdout(&self) -> Option<PipeReader> {
        self.take(|pipes| pipes.stdout.take())
    }

    /// The reading end of the pipe from standard error, if it is piped and was not taken.
    pub fn take_stderr(&self) -> Option<PipeReader> {
        self.take(|pipes| pipes.stderr.take())
    }

    /// The writing end of the pipe to standard input, if it is piped and was not taken, for the host itself to write to. The end
    /// of the process empties the slot.
    #[cfg(feature = "p3")]
    pub(crate) fn feed(&self) -> Option<PipeSlot<PipeWriter>> {
        let pipe = PipeSlot::new(self.take_stdin()?);
        self.live.feed(&pipe);
        Some(pipe)
    }

    fn take<T>(&self, end: impl FnOnce(&mut Pipes) -> Option<T>) -> Option<T> {
        match &mut *self.stdio() {
            Stdio::Untouched(pipes) => end(pipes),
            Stdio::Communicating(_) | Stdio::Busy => None,
        }
    }

    fn stdio(&self) -> MutexGuard<'_, Stdio> {
        // No code that can panic runs under the lock.
        self.stdio.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the process has ended, and answers the same ever after.
    ///
    /// It does not wait for the ends of its pipes and does not read them: a process that fills a pipe which nobody reads
    /// never ends. [`communicate`](Self::communicate) is for that.
    ///
    /// What a confined process left behind ends with it, at that moment or just after. Without a confinement it lives on until
    /// the process is dropped or killed.
    ///
    /// # Errors
    ///
    /// [`Error::StatusLost`] and [`Error::Other`].
    ///
    /// # Cancel safety
    ///
    /// A cancelled `wait` loses nothing. Any number of waiters may wait at once.
    pub async fn wait(&self) -> Result<ExitStatus, Error> {
        self.live.wait().await
    }

    /// How the process ended, or none while it has not. A stopped process has not ended.
    ///
    /// # Errors
    ///
    /// [`Error::StatusLost`] and [`Error::Other`].
    pub fn try_wait(&self) -> Result<Option<ExitStatus>, Error> {
        self.live.try_wait()
    }

    /// Sends a signal to the process, and to it alone.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProcess`] if it has ended, [`Error::Refused`] if the policy does not allow the signal,
    /// [`Error::Unsupported`] and [`Error::Other`].
    pub fn send_signal(&self, signal: Signal) -> Result<(), Error> {
        if matches!(signal, Signal::Other(_)) {
            return Err(Error::unsupported("signal", "a signal without a name cannot be sent"));
        }
        self.grant.check_signal(signal).map_err(|refusal| {
            self.live.refused_signal(&refusal);
            refused(refusal)
        })?;
        self.live.signal(signal)
    }

    /// Asks the process to end, with SIGTERM. Succeeds if it has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the policy does not allow the signal, and [`Error::Other`].
    pub fn terminate(&self) -> Result<(), Error> {
        match self.send_signal(Signal::Term) {
            Err(Error::NoSuchProcess) => Ok(()),
            sent => sent,
        }
    }

    /// Kills the process and its tree, with SIGKILL. Succeeds if it has ended. No policy forbids it.
    ///
    /// # Errors
    ///
    /// [`Error::Other`].
    pub fn kill(&self) -> Result<(), Error> {
        self.live.kill()
    }

    /// Asks the process to end, waits for `grace`, and kills it and its tree if it has not ended by then. Where the policy
    /// does not allow SIGTERM it is killed at once.
    ///
    /// # Errors
    ///
    /// [`Error::StatusLost`] and [`Error::Other`].
    ///
    /// # Cancel safety
    ///
    /// Cancelled, it has sent what it has sent; a further call goes on from there with a new grace period.
    pub async fn stop(&self, grace: Duration) -> Result<Stopped, Error> {
        if let Some(status) = self.try_wait()? {
            return Ok(Stopped {
                status,
                by: StoppedBy::AlreadyEnded,
            });
        }
        let asked = match self.grant.check_signal(Signal::Term) {
            Ok(()) => self.live.signal(Signal::Term),
            Err(refusal) => Err(refused(refusal)),
        };
        match asked {
            Ok(()) | Err(Error::NoSuchProcess) => {
                if let Ok(status) = tokio::time::timeout(grace.min(FOR_EVER), self.wait()).await {
                    return Ok(Stopped {
                        status: status?,
                        by: StoppedBy::Terminate,
                    });
                }
            }
            Err(Error::Refused(_)) => {}
            Err(other) => return Err(other),
        }
        self.kill()?;
        let status = self.wait().await?;
        // It may have ended by itself at the last moment.
        let killed = status.termination == Termination::Signaled(Signal::Kill);
        Ok(Stopped {
            status,
            by: if killed { StoppedBy::Kill } else { StoppedBy::Terminate },
        })
    }

    /// What the process used. None before its end was observed, and where the system did not say.
    pub fn usage(&self) -> Option<Usage> {
        self.live.usage()
    }

    /// Sends `input`, closes standard input, reads standard output and error to their ends, all at once, and waits.
    ///
    /// Standard input is closed when `input` is none, too. A process that does not read its input is no error.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] and [`Error::OutputLimitReached`], after which a further call with no input goes on where this
    /// one was; [`Error::InvalidArgument`] for input that nobody can read, or that is given to such a further call, and,
    /// naming `input`, while another call for this process is under way; [`Error::QuotaExceeded`] with
    /// [`Quota::HeldBytes`](crate::Quota::HeldBytes); [`Error::StatusLost`] and [`Error::Other`].
    ///
    /// That quota is exceeded where the calls for other processes of the guest, those under way and those that can be gone
    /// on with, hold more than 64 MiB: before anything is done, or once there is more to read. A call that only waits, for
    /// its process to write or to end, does not fail of it. Nothing is lost, and a further call goes on: at least that for
    /// the process whose bytes came last is never refused. If it is not known whether the input was taken, that call can
    /// give it again: where it was, it fails with [`Error::InvalidArgument`] and changes nothing.
    ///
    /// # Memory
    ///
    /// The host holds the input, and the output that no call has returned. Output takes the place of input that was sent, as
    /// far as there is some. All calls for processes of one guest together hold at most 64 MiB and what the largest of them
    /// does, whose input its caller bounds and whose output the policy's `capture`.
    ///
    /// # Cancel safety
    ///
    /// What was read and not answered is kept, what was not sent is sent by the next call.
    pub async fn communicate(&self, input: Option<Vec<u8>>, options: CommunicateOptions) -> Result<Output, Error> {
        communicate::communicate(self, input, options).await
    }

    /// Kills the process and its tree and waits until it is gone, so that nothing of it is left when this returns. A
    /// process that cannot be killed at once, because it sleeps inside the kernel, is left to the background.
    pub async fn close(&self) {
        if matches!(self.try_wait(), Ok(None)) && self.kill().is_ok() {
            gone(&self.live).await;
        }
    }

    /// Drops the process for a guest. It waits until that is gone only where more of the guest's are being killed than may be
    /// alive, so that a guest cannot have any number of them.
    #[cfg(feature = "p3")]
    pub(crate) async fn give_up(process: Arc<Self>) {
        let live = process.live.clone();
        drop(process);
        if live.is_in_a_crowd() {
            gone(&live).await;
        }
    }
}

async fn gone(process: &Live) {
    let _ = tokio::time::timeout(CLOSE_PATIENCE, process.wait()).await;
}

fn refused(refusal: Refusal) -> Error {
    Error::refused(refusal.field.to_string(), refusal.message)
}

impl Drop for Process {
    fn drop(&mut self) {
        self.live.abandon();
    }
}
