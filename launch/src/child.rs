//! The handle of a process that was started.

use crate::{Exit, Signal, SignalError, WaitError, sys};

/// A process that [`Command::spawn`](crate::Command::spawn) started. All methods take `&self`, from any thread.
///
/// # Drop
///
/// Dropping it kills the process and the rest of its process group, and collects it, so no zombie is left behind. The drop
/// itself does not wait: a process that takes its time to die (one in an uninterruptible wait, say) is collected by a thread
/// of this crate when it does. This needs no runtime and holds in one that is shutting down.
#[derive(Debug)]
pub struct Child {
    sys: sys::Child,
}

impl Child {
    pub(crate) fn new(sys: sys::Child) -> Child {
        Child { sys }
    }

    /// The system's number of the process, for logs. Signals do not go by it: once the process was waited for, the number may
    /// be another's.
    pub fn id(&self) -> u32 {
        self.sys.id()
    }

    /// Waits until the process has ended, which is not when its pipes reach their ends: another process may hold them open.
    /// Answers the same each time, to any number of callers.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`WaitError::StatusLost`] when somebody else in the host collected the process and the system can no longer say how it
    /// ended; [`WaitError::Io`] when the runtime that the child was spawned in is shutting down.
    pub async fn wait(&self) -> Result<Exit, WaitError> {
        self.sys.wait().await
    }

    /// How the process ended, or none while it has not. A stopped process has not ended.
    ///
    /// # Errors
    ///
    /// As [`wait`](Child::wait).
    pub fn try_wait(&self) -> Result<Option<Exit>, WaitError> {
        self.sys.try_wait()
    }

    /// Sends a signal to the process, and to it alone.
    ///
    /// # Errors
    ///
    /// [`SignalError::Ended`] if the process has ended, [`SignalError::Unsupported`] if the platform does not have the signal.
    pub fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        self.sys.signal(signal)
    }

    /// Kills the process and every other process of its process group, which may outlive it. A group with nobody left is a
    /// success.
    ///
    /// A process that left the group (setsid(2), setpgid(2)) is reached where the child is confined in the full tier: everything
    /// in its pid namespace is. In the reduced tier none can leave it. Without confinement it is not reached.
    ///
    /// # Errors
    ///
    /// [`SignalError::Io`], when the system does not allow it: a set-user-ID program of another user.
    pub fn kill_tree(&self) -> Result<(), SignalError> {
        self.sys.kill_tree()
    }
}
