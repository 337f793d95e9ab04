//! The loop that feeds a process and drains it at the same time.

use std::cell::Cell;
use std::io;
use std::mem;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, FutureExt, select, try_join3};
use wit_bindgen::yield_async;

use super::bindings::childproof::process::types as wit;
use super::bindings::wasi::clocks::monotonic_clock;
use super::stream::{Incoming, Outgoing, READ_LEN};
use crate::clock::nanoseconds;
use crate::communicate::{Bounds, Communicated, hand_out};
use crate::error::{Error, checked};
use crate::status::{ExitStatus, Limit};

/// How many reads that need no wait are made before timers and other tasks have their turn. It is more than it takes to empty
/// the largest pipe.
const ROUNDS: u32 = 64;

/// The streams of a process that is being communicated with, and what a call that ended early leaves for the next.
#[derive(Debug)]
pub(super) struct Pump {
    stdin: Option<Outgoing>,
    /// What is left of the input.
    unsent: Vec<u8>,
    stdout: Option<Source>,
    stderr: Option<Source>,
}

/// A stream to read. It ends where the stream does; the buffer stays.
#[derive(Debug)]
struct Source {
    stream: Option<Incoming>,
    buffer: Vec<u8>,
    /// Whether it failed before its end.
    is_cut: bool,
}

impl Source {
    fn new(stream: Incoming) -> Self {
        Source {
            stream: Some(stream),
            buffer: Vec::new(),
            is_cut: false,
        }
    }
}

/// How much both outputs hold, and how much they may.
struct Held {
    bytes: Cell<usize>,
    limit: usize,
}

/// Why the pump stopped before its streams were at their ends.
enum Stop {
    /// More is held than may be.
    Full,
    Failed(io::Error),
}

impl Held {
    fn add(&self, bytes: usize) -> Result<(), Stop> {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        self.check()
    }

    fn check(&self) -> Result<(), Stop> {
        if self.bytes.get() > self.limit {
            Err(Stop::Full)
        } else {
            Ok(())
        }
    }
}

impl Pump {
    pub(super) fn new(
        stdin: Option<Outgoing>,
        input: Vec<u8>,
        stdout: Option<Incoming>,
        stderr: Option<Incoming>,
    ) -> Self {
        Pump {
            stdin,
            unsent: input,
            stdout: stdout.map(Source::new),
            stderr: stderr.map(Source::new),
        }
    }

    /// Closes the pipe to the process, whatever is left of the input.
    pub(super) fn close_stdin(&mut self) {
        self.stdin = None;
        self.unsent = Vec::new();
    }

    /// Sends the input, closes stdin, reads to the ends of the pipes and waits. Whatever ends it early, nothing that was read or
    /// was still to be sent is lost.
    pub(super) async fn run(&mut self, process: &wit::Process, bounds: &Bounds) -> io::Result<Communicated> {
        let Some(timeout) = bounds.timeout else {
            return self.talk(process, bounds).await;
        };
        let late = pin!(monotonic_clock::wait_for(nanoseconds(timeout)));
        match select(pin!(self.talk(process, bounds)), late).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => Err(Error::TimedOut.into()),
        }
    }

    async fn talk(&mut self, process: &wit::Process, bounds: &Bounds) -> io::Result<Communicated> {
        let limit = bounds
            .output_limit
            .map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        match self.exchange(process, bounds.drain, limit).await {
            Ok(()) => {}
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Full) => {
                let [stdout, stderr] = self.buffers();
                return Err(Error::OutputLimitReached(hand_out(stdout, stderr, limit)).into());
            }
        }
        let status = ExitStatus::from(checked(process.wait().await)?);
        self.close_stdin();
        let is_whole = self.sources().all(|source| source.stream.is_none() && !source.is_cut);
        let [stdout, stderr] = self.buffers().map(|buffer| buffer.map(mem::take));
        Ok(Communicated {
            status,
            stdout,
            stderr,
            complete: is_whole && status.limit() != Some(Limit::Output),
        })
    }

    /// Moves bytes until the streams are at their ends, or the process has ended and the time to drain them is over.
    async fn exchange(&mut self, process: &wit::Process, drain: Option<Duration>, limit: usize) -> Result<(), Stop> {
        let Some(drain) = drain else {
            return self.pump(limit).await;
        };
        let drained = pin!(async {
            // How it ended, and whether that is known, is said later.
            let _ = process.wait().await;
            monotonic_clock::wait_for(nanoseconds(drain)).await;
        });
        if let Either::Left((pumped, _)) = select(pin!(self.pump(limit)), drained).await {
            return pumped;
        }
        // What is in the pipes now is read without a wait.
        match pin!(self.pump(limit)).now_or_never() {
            Some(pumped) => pumped,
            None => Ok(()),
        }
    }

    async fn pump(&mut self, limit: usize) -> Result<(), Stop> {
        let held = Held {
            bytes: Cell::new(self.sources().map(|source| source.buffer.len()).sum()),
            limit,
        };
        let send = send(&mut self.stdin, &mut self.unsent);
        try_join3(send, receive(&mut self.stdout, &held), receive(&mut self.stderr, &held)).await?;
        Ok(())
    }

    fn sources(&self) -> impl Iterator<Item = &Source> {
        [&self.stdout, &self.stderr].into_iter().flatten()
    }

    fn buffers(&mut self) -> [Option<&mut Vec<u8>>; 2] {
        [&mut self.stdout, &mut self.stderr].map(|source| source.as_mut().map(|source| &mut source.buffer))
    }
}

/// Writes the input, and closes the pipe after the last of it.
async fn send(stdin: &mut Option<Outgoing>, unsent: &mut Vec<u8>) -> Result<(), Stop> {
    if let Some(pipe) = stdin
        && !unsent.is_empty()
    {
        match pipe.write_vec(unsent).await {
            // A process that stopped reading has got all it wants.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(Stop::Failed(error)),
            _ => *unsent = Vec::new(),
        }
    }
    *stdin = None;
    Ok(())
}

/// Reads to the end of a stream, or until more is held than the limit allows.
async fn receive(source: &mut Option<Source>, held: &Held) -> Result<(), Stop> {
    held.check()?;
    let Some(source) = source else { return Ok(()) };
    let mut round = 0_u32;
    while let Some(stream) = &mut source.stream {
        // Doubling keeps the copying of what is held in proportion.
        source.buffer.reserve(READ_LEN);
        match stream.read_buf(&mut source.buffer).await {
            Ok(0) => source.stream = None,
            Ok(read) => held.add(read)?,
            // What was read before it failed is not lost for that.
            Err(_) => {
                source.is_cut = true;
                source.stream = None;
            }
        }
        round = round.wrapping_add(1);
        if round.is_multiple_of(ROUNDS) {
            yield_async().await;
        }
    }
    Ok(())
}
