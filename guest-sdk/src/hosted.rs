//! `communicate` as one call to the host.

use std::io;

use crate::bindings::childproof::process::types as wit;
use crate::child::Child;
use crate::clock::nanoseconds;
use crate::communicate::{CommunicateOptions, Communicated};
use crate::error::checked;

/// A process whose pipes the host still holds, so that the host can do the whole of `communicate` in one call.
///
/// It is for a guest that leaves the bounds to its operator, or that has better things to do than to pump: where the guest
/// says nothing, the policy's `capture` bounds what one call holds and its `drain` how long it goes on reading after the
/// end of the process, and the guest is entered once, with all of the output. [`Child::communicate`] does the same work in
/// the guest, obeys only the guest's own bounds, and has the host hold no more than its pipes do.
#[derive(Debug)]
pub struct HostedChild {
    process: wit::Process,
}

impl HostedChild {
    pub(crate) fn new(process: wit::Process) -> Self {
        HostedChild { process }
    }

    /// Writes `input` to standard input and closes it, reads both outputs to their ends and waits, all within the host.
    ///
    /// None, like an empty input, closes standard input at once.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`](crate::Error::TimedOut) or [`Error::OutputLimitReached`](crate::Error::OutputLimitReached),
    /// after which a further call, with no input, goes on where this one was;
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for an input that is given to such a call, or to a
    /// process whose standard input is not piped; [`Error::QuotaExceeded`](crate::Error::QuotaExceeded) when unfinished
    /// calls for other processes have the host hold too much, before anything is done;
    /// [`Error::StatusLost`](crate::Error::StatusLost); or [`Error::Other`](crate::Error::Other).
    pub fn communicate(&mut self, input: Option<&[u8]>, options: &CommunicateOptions) -> io::Result<Communicated> {
        Ok(checked(self.process.communicate(input, options.into()))?.into())
    }

    /// The process with its pipes in the guest's hands. Those that an unfinished [`communicate`](Self::communicate) has
    /// begun with are not among them.
    pub fn into_child(self) -> Child {
        Child::new(self.process)
    }
}

impl From<&CommunicateOptions> for wit::CommunicateOptions {
    fn from(options: &CommunicateOptions) -> Self {
        wit::CommunicateOptions {
            timeout: options.timeout.map(nanoseconds),
            output_limit: options.output_limit,
            drain: options.drain.map(nanoseconds),
        }
    }
}

impl From<wit::Output> for Communicated {
    fn from(output: wit::Output) -> Self {
        Communicated {
            status: output.status.into(),
            stdout: output.stdout,
            stderr: output.stderr,
            complete: output.complete,
        }
    }
}
