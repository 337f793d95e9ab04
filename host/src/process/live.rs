//! A process that was started, as everything that watches it shares it: the handle, its waiters, its timer, its meter.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use childproof_launch::{Child, ControlGroup, Exit, Signal, SignalError, WaitError};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::meter::Meter;
use super::pipe::LargePipe;
use super::quota::{Held, Place};
use super::status::{EndedBy, ExitStatus, Limit, Termination, Usage};
#[cfg(feature = "p3")]
use super::{PipeSlot, PipeWriter};
use crate::audit::{Audit, AuditEvent};
use crate::error::{Error, FOR_EVER};
use crate::policy::Refusal;

/// The limits that the kernel enforces with a signal, kept to say afterwards that it was they.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KernelLimits {
    /// The CPU time at which the kernel kills, if it is bounded.
    pub(crate) cpu: Option<Duration>,
    pub(crate) file_size: bool,
}

/// What there is of a process once it is started.
pub(crate) struct Started {
    pub(crate) id: u64,
    pub(crate) grant: String,
    pub(crate) child: Child,
    pub(crate) kernel_limits: KernelLimits,
    pub(crate) control_group: Option<ControlGroup>,
    pub(crate) large_pipes: Vec<LargePipe>,
    pub(crate) meter: Option<Arc<Meter>>,
    pub(crate) place: Place,
    pub(crate) held: Arc<Held>,
}

#[derive(Debug, Default)]
struct State {
    /// The end, once somebody observed it.
    ended: Option<Result<ExitStatus, Error>>,
    usage: Option<Usage>,
    /// The limit that made the host kill the process.
    limit: Option<Limit>,
    /// The signals that the guest had sent.
    sent: Vec<Signal>,
    /// Its place among the live processes of its guest.
    place: Option<Place>,
    /// Kills the tree when its time is over, whether the process itself has ended by then or not.
    timer: Option<AbortHandle>,
    /// The pipe that the host itself writes to, which is of no use once the process has ended.
    #[cfg(feature = "p3")]
    feed: Option<PipeSlot<PipeWriter>>,
}

pub(crate) struct Live {
    pub(crate) id: u64,
    pub(crate) grant: String,
    child: Child,
    kernel_limits: KernelLimits,
    /// After the child, which is then gone from it.
    control_group: Option<ControlGroup>,
    meter: Option<Arc<Meter>>,
    audit: Audit,
    /// The runtime the process was started in, which may not be at hand where it is dropped.
    runtime: Handle,
    /// What the process holds of the host's, for as long as it lives.
    _large_pipes: Vec<LargePipe>,
    _held: Arc<Held>,
    state: Mutex<State>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("id", &self.id)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

impl Live {
    pub(crate) fn new(started: Started, audit: Audit, runtime: Handle) -> Arc<Self> {
        let state = State {
            place: Some(started.place),
            ..State::default()
        };
        let live = Arc::new(Self {
            id: started.id,
            grant: started.grant,
            child: started.child,
            kernel_limits: started.kernel_limits,
            control_group: started.control_group,
            meter: started.meter,
            audit,
            runtime,
            _large_pipes: started.large_pipes,
            _held: started.held,
            state: Mutex::new(state),
        });
        if let Some(meter) = &live.meter {
            meter.watch(Arc::downgrade(&live));
        }
        live
    }

    /// Kills the tree once `after` is over.
    pub(crate) fn end_after(self: &Arc<Self>, after: Duration) {
        let process = Arc::downgrade(self);
        let sleep = tokio::time::sleep(after.min(FOR_EVER));
        let timer = self.runtime.spawn(async move {
            sleep.await;
            if let Some(process) = process.upgrade() {
                process.end_by_limit(Limit::WallTime);
            }
        });
        self.state().timer = Some(timer.abort_handle());
    }

    /// Empties the slot of a pipe to the process once that has ended, whoever waits for something to write to it.
    #[cfg(feature = "p3")]
    pub(crate) fn feed(&self, pipe: &PipeSlot<PipeWriter>) {
        let mut state = self.state();
        match state.ended {
            None => state.feed = Some(pipe.clone()),
            Some(_) => drop(pipe.take()),
        }
    }

    /// Kills the tree because of a limit of the host.
    pub(crate) fn end_by_limit(&self, limit: Limit) {
        // It may have ended, of something else, and nobody has looked yet. What it left behind ends all the same.
        if matches!(self.try_wait(), Ok(None)) {
            let mut state = self.state();
            if !state.sent.contains(&Signal::Kill) {
                state.limit.get_or_insert(limit);
            }
        }
        self.report(self.kill_tree());
    }

    /// Whether its status says, or will say, that it was ended by this limit.
    pub(crate) fn is_ended_by(&self, limit: Limit) -> bool {
        let state = self.state();
        match &state.ended {
            Some(ended) => matches!(ended, Ok(status) if status.ended_by == EndedBy::Limit(limit)),
            None => state.limit == Some(limit),
        }
    }

    /// Whether it wrote more than it may and not all of that can be read.
    pub(crate) fn output_is_cut(&self) -> bool {
        self.meter.as_ref().is_some_and(|meter| meter.is_exceeded())
    }

    /// Tells the operator of a signal that was refused.
    pub(crate) fn refused_signal(&self, refusal: &Refusal) {
        self.audit
            .record(&AuditEvent::refused_by_policy(&self.grant, &[], refusal));
    }

    pub(crate) async fn wait(&self) -> Result<ExitStatus, Error> {
        let ended = self.state().ended.clone();
        match ended {
            Some(ended) => ended,
            None => {
                let exit = self.child.wait().await;
                self.observed(exit)
            }
        }
    }

    pub(crate) fn try_wait(&self) -> Result<Option<ExitStatus>, Error> {
        let ended = self.state().ended.clone();
        if let Some(ended) = ended {
            return ended.map(Some);
        }
        match self.child.try_wait() {
            Ok(None) => Ok(None),
            Ok(Some(exit)) => self.observed(Ok(exit)).map(Some),
            Err(error) => self.observed(Err(error)).map(Some),
        }
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        self.state().usage
    }

    /// Sends a signal of the guest's. Whether the process had ended is in the answer.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Error> {
        let before = {
            let mut state = self.state();
            if state.ended.is_some() {
                return Err(Error::NoSuchProcess);
            }
            // Noted before it is sent: the process may end of it before this thread goes on.
            let known = state.sent.contains(&signal);
            if !known {
                state.sent.push(signal);
            }
            known
        };
        let sent = match self.child.signal(signal) {
            Ok(()) => return Ok(()),
            Err(SignalError::Ended) => Err(Error::NoSuchProcess),
            Err(SignalError::Unsupported) => {
                Err(Error::unsupported("signal", format!("this platform has no {signal}")))
            }
            Err(other) => Err(Error::Other(format!("send signal: {other}"))),
        };
        if !before {
            self.state().sent.retain(|other| *other != signal);
        }
        sent
    }

    /// Kills the tree on behalf of the guest.
    pub(crate) fn kill(&self) -> Result<(), Error> {
        // What ended it before is not the guest's doing. What it left behind in its tree ends all the same.
        if matches!(self.try_wait(), Ok(None)) {
            let mut state = self.state();
            if !state.sent.contains(&Signal::Kill) {
                state.sent.push(Signal::Kill);
            }
        }
        self.kill_tree()
    }

    fn kill_tree(&self) -> Result<(), Error> {
        match self.child.kill_tree() {
            Ok(()) | Err(SignalError::Ended) => Ok(()),
            Err(other) => Err(Error::Other(format!("kill: {other}"))),
        }
    }

    /// Tells the operator of a process that nobody else can be told of.
    fn report(&self, killed: Result<(), Error>) {
        if let Err(error) = killed {
            tracing::error!(id = self.id, %error, "a process could not be killed");
        }
    }

    /// The guest gave the process up: kills the tree and sees to it that its end is recorded.
    pub(crate) fn abandon(self: &Arc<Self>) {
        self.report(self.kill());
        if let Some(place) = &mut self.state().place {
            place.give_up();
        }
        if matches!(self.try_wait(), Ok(None)) {
            let process = self.clone();
            self.runtime.spawn(async move { process.wait().await });
        }
    }

    /// Whether it is being killed, and so many of its guest's are that the guest should wait for it.
    #[cfg(feature = "p3")]
    pub(crate) fn is_in_a_crowd(&self) -> bool {
        self.state().place.as_ref().is_some_and(Place::is_crowded)
    }

    /// Records the end. The first observer classifies it, gives the quota back and reports it.
    fn observed(&self, exit: Result<Exit, WaitError>) -> Result<ExitStatus, Error> {
        let (event, answer, place) = {
            let mut state = self.state();
            if let Some(ended) = &state.ended {
                return ended.clone();
            }
            if let Ok(exit) = &exit {
                state.usage = exit.usage.map(|usage| Usage {
                    user_time: usage.user_time,
                    system_time: usage.system_time,
                    peak_memory: usage.peak_memory,
                });
            }
            let answer = match exit {
                Ok(exit) => Ok(self.classify(&state, exit)),
                Err(WaitError::StatusLost) => Err(Error::StatusLost),
                // The process may well be alive: nothing is recorded, the next call asks again.
                Err(other) => return Err(Error::Other(format!("wait: {other}"))),
            };
            state.ended = Some(answer.clone());
            #[cfg(feature = "p3")]
            drop(state.feed.take().and_then(|pipe| pipe.take()));
            let event = AuditEvent::ended(self.id, &self.grant, answer.as_ref().ok(), state.usage.as_ref());
            (event, answer, state.place.take())
        };
        drop(place);
        self.audit.record(&event);
        answer
    }

    fn classify(&self, state: &State, exit: Exit) -> ExitStatus {
        let termination = match exit.termination {
            childproof_launch::Termination::Exited(code) => Termination::Exited(code),
            childproof_launch::Termination::Signaled(signal) => Termination::Signaled(signal),
        };
        let ended_by = match termination {
            Termination::Exited(_) => EndedBy::Itself,
            Termination::Signaled(signal) => self.who_sent(state, signal),
        };
        // A short program may have ended before anybody read how much it wrote.
        let is_cut = || self.meter.as_ref().is_some_and(|meter| meter.is_exceeded_unread());
        let ended_by = match ended_by {
            EndedBy::Itself if is_cut() => EndedBy::Limit(Limit::Output),
            other => other,
        };
        if let (EndedBy::Limit(Limit::Output), Some(meter)) = (ended_by, &self.meter) {
            meter.has_ended_it();
        }
        ExitStatus { termination, ended_by }
    }

    fn who_sent(&self, state: &State, signal: Signal) -> EndedBy {
        // The kernel sends SIGXCPU at the soft limit and SIGKILL at the hard one. It counts CPU time in ticks, so what
        // the process used may be reported a little below the limit that ended it.
        let used = state.usage.map(|usage| usage.user_time + usage.system_time);
        let cpu_is_used_up = match (self.kernel_limits.cpu, used) {
            (Some(limit), Some(used)) => used + Duration::from_millis(50) >= limit,
            _ => false,
        };
        match (signal, state.limit) {
            (Signal::Kill, Some(limit)) => EndedBy::Limit(limit),
            _ if state.sent.contains(&signal) => EndedBy::Guest,
            (Signal::Xcpu, _) if self.kernel_limits.cpu.is_some() => EndedBy::Limit(Limit::CpuTime),
            (Signal::Kill, None) if self.is_out_of_memory() => EndedBy::Limit(Limit::Memory),
            (Signal::Kill, None) if cpu_is_used_up => EndedBy::Limit(Limit::CpuTime),
            (Signal::Xfsz, _) if self.kernel_limits.file_size => EndedBy::Limit(Limit::FileSize),
            _ => EndedBy::Itself,
        }
    }

    /// Whether the tree reached its limit of memory. Where the kernel does not say, nobody knows.
    fn is_out_of_memory(&self) -> bool {
        let group = self.control_group.as_ref();
        group.is_some_and(|group| group.oom_killed().unwrap_or(false))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Nobody observed the end, and there is no runtime left to do so: the operator still learns of it.
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(timer) = state.timer.take() {
            timer.abort();
        }
        if state.ended.is_none() {
            self.audit.record(&AuditEvent::ended(self.id, &self.grant, None, None));
        }
    }
}
