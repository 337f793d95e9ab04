//! The loop that feeds a process and drains it at the same time.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, FutureExt, select, try_join3};

use super::bindings::childproof::process::types as wit;
use super::bindings::wasi::clocks::monotonic_clock;
use super::stream::{Incoming, Outgoing, READ_LEN};
use crate::clock::nanoseconds;
use crate::communicate::{Bounds, Communicated, hand_out};
use crate::error::{Error, checked};
use crate::status::{ExitStatus, Limit};

/// Buffers below this size, in bytes, grow by more than they hold.
const SMALL: usize = 1024 * 1024;

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
    /// Whether the stream is at its end, and only how it ended is not known yet.
    at_end: bool,
    buffer: Vec<u8>,
    /// Whether it failed before its end.
    is_cut: bool,
}

impl Source {
    fn new(stream: Incoming) -> Self {
        Source {
            stream: Some(stream),
            at_end: false,
            buffer: Vec::new(),
            is_cut: false,
        }
    }

    /// Asks how the stream ended, if it has.
    async fn finish(&mut self) {
        if let Some(stream) = self.stream.as_mut().filter(|_| self.at_end) {
            // What was read before it failed is not lost for that.
            self.is_cut = stream.ended().await.is_err();
            self.stream = None;
        }
    }
}

/// What both outputs have come to.
struct Held {
    bytes: Cell<usize>,
    limit: usize,
    /// How many are not at their ends.
    open: Cell<usize>,
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

    /// How many bytes to ask for: one past the limit tells a process that wrote just as much from one that writes more.
    fn wanted(&self) -> usize {
        let room = self.limit.saturating_sub(self.bytes.get());
        READ_LEN.min(room.saturating_add(1))
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
        let exchanged = self.exchange(process, bounds.drain, limit).await;
        for source in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            source.finish().await;
        }
        match exchanged {
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
        let held = Held {
            bytes: Cell::new(self.sources().map(|source| source.buffer.len()).sum()),
            limit,
            open: Cell::new(
                self.sources()
                    .filter(|source| source.stream.is_some() && !source.at_end)
                    .count(),
            ),
        };
        let Some(drain) = drain else {
            return self.pump(&held).await;
        };
        let drained = pin!(async {
            // How it ended, and whether that is known, is said later.
            let _ = process.wait().await;
            // This is polled whenever the pump is.
            let ended = pin!(poll_fn(|_| match held.open.get() {
                0 => Poll::Ready(()),
                _ => Poll::Pending,
            }));
            select(pin!(monotonic_clock::wait_for(nanoseconds(drain))), ended).await;
        });
        if let Either::Left((pumped, _)) = select(pin!(self.pump(&held)), drained).await {
            return pumped;
        }
        // What is in the pipes now is read without a wait.
        pin!(self.pump(&held)).now_or_never().unwrap_or(Ok(()))
    }

    async fn pump(&mut self, held: &Held) -> Result<(), Stop> {
        let send = send(&mut self.stdin, &mut self.unsent);
        try_join3(send, receive(&mut self.stdout, held), receive(&mut self.stderr, held)).await?;
        Ok(())
    }

    fn sources(&self) -> impl Iterator<Item = &Source> {
        [&self.stdout, &self.stderr].into_iter().flatten()
    }

    fn buffers(&mut self) -> [Option<&mut Vec<u8>>; 2] {
        [&mut self.stdout, &mut self.stderr].map(|source| source.as_mut().map(|source| &mut source.buffer))
    }
}

/// Writes the input behind what was written before, and closes the pipe after the last of it.
async fn send(stdin: &mut Option<Outgoing>, unsent: &mut Vec<u8>) -> Result<(), Stop> {
    if let Some(pipe) = stdin {
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
    while let Some(stream) = source.stream.as_mut().filter(|_| !source.at_end) {
        let (buffer, wanted) = (&mut source.buffer, held.wanted());
        if wanted < READ_LEN {
            buffer.reserve(wanted);
            buffer.shrink_to(buffer.len() + wanted);
        } else if buffer.capacity() - buffer.len() < wanted {
            // What is held is copied to where there is room. Small buffers are given much of it, large ones as much again.
            let factor = if buffer.len() < SMALL { 4 } else { 1 };
            buffer.reserve(wanted.max(factor * buffer.len()));
        }
        match stream.read_open(buffer).await {
            Ok(Some(read)) => held.add(read)?,
            // What a read failed with that was begun before is what the stream ends with, too.
            Ok(None) | Err(_) => {
                source.at_end = true;
                held.open.set(held.open.get().saturating_sub(1));
            }
        }
    }
    Ok(())
}
