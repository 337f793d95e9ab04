//! Where a process's standard streams come from and go to.

use std::mem;
use std::rc::{Rc, Weak};

use wit_bindgen::StreamReader;

use super::bindings::childproof::process::types as wit;
use super::bindings::wasi::filesystem::types::Descriptor;
use super::file::File;
use super::stream::{ChildStderr, ChildStdin, ChildStdout, Incoming, Outgoing};
use crate::choice::{self, plain_stdio};

/// What to do with a standard stream of a process, as [`std::process::Stdio`].
///
/// Beside [`null`](Stdio::null), [`piped`](Stdio::piped) and [`inherit`](Stdio::inherit) there are:
///
/// - a file, `Stdio::from(file)`, for each of the three. It is a [`File`] of this module. The process begins at the file's
///   offset; an output appends if the file was opened to. A file that does not append can be one output or the other, not
///   both: `spawn` refuses it with an [`Error::InvalidArgument`] that names `stderr`.
/// - another process's stream, `Stdio::from(child.stdout)`: what it writes for a standard input, what it reads for an
///   output. The host passes the pipe on, and no byte goes through the guest. A [`ChildStdin`] can be passed on while
///   nothing was written to it and its process is there; a [`ChildStdout`] or [`ChildStderr`] when no read of it is under
///   way. `spawn` refuses others with an [`Error::InvalidArgument`] that names the field.
/// - any other `stream<u8>` that the guest holds, the body of an HTTP request say, for a standard input. The host feeds the
///   process from it.
/// - standard output for standard error: [`Command::stderr_to_stdout`](super::Command::stderr_to_stdout).
///
/// Dropping it closes the stream it was made from, as long as no spawn was given that.
///
/// [`Error::InvalidArgument`]: crate::Error::InvalidArgument
///
/// ```no_run
/// use childproof::asynchronous::{Command, Stdio};
///
/// async fn authors() -> std::io::Result<Vec<u8>> {
///     let mut log = Command::new("git").args(["log", "--format=%an"]).stdout(Stdio::piped()).spawn()?;
///     let authors = Command::new("sort").arg("-u").stdin(log.stdout.take().unwrap()).output().await?;
///     log.wait().await?;
///     Ok(authors.stdout)
/// }
/// ```
#[derive(Debug)]
pub struct Stdio(pub(super) Choice);

pub(super) type Choice = choice::Choice<Descriptor, Source, Sink>;

/// The streams of a command.
pub(super) type Given = choice::Streams<Descriptor, Source, Sink>;

/// What a process is to read.
#[derive(Debug)]
pub(super) enum Source {
    Stream(StreamReader<u8>),
    /// A stream that is at its end: there is nothing to read.
    Ended,
    /// A stream that cannot be passed on, and why.
    Unusable(&'static str),
}

impl Source {
    fn new(stream: Incoming) -> Self {
        match stream.into_stream() {
            Ok(Some(stream)) => Source::Stream(stream),
            Ok(None) => Source::Ended,
            Err(why) => Source::Unusable(why),
        }
    }
}

/// What a process is to write to.
#[derive(Debug)]
pub(super) enum Sink {
    Process(StdinOf),
    /// A stream that cannot be passed on, and why.
    Unusable(&'static str),
}

/// The standard input of a process, which nobody took yet. Dropping it closes that.
pub(super) struct StdinOf(Weak<wit::Process>);

impl Sink {
    pub(super) fn of(process: Weak<wit::Process>) -> Self {
        Sink::Process(StdinOf(process))
    }

    /// The process that will read it, or why there is none.
    pub(super) fn process(&self) -> Result<Rc<wit::Process>, &'static str> {
        match self {
            Sink::Process(StdinOf(process)) => process.upgrade().ok_or("the process that would read it was dropped"),
            Sink::Unusable(why) => Err(why),
        }
    }

    /// It is the host's now, which closes it.
    pub(super) fn pass_on(self) {
        if let Sink::Process(mut stdin) = self {
            stdin.0 = Weak::new();
        }
    }
}

impl Drop for StdinOf {
    fn drop(&mut self) {
        drop(Outgoing::new(mem::take(&mut self.0)));
    }
}

impl std::fmt::Debug for StdinOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StdinOf").finish_non_exhaustive()
    }
}

plain_stdio!();

impl From<ChildStdout> for Stdio {
    fn from(stream: ChildStdout) -> Stdio {
        Stdio(Choice::Reader(Some(Source::new(stream.0))))
    }
}

impl From<ChildStderr> for Stdio {
    fn from(stream: ChildStderr) -> Stdio {
        Stdio(Choice::Reader(Some(Source::new(stream.0))))
    }
}

impl From<ChildStdin> for Stdio {
    fn from(stream: ChildStdin) -> Stdio {
        Stdio(Choice::Writer(Some(match stream.0.into_process() {
            Ok(process) => Sink::of(process),
            Err(why) => Sink::Unusable(why),
        })))
    }
}

/// A `stream<u8>` of the guest's own bindings, for a standard input. The type is that of `wit-bindgen` 0.63, the version
/// that this crate is built with, and the same for whatever that generates.
impl From<StreamReader<u8>> for Stdio {
    fn from(stream: StreamReader<u8>) -> Stdio {
        Stdio(Choice::Reader(Some(Source::Stream(stream))))
    }
}
