//! Sending input and collecting output at the same time.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::kept::Share;
use super::pipe::{LARGEST_PIPE, PipeReader, PipeWriter, READ_CHUNK};
use super::status::ExitStatus;
use super::{Pipes, Process, Stdio};
use crate::error::{Captured, Error, FOR_EVER, Quota};

/// How many steps the pump takes before timers and other tasks have their turn. It is more than it takes to empty the
/// largest pipe, so that what is in the pipes when a process ends is read even with no time to drain them.
const STEPS: usize = 64;

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
    /// Whether both streams were read to their ends, which the limit of output may have prevented.
    pub complete: bool,
}

/// The input of a process. What was sent of it is memory that is at hand: output is received into it, which spares the
/// host the pages of a second buffer of the same size, where that is what a process answers.
#[derive(Debug, Default)]
struct Input {
    bytes: Vec<u8>,
    sent: usize,
    /// How many bytes at the beginning are output by now; never more than were sent.
    received: usize,
}

impl Input {
    fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    fn spent(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.received..self.sent).unwrap_or_default()
    }

    /// Lets go of the memory behind what was received: all is sent, or nobody reads it.
    fn let_go(&mut self) {
        self.sent = self.received;
        self.bytes.truncate(self.received);
        self.bytes.shrink_to_fit();
    }

    /// What the process will never read is gone.
    fn give_up(&mut self) {
        self.bytes.truncate(self.sent);
        self.bytes.shrink_to_fit();
    }

    /// The output that was received here, followed by `rest`. What is not sent stays, in memory of its own.
    fn hand_over(&mut self, rest: Vec<u8>) -> Vec<u8> {
        if self.received == 0 {
            return rest;
        }
        let unsent = self.bytes.split_off(self.sent);
        let mut output = std::mem::replace(&mut self.bytes, unsent);
        self.sent = 0;
        output.truncate(self.received);
        self.received = 0;
        output.extend(rest);
        output.shrink_to_fit();
        output
    }
}

/// One output of the process: what was read of it so far, and the pipe while it is open.
#[derive(Debug)]
struct Receiving {
    pipe: Option<PipeReader>,
    received: Vec<u8>,
    /// A byte that was read to tell the end of the stream from more of it, and belongs to the next call.
    surplus: Vec<u8>,
}

/// The state of a conversation, kept between calls so that none of them loses anything.
#[derive(Debug)]
pub(crate) struct Communication {
    share: Share,
    stdin: Option<PipeWriter>,
    input: Input,
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
    /// The guest's other conversations keep too much, and there is more.
    Crowded,
}

impl Communication {
    fn new(share: Share, pipes: Pipes, input: Option<Vec<u8>>) -> Self {
        let receiving = |pipe: PipeReader| Receiving {
            pipe: Some(pipe),
            received: Vec::new(),
            surplus: Vec::new(),
        };
        Self {
            share,
            // Without input the pipe is dropped here, which closes it.
            stdin: pipes
                .stdin
                .filter(|_| input.as_ref().is_some_and(|input| !input.is_empty())),
            input: Input {
                bytes: input.unwrap_or_default(),
                ..Input::default()
            },
            stdout: pipes.stdout.map(receiving),
            stderr: pipes.stderr.map(receiving),
        }
    }

    fn held(&self) -> u64 {
        let held = |stream: &Option<Receiving>| stream.as_ref().map_or(0, |stream| stream.received.len() as u64);
        held(&self.stdout)
            .saturating_add(held(&self.stderr))
            .saturating_add(self.input.received as u64)
    }

    /// How much the host holds for this conversation. The byte of [`Receiving::surplus`] is not worth counting.
    fn kept(&self) -> usize {
        let outputs = [&self.stdout, &self.stderr].into_iter().flatten();
        let received: usize = outputs.map(|stream| stream.received.len()).sum();
        self.input.bytes.len().saturating_add(received)
    }

    fn is_open(&self) -> bool {
        [&self.stdout, &self.stderr]
            .into_iter()
            .flatten()
            .any(|stream| stream.pipe.is_some())
    }

    /// A call has ended: lets go of the input that no further call needs, and counts what is left.
    fn rest(&mut self) {
        if self.stdin.is_none() {
            self.input.let_go();
        }
        self.share.set(self.kept());
    }

    /// Writes once and reads once from each stream.
    fn step(&mut self, cx: &mut Context<'_>, limit: u64) -> io::Result<Step> {
        let mut progress = self.send(cx);
        for other in [false, true] {
            let room = limit.saturating_sub(self.held());
            let (stream, spent) = match other {
                false => (&mut self.stdout, Some(&mut self.input)),
                true => (&mut self.stderr, None),
            };
            let Some(stream) = stream else { continue };
            let polled = stream.poll(cx, room, spent, &mut self.share);
            // It took room for more than there was to read.
            self.share.set(self.kept());
            match polled? {
                Step::Progress => progress = true,
                stop @ (Step::Full | Step::Crowded) => return Ok(stop),
                Step::Waiting | Step::Done => {}
            }
        }
        Ok(match (progress, self.stdin.is_some() || self.is_open()) {
            (true, _) => Step::Progress,
            (false, true) => Step::Waiting,
            (false, false) => Step::Done,
        })
    }

    /// Writes once. Whether that changed anything.
    fn send(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(pipe) = &self.stdin else { return false };
        match pipe.poll_write(cx, self.input.unsent()) {
            Poll::Pending => return false,
            Poll::Ready(Ok(written)) => self.input.sent += written,
            // A process that stopped reading has got all it wants.
            Poll::Ready(Err(_)) => self.input.give_up(),
        }
        if self.input.unsent().is_empty() {
            self.stdin = None;
        }
        true
    }

    /// Moves data until everything is at its end.
    async fn pump(&mut self, limit: u64) -> Result<(), Error> {
        // An earlier call that timed out may have read more than this one may answer.
        if self.held() > limit {
            return Err(Error::OutputLimitReached(Captured::default()));
        }
        poll_fn(|cx| {
            for _ in 0..STEPS {
                match self.step(cx, limit) {
                    Ok(Step::Progress) => {}
                    Ok(Step::Waiting) => return Poll::Pending,
                    Ok(Step::Done) => return Poll::Ready(Ok(())),
                    Ok(Step::Full) => return Poll::Ready(Err(Error::OutputLimitReached(Captured::default()))),
                    Ok(Step::Crowded) => return Poll::Ready(Err(Error::QuotaExceeded(Quota::HeldBytes))),
                    Err(error) => return Poll::Ready(Err(Error::system("read output", error))),
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    /// Hands out what was read, at most `limit` bytes of it, standard output first. The rest is for the next call.
    fn hand_over(&mut self, limit: u64) -> Captured {
        let mut room = usize::try_from(limit).unwrap_or(usize::MAX);
        let stdout = self.stdout.as_mut().map(|stream| {
            let all = self.input.hand_over(std::mem::take(&mut stream.received));
            stream.cut(all, &mut room)
        });
        let stderr = self.stderr.as_mut().map(|stream| {
            let all = std::mem::take(&mut stream.received);
            stream.cut(all, &mut room)
        });
        Captured { stdout, stderr }
    }
}

impl Receiving {
    /// As much of `all` as there is room for; the rest is kept.
    fn cut(&mut self, mut all: Vec<u8>, room: &mut usize) -> Vec<u8> {
        if all.len() > *room {
            self.received = all.split_off(*room);
        }
        *room -= all.len();
        all
    }

    /// Reads once, at most `room` bytes. Memory for them is either the sent part of the input or taken from `share`.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        room: u64,
        input: Option<&mut Input>,
        share: &mut Share,
    ) -> io::Result<Step> {
        let Some(pipe) = &self.pipe else { return Ok(Step::Done) };
        if room == 0 {
            return self.poll_end(cx, Step::Full);
        }
        let most = usize::try_from(room).unwrap_or(usize::MAX);
        let read = match input {
            // Once there was more output than input, the rest of it comes behind.
            Some(input) if self.has_received_nothing() && input.received < input.sent => {
                let spent = input.spent();
                let len = spent.len().min(most);
                let read = pipe.poll_fill(cx, spent.get_mut(..len).unwrap_or_default());
                if let Poll::Ready(Ok(read)) = &read {
                    input.received += read;
                }
                read
            }
            _ if !share.grow(most.min(LARGEST_PIPE)) => return self.poll_end(cx, Step::Crowded),
            _ if !self.surplus.is_empty() => {
                self.received.append(&mut self.surplus);
                return Ok(Step::Progress);
            }
            _ => {
                if self.received.capacity() - self.received.len() < READ_CHUNK.min(most) {
                    // Doubling keeps the copying of what is held in proportion; memory that is not filled costs nothing.
                    self.received.reserve(self.received.len().max(READ_CHUNK).min(most));
                }
                pipe.poll_read(cx, &mut self.received, most)
            }
        };
        self.step(read)
    }

    fn has_received_nothing(&self) -> bool {
        self.received.is_empty() && self.surplus.is_empty()
    }

    /// What `read` came to.
    fn step(&mut self, read: Poll<io::Result<usize>>) -> io::Result<Step> {
        match or_end(read) {
            Poll::Pending => Ok(Step::Waiting),
            Poll::Ready(Ok(0)) => {
                self.pipe = None;
                Ok(Step::Progress)
            }
            Poll::Ready(Ok(_)) => Ok(Step::Progress),
            Poll::Ready(Err(error)) => Err(error),
        }
    }

    /// Looks for the end of the stream, which alone may still come: `more` is the answer if there is more of it. Nothing is
    /// decided while the stream is silent. Its next byte wakes the call, so a change of what others keep need not.
    fn poll_end(&mut self, cx: &mut Context<'_>, more: Step) -> io::Result<Step> {
        if self.surplus.is_empty()
            && let Some(pipe) = &self.pipe
        {
            let read = pipe.poll_read(cx, &mut self.surplus, 1);
            let step = self.step(read)?;
            if self.surplus.is_empty() {
                return Ok(step);
            }
        }
        Ok(more)
    }
}

/// The process's limit of output ends a stream here; that the answer is not complete says so.
fn or_end(read: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    read.map(|read| match read {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(0),
        read => read,
    })
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
            Stdio::Untouched(pipes) => {
                let mut share = process.kept.share();
                if !share.grow(input.as_ref().map_or(0, Vec::len)) {
                    return Err(Error::QuotaExceeded(Quota::HeldBytes));
                }
                Box::new(Communication::new(share, std::mem::take(pipes), input))
            }
            Stdio::Communicating(communication) if communication.share.is_crowded() => {
                return Err(Error::QuotaExceeded(Quota::HeldBytes));
            }
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
        if let Some(mut communication) = self.communication.take() {
            communication.rest();
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
            let complete = !communication.is_open() && !process.live.output_is_cut();
            let Captured { stdout, stderr } = communication.hand_over(u64::MAX);
            Ok(Output {
                status,
                stdout,
                stderr,
                complete,
            })
        }
        Err(Error::OutputLimitReached(_)) => Err(Error::OutputLimitReached(communication.hand_over(limit))),
        Err(other) => Err(other),
    }
}
