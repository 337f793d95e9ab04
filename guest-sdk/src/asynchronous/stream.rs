//! The guest's ends of a process's pipes.
//!
//! The host moves bytes between a pipe and a buffer of the guest's, with nothing in between. A buffer belongs to the host
//! while it does that, so it is handed over as a vector; whoever gives up waiting takes it back, with what is in it.
//!
//! What is here is of both directions: how a stream goes, and how it ended.

mod read;
mod write;

use std::io;
use std::mem;
use std::pin::Pin;

use wit_bindgen::{FutureRead, FutureReader, yield_async};

use super::bindings::childproof::process::types as wit;

pub use read::{ChildStderr, ChildStdout};
pub use write::ChildStdin;

pub(super) use read::{Incoming, READ_LEN};
pub(super) use write::Outgoing;

/// After how many reads or writes of one stream that are done at once the other futures of the task have their turn, and the
/// clock. A process that is always ready for more would leave them none. It is more than it takes to empty the largest pipe.
const TURNS: u32 = 64;

/// How a stream goes.
#[derive(Default)]
struct Course {
    /// Whether it is at its end: nothing to read is left, or nobody reads. Such a stream is not to be touched any more, and a
    /// read or write that is given up may have come to that.
    over: bool,
    /// How many reads or writes were done at once, one after the other.
    at_once: u32,
}

impl Course {
    /// Gives others their turn now and then.
    async fn turn(&mut self) {
        self.at_once = self.at_once.wrapping_add(1);
        if self.at_once.is_multiple_of(TURNS) {
            yield_async().await;
        }
    }

    /// A read or write has to wait, so that all others have their turn.
    fn waits(&mut self) {
        self.at_once = 0;
    }
}

/// Why a stream ended before its end.
#[derive(Clone, Debug)]
enum Failure {
    Closed,
    Other(String),
}

impl From<wit::StreamError> for Failure {
    fn from(error: wit::StreamError) -> Self {
        match error {
            wit::StreamError::Closed => Self::Closed,
            wit::StreamError::LastOperationFailed(message) => Self::Other(message),
        }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> io::Error {
        match failure {
            Failure::Closed => io::ErrorKind::BrokenPipe.into(),
            Failure::Other(message) => io::Error::other(message),
        }
    }
}

/// What the host says about the end of a stream. It is asked for once the stream has ended.
enum Ending {
    Unasked(FutureReader<Result<(), wit::StreamError>>),
    Asked(Pin<Box<FutureRead<Result<(), wit::StreamError>>>>),
    Told(Result<(), Failure>),
}

impl Ending {
    /// Asks, and answers the same ever after.
    async fn told(&mut self) -> Result<(), Failure> {
        loop {
            match self {
                Self::Unasked(_) => {
                    if let Self::Unasked(ending) = mem::replace(self, Self::Told(Ok(()))) {
                        *self = Self::Asked(Box::pin(ending.into_future()));
                    }
                }
                Self::Asked(asked) => {
                    let ended = asked.as_mut().await;
                    *self = Self::Told(ended.map_err(Failure::from));
                }
                Self::Told(ended) => return ended.clone(),
            }
        }
    }
}
