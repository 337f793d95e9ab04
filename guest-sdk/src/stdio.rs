//! Where a process's standard streams come from and go to.

use crate::bindings::wasi::filesystem::types::Descriptor;
use crate::bindings::wasi::io::streams::{InputStream, OutputStream};
use crate::choice::{Choice, Streams, plain_stdio};
use crate::file::File;
use crate::stream::{ChildStderr, ChildStdin, ChildStdout};

/// What to do with a standard stream of a process, as [`std::process::Stdio`].
///
/// Beside [`null`](Stdio::null), [`piped`](Stdio::piped) and [`inherit`](Stdio::inherit) there are:
///
/// - a file, `Stdio::from(file)`, for each of the three. It is a [`File`] of this crate: why not `std::fs::File` is said
///   there. The process begins at the file's offset; an output appends if the file was opened to. A file that does not
///   append can be one output or the other, not both: `spawn` refuses it with an [`Error::InvalidArgument`] that names
///   `stderr`.
/// - another process's stream, `Stdio::from(child.stdout)`: what it writes for a standard input, what it reads for an
///   output. The host passes the pipe on, and no byte goes through the guest.
/// - standard output for standard error: [`Command::stderr_to_stdout`](crate::Command::stderr_to_stdout).
///
/// [`Error::InvalidArgument`]: crate::Error::InvalidArgument
///
/// ```no_run
/// use childproof::{Command, Stdio};
///
/// # fn main() -> std::io::Result<()> {
/// let mut log = Command::new("git").args(["log", "--format=%an"]).stdout(Stdio::piped()).spawn()?;
/// let authors = Command::new("sort").arg("-u").stdin(log.stdout.take().unwrap()).output()?;
/// log.wait()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Stdio(pub(crate) Choice<Descriptor, InputStream, OutputStream>);

/// The streams of a command.
pub(crate) type Given = Streams<Descriptor, InputStream, OutputStream>;

plain_stdio!();

impl From<ChildStdout> for Stdio {
    fn from(stream: ChildStdout) -> Stdio {
        Stdio(Choice::Reader(Some(stream.0.into_stream())))
    }
}

impl From<ChildStderr> for Stdio {
    fn from(stream: ChildStderr) -> Stdio {
        Stdio(Choice::Reader(Some(stream.0.into_stream())))
    }
}

impl From<ChildStdin> for Stdio {
    fn from(stream: ChildStdin) -> Stdio {
        Stdio(Choice::Writer(Some(stream.0.into_stream())))
    }
}
