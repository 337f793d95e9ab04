//! `communicate` as one call to the host.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::Rc;

use super::bindings::childproof::process::types as wit;
use super::child::Child;
use crate::bindings::childproof::process::types::{Error as HostError, Output};
use crate::communicate::{CommunicateOptions, Communicated};
use crate::error::{Error, checked};

/// A process whose pipes the host still holds, so that the host can do the whole of `communicate` in one call.
///
/// It is for a guest that leaves the bounds to its operator, or that has better things to do than to pump: where the guest
/// says nothing, the policy's `capture` bounds what one call holds and its `drain` how long it goes on reading after the
/// end of the process, and the guest is entered once, with all of the output. [`Child::communicate`] does the same work in
/// the guest, obeys only the guest's own bounds, and has the host hold no more than its pipes do.
///
/// Dropping it **kills** the process and every process of its tree.
pub struct HostedChild {
    /// A call that was dropped before it was done. It goes before the process that it borrows.
    begun: Option<Call>,
    process: Rc<wit::Process>,
    /// Whether standard input is a pipe that no call has begun with.
    stdin_is_piped: bool,
}

type Call = Pin<Box<dyn Future<Output = Result<Output, HostError>>>>;

impl HostedChild {
    pub(super) fn new(process: wit::Process, stdin_is_piped: bool) -> Self {
        HostedChild {
            begun: None,
            process: Rc::new(process),
            stdin_is_piped,
        }
    }

    /// Writes `input` to standard input and closes it, reads both outputs to their ends and waits, all within the host.
    ///
    /// None, like an empty input, closes standard input at once.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] or [`Error::OutputLimitReached`], after which a further call, with no input, goes on where this
    /// one was; [`Error::InvalidArgument`] for an input that is given to such a call, or to a process whose standard input
    /// is not piped; [`Error::QuotaExceeded`] when the calls for other processes, under way or unfinished, have the host hold
    /// too much; [`Error::StatusLost`]; or [`Error::Other`].
    ///
    /// That quota may be exceeded before anything is done or once there is more to read. Nothing is lost, and a further call
    /// goes on. If it is not known whether the input was taken, that call can give it again: where it was, it fails with
    /// [`Error::InvalidArgument`] and changes nothing.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it has lost nothing, and the host goes on with it. A further call, with no input, answers
    /// what this one would have, within the bounds that this one was given.
    pub async fn communicate(
        &mut self,
        input: Option<Vec<u8>>,
        options: &CommunicateOptions,
    ) -> io::Result<Communicated> {
        if self.begun.is_some() && input.is_some() {
            return Err(Error::invalid("input", "an earlier call was given the input").into());
        }
        let call = self.begun.get_or_insert_with(|| {
            let process = Rc::clone(&self.process);
            let options = options.into();
            Box::pin(async move { process.communicate(input, options).await })
        });
        self.stdin_is_piped = false;
        let answer = call.as_mut().await;
        self.begun = None;
        Ok(checked(answer)?.into())
    }

    /// The process with its pipes in the guest's hands. Those that an unfinished [`communicate`](Self::communicate) has
    /// begun with are not among them.
    pub fn into_child(self) -> Child {
        drop(self.begun);
        Child::new(self.process, self.stdin_is_piped)
    }
}

impl fmt::Debug for HostedChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostedChild")
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}
