//! Feeding a process and draining it at the same time.
//!
//! One loop serves stdin, stdout and stderr. A stream is tried as long as it makes progress, and only when none does is
//! the host asked to wait for all of them at once. A stream's pollable is made once.

use std::io;
use std::time::Duration;

use crate::bindings::childproof::process::types as wit;
use crate::bindings::wasi::io::poll::{self, Pollable};
use crate::clock::Deadline;
use crate::error::{Captured, Error, checked};
use crate::status::{ExitStatus, Limit};
use crate::stream::{Incoming, Outgoing, READ_LEN, Received};

/// How long output is read after the process ended while another process holds its pipes, if nothing else was said.
const DRAIN: Duration = Duration::from_secs(1);

/// How much is read from a pipe in one last go when the time to drain it is over: what a pipe can hold.
const LAST_LEN: usize = 1024 * 1024;

/// After how many rounds all streams, the process and the clock are looked at even though some stream makes progress.
const ROUNDS: u32 = 64;

/// Bounds on one call of [`Child::communicate_with`](crate::Child::communicate_with) or
/// [`HostedChild::communicate`](crate::HostedChild::communicate).
///
/// What holds where nothing is said differs between the two. The guest's own loop obeys no limit of the policy on one
/// call; [`HostedChild`](crate::HostedChild) obeys the policy's `capture` and `drain`. The policy's limit `output` is for
/// both: it bounds what the process may write to its pipes at all, and ends the process that writes more.
///
/// ```
/// use std::time::Duration;
///
/// let options = childproof::CommunicateOptions::new().timeout(Duration::from_secs(5)).output_limit(1 << 20);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommunicateOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) output_limit: Option<u64>,
    pub(crate) drain: Option<Duration>,
}

impl CommunicateOptions {
    /// No timeout; for [`Child`](crate::Child) no bound on the output and a second to drain, for
    /// [`HostedChild`](crate::HostedChild) the policy's bounds on both.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the call may take. Past it, it fails with [`Error::TimedOut`].
    pub fn timeout(mut self, after: Duration) -> Self {
        self.timeout = Some(after);
        self
    }

    /// How many bytes of stdout and stderr together the call may hold. Past it, it fails with
    /// [`Error::OutputLimitReached`], which carries as much, standard output first.
    ///
    /// Without it, [`Child::communicate_with`](crate::Child::communicate_with) holds all that the process writes before
    /// the policy's limit `output` ends it. [`HostedChild::communicate`](crate::HostedChild::communicate) never holds more
    /// than the policy's `capture`, whatever is asked for here.
    pub fn output_limit(mut self, bytes: u64) -> Self {
        self.output_limit = Some(bytes);
        self
    }

    /// How long to go on reading after the process ended while another process, started by it, holds its pipes open.
    /// Past it, the call answers what was read and says that it is not [complete](Communicated::complete).
    ///
    /// Without it, a second for [`Child::communicate_with`](crate::Child::communicate_with), and what the policy says for
    /// [`HostedChild::communicate`](crate::HostedChild::communicate).
    pub fn drain(mut self, after: Duration) -> Self {
        self.drain = Some(after);
        self
    }
}

/// What [`Child::communicate`](crate::Child::communicate) answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Communicated {
    /// How the process ended.
    pub status: ExitStatus,
    /// What it wrote to standard output; none if that was not piped, or was taken from the child.
    pub stdout: Option<Vec<u8>>,
    /// What it wrote to standard error; none if that was not piped, or was taken from the child.
    pub stderr: Option<Vec<u8>>,
    /// Whether both streams were read to their ends. False when another process still held one open once the time to
    /// drain them was over, when the limit of output cut them, and when reading one failed.
    pub complete: bool,
}

/// What bounds one run of the pump.
pub(crate) struct Bounds {
    pub(crate) timeout: Option<Duration>,
    pub(crate) output_limit: Option<u64>,
    /// None: until the ends of the pipes, however long the process is gone.
    pub(crate) drain: Option<Duration>,
}

impl Bounds {
    pub(crate) const NONE: Bounds = Bounds {
        timeout: None,
        output_limit: None,
        drain: None,
    };
}

impl From<&CommunicateOptions> for Bounds {
    fn from(options: &CommunicateOptions) -> Self {
        Bounds {
            timeout: options.timeout,
            output_limit: options.output_limit,
            drain: Some(options.drain.unwrap_or(DRAIN)),
        }
    }
}

/// Refuses input that nobody can be given: that of a further call, and that of a process whose standard input is not there.
pub(crate) fn check_input(input: &[u8], is_further: bool, has_stdin: bool) -> Result<(), Error> {
    if input.is_empty() {
        Ok(())
    } else if is_further {
        Err(Error::invalid("input", "an earlier call was given the input"))
    } else if has_stdin {
        Ok(())
    } else {
        Err(Error::invalid("input", "standard input is not piped, or was taken"))
    }
}

/// The streams of a process that is being communicated with, and what a call that failed leaves for the next.
#[derive(Debug)]
pub(crate) struct Pump {
    stdin: Option<Sink>,
    stdout: Option<Source>,
    stderr: Option<Source>,
    /// What is left of the input of a call that timed out.
    unsent: Vec<u8>,
    exit: Option<Pollable>,
}

#[derive(Debug)]
struct Sink {
    stream: Outgoing,
    ready: bool,
}

/// A stream to read. It ends where the stream does; the buffer stays.
#[derive(Debug)]
struct Source {
    stream: Option<Incoming>,
    buffer: Vec<u8>,
    ready: bool,
    /// Whether it failed before its end.
    is_cut: bool,
}

impl Source {
    fn new(stream: Incoming) -> Self {
        Source {
            stream: Some(stream),
            buffer: Vec::new(),
            ready: true,
            is_cut: false,
        }
    }

    /// Reads once, up to `len` bytes, without waiting.
    fn pull(&mut self, len: usize) {
        let Some(stream) = self.stream.as_ref() else {
            self.ready = false;
            return;
        };
        if !self.buffer.is_empty() {
            // Room is made before the bytes arrive: then the buffer is the last thing on the heap and can grow in place.
            self.buffer.reserve(len);
        }
        match stream.try_receive(len) {
            Ok(Received::Bytes(bytes)) if self.buffer.capacity() == 0 => self.buffer = bytes,
            Ok(Received::Bytes(bytes)) => self.buffer.extend_from_slice(&bytes),
            Ok(Received::Nothing) => self.ready = false,
            // What was read before it failed is not lost for that.
            end @ (Ok(Received::End) | Err(_)) => {
                self.is_cut = end.is_err();
                self.stream = None;
                self.ready = false;
            }
        }
    }

    /// Reads what is in the pipe now, and no more than a pipe can hold.
    fn pull_the_rest(&mut self, room: usize) {
        let most = self.buffer.len().saturating_add(room.min(LAST_LEN));
        self.ready = true;
        while self.ready && self.buffer.len() < most {
            self.pull(READ_LEN.min(most - self.buffer.len()));
        }
    }
}

/// Hands out what fits the limit, standard output first. The rest is what the next call begins with: a byte that told that
/// there is more, or what an earlier call with a higher limit had read.
pub(crate) fn hand_out(stdout: Option<&mut Vec<u8>>, stderr: Option<&mut Vec<u8>>, limit: usize) -> Captured {
    let mut room = limit;
    let mut cut = |buffer: &mut Vec<u8>| {
        let kept = buffer.split_off(room.min(buffer.len()));
        room -= buffer.len();
        std::mem::replace(buffer, kept)
    };
    Captured {
        stdout: stdout.map(&mut cut),
        stderr: stderr.map(&mut cut),
    }
}

/// Why the loop ended.
enum End {
    /// Both streams are at their ends. Whether the process is, too, is for `wait` to say.
    Streams,
    /// The process ended and the time to drain its pipes is over.
    Drained,
}

impl Pump {
    pub(crate) fn new(stdin: Option<Outgoing>, stdout: Option<Incoming>, stderr: Option<Incoming>) -> Self {
        Pump {
            stdin: stdin.map(|stream| Sink { stream, ready: true }),
            stdout: stdout.map(Source::new),
            stderr: stderr.map(Source::new),
            unsent: Vec::new(),
            exit: None,
        }
    }

    /// Closes the pipe to the process, whatever is left of the input.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
        self.unsent = Vec::new();
    }

    /// Sends `input`, or what an earlier call has left of its own, closes stdin, reads to the ends of the pipes and waits.
    /// Whatever ends it early, nothing that was read or was still to be sent is lost.
    pub(crate) fn run(&mut self, process: &wit::Process, input: &[u8], bounds: &Bounds) -> io::Result<Communicated> {
        let carried = std::mem::take(&mut self.unsent);
        let mut rest = if carried.is_empty() { input } else { &carried };
        let timeout = bounds.timeout.map(Deadline::after);

        let end = self.exchange(process, &mut rest, bounds, timeout.as_ref());
        if self.stdin.is_some() && !rest.is_empty() {
            self.unsent = rest.to_vec();
        }
        let end = end?;
        self.await_exit(process, timeout.as_ref())?;
        let status = ExitStatus::from(checked(process.wait())?);
        self.close_stdin();
        let is_cut = [&self.stdout, &self.stderr]
            .into_iter()
            .flatten()
            .any(|source| source.is_cut);
        let captured = self.captured();
        Ok(Communicated {
            status,
            stdout: captured.stdout,
            stderr: captured.stderr,
            complete: matches!(end, End::Streams) && !is_cut && status.limit() != Some(Limit::Output),
        })
    }

    /// The loop. It ends early for a timeout, for an output limit, or for an error of the host.
    fn exchange(
        &mut self,
        process: &wit::Process,
        rest: &mut &[u8],
        bounds: &Bounds,
        timeout: Option<&Deadline>,
    ) -> io::Result<End> {
        let limit = bounds
            .output_limit
            .map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let mut ended = false;
        let mut drain: Option<Deadline> = None;
        let mut round = 0_u32;
        loop {
            self.send(rest)?;
            self.receive(limit)?;
            if self.at_end() && (ended || self.stdin.is_none()) {
                return Ok(End::Streams);
            }
            round = round.wrapping_add(1);
            if self.any_ready() && !round.is_multiple_of(ROUNDS) {
                continue;
            }
            if drain.as_ref().is_some_and(Deadline::is_over) {
                self.drain_the_rest(limit)?;
                return Ok(if self.at_end() { End::Streams } else { End::Drained });
            }
            if timeout.is_some_and(Deadline::is_over) {
                return Err(Error::TimedOut.into());
            }
            let watch = bounds.drain.is_some() || self.at_end();
            if self.poll(process, watch && !ended, drain.as_ref(), timeout) {
                ended = true;
                drain = bounds.drain.map(Deadline::after);
            }
        }
    }

    /// Offers the process some of its input, and closes the pipe after the last of it.
    fn send(&mut self, rest: &mut &[u8]) -> io::Result<()> {
        let Some(sink) = self.stdin.as_mut().filter(|sink| sink.ready) else {
            return Ok(());
        };
        if !rest.is_empty() {
            match sink.stream.try_send(rest) {
                Ok(0) => sink.ready = false,
                Ok(len) => *rest = rest.get(len..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => *rest = &[],
                Err(error) => return Err(error),
            }
        }
        if rest.is_empty() {
            self.stdin = None;
        }
        Ok(())
    }

    /// Reads once from each stream that may have something.
    fn receive(&mut self, limit: usize) -> io::Result<()> {
        for of in [Pump::stdout, Pump::stderr] {
            let room = limit.saturating_sub(self.held());
            if let Some(source) = of(self).filter(|source| source.ready) {
                // One byte past the limit tells a process that wrote just as much from one that writes more.
                source.pull(READ_LEN.min(room.max(1)));
            }
            if self.held() > limit {
                return Err(self.limit_reached(limit).into());
            }
        }
        Ok(())
    }

    fn drain_the_rest(&mut self, limit: usize) -> io::Result<()> {
        for of in [Pump::stdout, Pump::stderr] {
            let room = limit.saturating_sub(self.held()).saturating_add(1);
            if let Some(source) = of(self) {
                source.pull_the_rest(room);
            }
            if self.held() > limit {
                return Err(self.limit_reached(limit).into());
            }
        }
        Ok(())
    }

    fn limit_reached(&mut self, limit: usize) -> Error {
        let [stdout, stderr] =
            [&mut self.stdout, &mut self.stderr].map(|source| source.as_mut().map(|source| &mut source.buffer));
        Error::OutputLimitReached(hand_out(stdout, stderr, limit))
    }

    /// Waits until a stream may make progress, the process ended, or a deadline is over. Says whether the process ended.
    fn poll(
        &mut self,
        process: &wit::Process,
        watch: bool,
        drain: Option<&Deadline>,
        timeout: Option<&Deadline>,
    ) -> bool {
        let exit = if watch {
            Some(&*self.exit.get_or_insert_with(|| process.subscribe()))
        } else {
            None
        };
        let sources =
            [&self.stdout, &self.stderr].map(|source| source.as_ref()?.stream.as_ref().map(Incoming::pollable));
        let all = [
            self.stdin.as_ref().map(|sink| sink.stream.pollable()),
            sources[0],
            sources[1],
            exit,
            drain.map(Deadline::pollable),
            timeout.map(Deadline::pollable),
        ];
        let (places, pollables): (Vec<usize>, Vec<&Pollable>) = all
            .into_iter()
            .enumerate()
            .filter_map(|(place, pollable)| Some((place, pollable?)))
            .unzip();
        let mut ready = [false; 6];
        for index in poll::poll(&pollables) {
            if let Some(flag) = places.get(index as usize).and_then(|place| ready.get_mut(*place)) {
                *flag = true;
            }
        }
        let [stdin, stdout, stderr, exit, ..] = ready;
        if let Some(sink) = &mut self.stdin {
            sink.ready |= stdin;
        }
        for (source, ready) in [(&mut self.stdout, stdout), (&mut self.stderr, stderr)] {
            if let Some(source) = source {
                source.ready |= ready;
            }
        }
        exit
    }

    /// Waits for the end of the process, once its streams need no more looking after.
    fn await_exit(&mut self, process: &wit::Process, timeout: Option<&Deadline>) -> io::Result<()> {
        let Some(timeout) = timeout else {
            return Ok(());
        };
        let exit = &*self.exit.get_or_insert_with(|| process.subscribe());
        while !exit.ready() {
            if timeout.is_over() {
                return Err(Error::TimedOut.into());
            }
            poll::poll(&[exit, timeout.pollable()]);
        }
        Ok(())
    }

    fn stdout(&mut self) -> Option<&mut Source> {
        self.stdout.as_mut()
    }

    fn stderr(&mut self) -> Option<&mut Source> {
        self.stderr.as_mut()
    }

    fn sources(&self) -> impl Iterator<Item = &Source> {
        [&self.stdout, &self.stderr].into_iter().flatten()
    }

    fn held(&self) -> usize {
        self.sources().map(|source| source.buffer.len()).sum()
    }

    fn at_end(&self) -> bool {
        self.sources().all(|source| source.stream.is_none())
    }

    fn any_ready(&self) -> bool {
        self.stdin.as_ref().is_some_and(|sink| sink.ready) || self.sources().any(|source| source.ready)
    }

    fn captured(&mut self) -> Captured {
        let take = |source: &mut Option<Source>| source.as_mut().map(|source| std::mem::take(&mut source.buffer));
        Captured {
            stdout: take(&mut self.stdout),
            stderr: take(&mut self.stderr),
        }
    }
}
