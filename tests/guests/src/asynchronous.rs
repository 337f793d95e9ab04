//! What the guests share that use the bare interface of WASI 0.3.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter};

use crate::raw::{Command, Process, StdinSource, StdoutTarget, StreamError, wit_stream};

/// The future of a stream of a process.
pub type Ending = FutureReader<Result<(), StreamError>>;

/// Polls a future once.
pub async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// What a future comes to if it is polled a few times; dropped if that is not enough.
pub async fn unless_given_up<F: Future + Unpin>(mut future: F, after: usize) -> Option<F::Output> {
    for _ in 0..=after {
        if let Poll::Ready(output) = poll_once(&mut future).await {
            return Some(output);
        }
        turns(1).await;
    }
    None
}

/// Lets the host, and what else is under way, have `turns` turns.
pub async fn turns(turns: usize) {
    for _ in 0..turns {
        wit_bindgen::yield_async().await;
    }
}

/// Sets the streams of a command to pipes, but for standard error.
pub fn piped(command: Command) -> Command {
    command.stdin(StdinSource::Piped);
    command.stdout(&StdoutTarget::Piped);
    command
}

/// A process that copies its input to its output.
pub fn cat() -> Process {
    piped(Command::new("cat")).spawn().expect("cat starts")
}

/// The writing end of a process's standard input, and how it ends.
#[track_caller]
pub fn stdin_of(process: &Process) -> (StreamWriter<u8>, Ending) {
    let (writer, reader) = wit_stream::new();
    (
        writer,
        process.take_stdin(reader).expect("it is piped and was not taken"),
    )
}

/// Writes all of `bytes`.
pub async fn write_all(writer: &mut StreamWriter<u8>, bytes: impl Into<Vec<u8>>) {
    let left = writer.write_all(bytes.into()).await;
    assert!(left.is_empty(), "the other end was dropped");
}

/// Reads until `bytes` bytes are there, or to the end.
pub async fn read_some(reader: &mut StreamReader<u8>, bytes: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < bytes {
        let (result, read) = reader
            .read(Vec::with_capacity(bytes.saturating_sub(all.len()).min(1 << 16)))
            .await;
        all.extend(read);
        if !matches!(result, StreamResult::Complete(_)) {
            break;
        }
    }
    all
}

/// Reads to the end.
pub async fn read_all(reader: &mut StreamReader<u8>) -> Vec<u8> {
    read_some(reader, usize::MAX).await
}

/// Reads a line, byte by byte so that nothing behind it is taken.
pub async fn read_line(reader: &mut StreamReader<u8>) -> String {
    let mut line = Vec::new();
    loop {
        let byte = read_some(reader, 1).await;
        match byte.first() {
            Some(b'\n') => break,
            Some(byte) => line.push(*byte),
            None => break,
        }
    }
    String::from_utf8(line).expect("a line of text")
}

/// Numbers that look like chance and are the same in each run.
pub struct Chance(pub u64);

impl Chance {
    /// One below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
