//! The interface for guests of WASI 0.3.
//!
//! The programs of the suite are written as if every call waited. What is a future here is waited for at once, within the
//! task of the program's own `run`.

use std::any::Any;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter, block_on};

/// Generated from `wit/0.3`.
#[allow(missing_docs, unsafe_code, unreachable_pub, dead_code)]
mod generated {
    wit_bindgen::generate!({
        inline: r#"
            package childproof:test-guests;

            world guest {
                include childproof:process/imports@0.3.0;
                import wasi:cli/stdin@0.3.0;
                import wasi:clocks/monotonic-clock@0.3.0;
                import wasi:filesystem/preopens@0.3.0;
            }
        "#,
        path: "../../wit/0.3",
        world: "childproof:test-guests/guest",
        generate_all,
    });
}

pub use generated::childproof::process::types::*;
pub use generated::wasi::cli::stdin;
pub use generated::wasi::clocks::monotonic_clock;
pub use generated::wasi::filesystem::preopens;
pub use generated::wasi::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
pub use generated::wit_stream;

/// How a stream ended.
type Ended = Result<(), StreamError>;

/// Gives a command a pipe for its standard output.
pub fn pipe_stdout(command: &Command) {
    command.stdout(&StdoutTarget::Piped);
}

/// Gives a command a pipe for its standard error.
pub fn pipe_stderr(command: &Command) {
    command.stderr(&StderrTarget::Piped);
}

/// Waits until a process has ended.
pub fn wait(process: &Process) -> Result<ExitStatus, Error> {
    block_on(process.wait())
}

/// Waits `count` times at once for a process that `end` ends. That no answer comes before that is asserted.
pub fn wait_at_once(process: &Process, count: usize, end: impl FnOnce()) -> Vec<ExitStatus> {
    block_on(async {
        let mut waits: Vec<_> = (0..count).map(|_| Box::pin(process.wait())).collect();
        for wait in &mut waits {
            assert!(at_once(wait.as_mut()).await.is_none(), "the process has not ended");
        }
        end();
        let mut statuses = Vec::new();
        for wait in waits {
            statuses.push(wait.await.expect("its status is known"));
        }
        statuses
    })
}

/// What a future answers without waiting.
async fn at_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx: &mut Context<'_>| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Reads the outputs of a process to their ends and waits.
pub fn communicate(process: &Process, options: CommunicateOptions) -> Result<Output, Error> {
    block_on(process.communicate(None, options))
}

/// Opens what lies below a directory of the guest's.
pub fn open_at(directory: &Descriptor, path: &str, how: OpenFlags, flags: DescriptorFlags) -> Descriptor {
    block_on(directory.open_at(PathFlags::empty(), path.to_owned(), how, flags)).expect("it can be opened")
}

/// All that a guest can hold of a process with three pipes, but that there are two more of the last.
pub fn parts(process: Process) -> [Box<dyn Any>; 5] {
    let stdin = take_stdin(&process).expect("it is piped");
    let stdout = take_stdout(&process).expect("it is piped");
    let stderr = take_stderr(&process);
    [
        Box::new(process),
        Box::new(stdin),
        Box::new(stdout.data),
        Box::new(stdout.ended),
        Box::new(stderr),
    ]
}

/// The guest's end of a pipe to a process.
pub struct Stdin {
    data: StreamWriter<u8>,
    _ended: FutureReader<Ended>,
}

/// Takes the pipe to a process's standard input.
pub fn take_stdin(process: &Process) -> Option<Stdin> {
    let (data, reader) = wit_stream::new();
    let ended = process.take_stdin(reader)?;
    Some(Stdin { data, _ended: ended })
}

impl Stdin {
    /// Writes of `bytes` what the stream takes while nobody reads it, and says how much that is.
    pub fn fill(&mut self, bytes: &[u8]) -> usize {
        block_on(async {
            let mut rest = bytes.to_vec();
            loop {
                let mut write = Box::pin(self.data.write(rest));
                let (result, left) = match at_once(write.as_mut()).await {
                    Some(done) => done,
                    None => write.as_mut().cancel(),
                };
                rest = left.into_vec();
                assert!(!rest.is_empty(), "the stream takes more than there is");
                match result {
                    StreamResult::Complete(_) => {}
                    StreamResult::Cancelled => return bytes.len() - rest.len(),
                    StreamResult::Dropped => panic!("it can be written to"),
                }
            }
        })
    }
}

/// The guest's end of a pipe from a process.
pub struct Stdout {
    data: StreamReader<u8>,
    ended: FutureReader<Ended>,
}

fn output((data, ended): (StreamReader<u8>, FutureReader<Ended>)) -> Stdout {
    Stdout { data, ended }
}

/// Takes the pipe from a process's standard output.
pub fn take_stdout(process: &Process) -> Option<Stdout> {
    process.take_stdout().map(output)
}

/// Takes the pipe from a process's standard error.
pub fn take_stderr(process: &Process) -> Option<Stdout> {
    process.take_stderr().map(output)
}

impl Stdout {
    /// Whether there is neither something to read nor the end.
    pub fn is_silent(&mut self) -> bool {
        block_on(async {
            let mut read = Box::pin(self.data.read(Vec::with_capacity(1)));
            let silent = at_once(read.as_mut()).await.is_none();
            if silent {
                let (_, taken) = read.as_mut().cancel();
                assert!(taken.is_empty(), "it was not silent for long");
            }
            silent
        })
    }

    /// Waits, and says whether the end is next.
    pub fn is_at_end(&mut self) -> bool {
        let (result, _) = block_on(self.data.read(Vec::with_capacity(1)));
        result == StreamResult::Dropped
    }

    /// The pipe as what another process reads.
    pub fn into_stdin(self) -> StdinSource<'static> {
        StdinSource::Stream(self.data)
    }

    /// Waits until there is something to read, and gives the pipe away without letting go of what says how it ends.
    pub fn into_stdin_watched(mut self) -> (StdinSource<'static>, impl Sized) {
        block_on(self.data.read(Vec::new()));
        (StdinSource::Stream(self.data), self.ended)
    }
}
