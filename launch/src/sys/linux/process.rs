//! A living process and its end.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::confine::{Post, Stay};
use super::raw::{self, Errno};
use super::wait::{self, Collect, Look};
use super::{kill, number, reaper};
use crate::{Exit, Signal, SignalError, WaitError};

/// A process that was started and is in nobody's hands yet.
pub(super) struct Started {
    pub(super) pid: libc::pid_t,
    pub(super) pidfd: OwnedFd,
    pub(super) tree: Tree,
    /// The peak memory, in bytes, up to which it may be that of the process it came from.
    pub(super) foreign_peak: u64,
}

/// What ends the processes that a process started.
#[derive(Debug)]
pub(super) enum Tree {
    /// A signal to its process group, by the host.
    Group,
    /// The same, and the guard of such groups does it as well when the child or the host ends.
    GuardedGroup { _post: Post },
    /// The end of the child's room, of which the first process sees to it.
    Room(Stay),
}

/// Kills and collects a process that was only just started.
pub(super) fn end(pidfd: &OwnedFd) {
    // One that has ended cannot be killed, and can be collected.
    let _ = kill::process(pidfd.as_fd(), libc::SIGKILL);
    wait::collect(pidfd.as_fd());
}

/// A process by its pidfd. Dropping it kills the process and its group and collects it: whatever fails after the start of a
/// process, none is left behind.
#[derive(Debug)]
pub(super) struct Process {
    pidfd: ManuallyDrop<OwnedFd>,
    pid: libc::pid_t,
    foreign_peak: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    end: End,
    tree: Tree,
    /// Whether an ended process is collected when its end is found out.
    collects: bool,
}

/// What was found out about the end of a process. It never changes back.
#[derive(Clone, Copy, Debug)]
enum End {
    Unknown,
    Known(Exit),
    Lost,
}

impl Process {
    pub(super) fn new(started: Started) -> Process {
        let Started {
            pid,
            pidfd,
            tree,
            foreign_peak,
        } = started;
        // What an ended process leaves behind is collected as soon as its end is known, where its group can be signalled
        // without it (see `kill`), and else when the handle is dropped.
        let collects = kill::has_group_signals(pidfd.as_fd());
        Process {
            pidfd: ManuallyDrop::new(pidfd),
            pid,
            foreign_peak,
            state: Mutex::new(State {
                end: End::Unknown,
                tree,
                collects,
            }),
        }
    }

    fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_wait(&self) -> Result<Option<Exit>, WaitError> {
        // The lock is held while the kernel is asked: of two callers, one collects the process and the other must not find
        // it gone.
        let mut state = self.lock();
        if let End::Unknown = state.end {
            let collect = if state.collects { Collect::Yes } else { Collect::No };
            match wait::look(self.pidfd(), collect, self.foreign_peak) {
                Ok(Look::Running) => {}
                Ok(Look::Ended(exit)) => state.end(End::Known(exit)),
                Ok(Look::Lost) => state.end(End::Lost),
                Err(errno) => return Err(WaitError::Io(errno.into())),
            }
        }
        match state.end {
            End::Unknown => Ok(None),
            End::Known(exit) => Ok(Some(exit)),
            End::Lost => Err(WaitError::StatusLost),
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        let number = number::of_signal(signal).ok_or(SignalError::Unsupported)?;
        // To the kernel, an ended process that was not collected can be sent signals all the same.
        match self.try_wait() {
            Ok(None) => {}
            Ok(Some(_)) | Err(WaitError::StatusLost) => return Err(SignalError::Ended),
            Err(WaitError::Io(error)) => return Err(SignalError::Io(error)),
        }
        match kill::process(self.pidfd(), number) {
            Ok(()) => Ok(()),
            Err(Errno(libc::ESRCH)) => Err(SignalError::Ended),
            Err(errno) => Err(SignalError::Io(errno.into())),
        }
    }

    fn kill_tree(&self) -> raw::Result<()> {
        match (&self.lock().tree, self.pidfd()) {
            (Tree::Room(stay), pidfd) => stay.kill(pidfd),
            (Tree::Group | Tree::GuardedGroup { .. }, pidfd) => kill::group(pidfd, self.pid),
        }
    }
}

impl State {
    /// The process has ended. What sees to the end of its tree does that by itself; where it cannot be told that the process
    /// was collected, its room serves nobody else.
    fn end(&mut self, end: End) {
        let is_collected = matches!(end, End::Known(_)) && self.collects;
        self.end = end;
        match std::mem::replace(&mut self.tree, Tree::Group) {
            Tree::Room(stay) if is_collected => stay.leave(),
            Tree::Group | Tree::GuardedGroup { .. } | Tree::Room(_) => {}
        }
    }
}

impl AsRawFd for Process {
    fn as_raw_fd(&self) -> RawFd {
        self.pidfd.as_raw_fd()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(errno) = self.kill_tree() {
            tracing::warn!(pid = self.pid, error = %io::Error::from(errno), "a dropped child cannot be killed");
        }
        // SAFETY: nothing uses the field after this: the value is being dropped.
        let pidfd = unsafe { ManuallyDrop::take(&mut self.pidfd) };
        reaper::adopt(pidfd);
        // After the child: the first process of a room stays until every process in it is collected.
        self.lock().end(End::Lost);
    }
}

/// A process whose end can be awaited.
#[derive(Debug)]
pub(crate) struct Child {
    process: AsyncFd<Process>,
}

impl Child {
    /// Registers the process with the runtime of the caller. On failure, or panic, the process is killed and collected.
    pub(super) fn new(process: Process) -> raw::Result<Child> {
        // SAFETY: the process owns its pidfd, answers always the same one, and closes it when it is dropped.
        let registered = unsafe { AsyncFd::register_with_interest(process, Interest::READABLE) };
        registered.map(|process| Child { process }).map_err(|error| {
            let (process, cause) = error.into_parts();
            drop(process);
            Errno(cause.raw_os_error().unwrap_or(libc::EIO))
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.get_ref().pid.unsigned_abs()
    }

    pub(crate) async fn wait(&self) -> Result<Exit, WaitError> {
        loop {
            // Before the runtime is asked: a known end needs none.
            if let Some(exit) = self.try_wait()? {
                return Ok(exit);
            }
            let mut ready = self.process.readable().await.map_err(WaitError::Io)?;
            // A pidfd is readable, too, when a debugger has the end of the process and we do not yet. The kernel reports it
            // again when the debugger lets go. The readiness of an ended process stays, for the waiters that come after.
            if let Some(exit) = self.try_wait()? {
                return Ok(exit);
            }
            ready.clear_ready();
        }
    }

    pub(crate) fn try_wait(&self) -> Result<Option<Exit>, WaitError> {
        self.process.get_ref().try_wait()
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        self.process.get_ref().signal(signal)
    }

    pub(crate) fn kill_tree(&self) -> Result<(), SignalError> {
        self.process
            .get_ref()
            .kill_tree()
            .map_err(|errno| SignalError::Io(errno.into()))
    }
}
