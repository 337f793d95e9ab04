//! Sending input and collecting output at the same time.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::pipe::{PipeReader, PipeWriter, READ_CHUNK};
use super::status::ExitStatus;
use super::{Pipes, Process, Stdio};
use crate::error::{Captured, Error, FOR_EVER};

/// What [`Process::communicate`] may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommunicateOptions {
    /// How long the call may take. None: as long as the process does.
    pub timeout: Option<Duration>,
    /// How many bytes of both streams the call may hold. None: what the policy allows.
    pub output_limit: Option<u64>,
    /// How long to go on reading after the process ended while another holds its pipes open. None: what the policy says.
    pub drain: Option<Duration>,
}

/// The answer of [`Process::communicate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How the process ended.
    pub status: ExitStatus,
    /// All of its standard output; none if that was not piped, or was taken.
    pub stdout: Option<Vec<u8>>,
    /// All of its standard error; none if that was not piped, or was taken.
    pub stderr: Option<Vec<u8>>,
    /// Whether both streams were read to their ends.
    pub complete: bool,
}

/// What is left to send, and the pipe to send it to.
#[derive(Debug)]
struct Sending {
    pipe: PipeWriter,
    input: Vec<u8>,
    sent: usize,
}

/// One output of the process: what was read of it so far, and the pipe while it is open.
#[derive(Debug)]
struct Receiving {
    pipe: Option<PipeReader>,
    received: Vec<u8>,
}

/// The state of a conversation, kept between calls so that none of them loses anything.
#[derive(Debug)]
pub(crate) struct Communication {
    stdin: Option<Sending>,
    stdout: Option<Receiving>,
    stderr: Option<Receiving>,
}

/// What one step of the pump came to.
enum Step {
    Progress,
    Waiting,
    /// Both outputs are at their ends and all input is sent.
    Done,
    /// The outputs hold as much as they may, and there is more.
    Full,
}

impl Communication {
    fn new(pipes: Pipes, input: Option<Vec<u8>>) -> Self {
        let receiving = |pipe: PipeReader| Receiving {
            pipe: Some(pipe),
            received: Vec::new(),
        };
        Self {
            // Without input the pipe is dropped here, which closes it.
            stdin: pipes
                .stdin
                .zip(input)
                .filter(|(_, input)| !input.is_empty())
                .map(|(pipe, input)| Sending { pipe, input, sent: 0 }),
            stdout: pipes.stdout.map(receiving),
            stderr: pipes.stderr.map(receiving),
        }
    }

    fn held(&self) -> u64 {
        let held = |stream: &Option<Receiving>| stream.as_ref().map_or(0, |stream| stream.received.len() as u64);
        held(&self.stdout).saturating_add(held(&self.stderr))
    }

    fn is_open(&self) -> bool {
        [&self.stdout, &self.stderr]
            .into_iter()
            .flatten()
            .any(|stream| stream.pipe.is_some())
    }

    /// Writes once and reads once from each stream.
    fn step(&mut self, cx: &mut Context<'_>, limit: u64) -> io::Result<Step> {
        let mut progress = false;
        if let Some(sending) = &mut self.stdin {
            match sending.poll(cx) {
                Poll::Pending => {}
                Poll::Ready(true) => progress = true,
                Poll::Ready(false) => {
                    self.stdin = None;
                    progress = true;
                }
            }
        }
        for other in [false, true] {
            let room = limit.saturating_sub(self.held());
            let Some(stream) = (if other { &mut self.stderr } else { &mut self.stdout }) else {
                continue;
            };
            match stream.poll(cx, room)? {
                Step::Progress => progress = true,
                Step::Full => return Ok(Step::Full),
                Step::Waiting | Step::Done => {}
            }
        }
        Ok(match (progress, self.stdin.is_some() || self.is_open()) {
            (true, _) => Step::Progress,
            (false, true) => Step::Waiting,
            (false, false) => Step::Done,
        })
    }

    /// Moves data until everything is at its end.
    async fn pump(&mut self, limit: u64) -> Result<(), Error> {
        poll_fn(|cx| {
            loop {
                match self.step(cx, limit) {
                    Ok(Step::Progress) => {}
                    Ok(Step::Waiting) => return Poll::Pending,
                    Ok(Step::Done) => return Poll::Ready(Ok(())),
                    Ok(Step::Full) => return Poll::Ready(Err(Error::OutputLimitReached(Captured::default()))),
                    Err(error) => return Poll::Ready(Err(Error::system("read output", error))),
                }
            }
        })
        .await
    }

    fn hand_over(&mut self) -> Captured {
        let received = |stream: &mut Option<Receiving>| stream.as_mut().map(|s| std::mem::take(&mut s.received));
        Captured {
            stdout: received(&mut self.stdout),
            stderr: received(&mut self.stderr),
        }
    }
}

impl Sending {
    /// Whether there is more to send. A process that stopped reading has got all it wants.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let rest = self.input.get(self.sent..).unwrap_or_default();
        match self.pipe.poll_write(cx, rest) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_)) => Poll::Ready(false),
            Poll::Ready(Ok(written)) => {
                self.sent += written;
                Poll::Ready(self.sent < self.input.len())
            }
        }
    }
}

impl Receiving {
    fn poll(&mut self, cx: &mut Context<'_>, room: u64) -> io::Result<Step> {
        let Some(pipe) = &self.pipe else { return Ok(Step::Done) };
        if room == 0 {
            // Only the end of the stream may still come. What is there is left where it is, for the next call.
            if pipe.poll_readable(cx)?.is_pending() {
                return Ok(Step::Waiting);
            }
            if pipe.available()? > 0 {
                return Ok(Step::Full);
            }
        }
        // With no room left this finds the end, or nothing: what lay there was looked at just now, and a byte that came
        // since is over the limit by one.
        let most = usize::try_from(room).unwrap_or(usize::MAX).max(1);
        if self.received.capacity() - self.received.len() < READ_CHUNK.min(most) {
            self.received
                .reserve(self.received.len().clamp(READ_CHUNK, 16 * READ_CHUNK).min(most));
        }
        match pipe.poll_read(cx, &mut self.received, most) {
            Poll::Pending => Ok(Step::Waiting),
            Poll::Ready(Ok(0)) => {
                self.pipe = None;
                Ok(Step::Progress)
            }
            Poll::Ready(Ok(_)) => Ok(Step::Progress),
            Poll::Ready(Err(error)) => Err(error),
        }
    }
}

/// Puts the conversation back when a call ends, is cancelled, or fails.
struct Turn<'a> {
    process: &'a Process,
    communication: Option<Box<Communication>>,
}

impl<'a> Turn<'a> {
    fn begin(process: &'a Process, input: Option<Vec<u8>>) -> Result<Self, Error> {
        let mut stdio = process.stdio();
        let communication = match &mut *stdio {
            Stdio::Busy => return Err(Error::invalid("input", "another call of communicate is at work")),
            Stdio::Communicating(_) if input.is_some() => {
                return Err(Error::invalid(
                    "input",
                    "the input was given to an earlier call of communicate",
                ));
            }
            Stdio::Untouched(Pipes { stdin: None, .. }) if input.is_some() => {
                return Err(Error::invalid("input", "standard input is not piped, or was taken"));
            }
            Stdio::Untouched(pipes) => Box::new(Communication::new(std::mem::take(pipes), input)),
            Stdio::Communicating(_) => match std::mem::replace(&mut *stdio, Stdio::Busy) {
                Stdio::Communicating(communication) => communication,
                Stdio::Untouched(_) | Stdio::Busy => {
                    return Err(Error::Other("communicate: no conversation".to_owned()));
                }
            },
        };
        *stdio = Stdio::Busy;
        drop(stdio);
        Ok(Self {
            process,
            communication: Some(communication),
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(communication) = self.communication.take() {
            *self.process.stdio() = Stdio::Communicating(communication);
        }
    }
}

pub(super) async fn communicate(
    process: &Process,
    input: Option<Vec<u8>>,
    options: CommunicateOptions,
) -> Result<Output, Error> {
    let limit = options
        .output_limit
        .map_or(process.capture, |limit| limit.min(process.capture));
    let drain = options.drain.unwrap_or(process.drain).min(FOR_EVER);
    let deadline = options.timeout.map(|timeout| Instant::now() + timeout.min(FOR_EVER));
    let mut turn = Turn::begin(process, input)?;
    let Some(communication) = turn.communication.as_deref_mut() else {
        return Err(Error::Other("communicate: no conversation".to_owned()));
    };
    let talk = async {
        // The process may end while others hold its pipes: from then on the pump has until the end of the drain.
        let mut ended = pin!(process.wait());
        let pumped = {
            let mut pump = pin!(communication.pump(limit));
            tokio::select! {
                biased;
                pumped = &mut pump => Some(pumped),
                _ = &mut ended => tokio::time::timeout(drain, pump).await.ok(),
            }
        };
        if let Some(pumped) = pumped {
            pumped?;
        }
        process.wait().await
    };
    let talked = match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, talk)
            .await
            .unwrap_or(Err(Error::TimedOut)),
        None => talk.await,
    };
    match talked {
        Ok(status) => {
            let complete = !communication.is_open();
            let Captured { stdout, stderr } = communication.hand_over();
            Ok(Output {
                status,
                stdout,
                stderr,
                complete,
            })
        }
        Err(Error::OutputLimitReached(_)) => Err(Error::OutputLimitReached(communication.hand_over())),
        Err(other) => Err(other),
    }
}
