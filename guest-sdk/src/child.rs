//! A process that was started.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::bindings::childproof::process::types as wit;
use crate::bindings::wasi::io::poll;
use crate::clock::{Deadline, nanoseconds};
use crate::communicate::{Bounds, CommunicateOptions, Communicated, Pump, check_input};
#[cfg(doc)]
use crate::error::Error;
use crate::error::checked;
use crate::status::{ExitStatus, Limit, Signal, Stopped, Usage};
use crate::stream::{ChildStderr, ChildStdin, ChildStdout, Incoming, Outgoing};

/// What [`Command::output`](crate::Command::output) and [`Child::wait_with_output`] answer: [`std::process::Output`].
#[derive(Clone, PartialEq, Eq)]
pub struct Output {
    /// How the process ended.
    pub status: ExitStatus,
    /// What it wrote to standard output; empty if that was not piped.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error; empty if that was not piped.
    pub stderr: Vec<u8>,
}

/// Outputs that are text are shown as text.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => format!("{text:?}"),
            Err(_) => format!("{bytes:?}"),
        };
        f.debug_struct("Output")
            .field("status", &self.status)
            .field("stdout", &format_args!("{}", shown(&self.stdout)))
            .field("stderr", &format_args!("{}", shown(&self.stderr)))
            .finish()
    }
}

/// The methods of a child that do not wait, in either flavour. The child has its `process`.
macro_rules! immediate_methods {
    () => {
        /// A number for logs, unique among the processes of this guest. It is not the operating system's identifier,
        /// and no function takes it.
        pub fn id(&self) -> u64 {
            self.process.id()
        }

        /// How the process ended, or none while it has not. A stopped process has not ended.
        ///
        /// # Errors
        ///
        /// [`Error::StatusLost`](crate::Error::StatusLost) or [`Error::Other`](crate::Error::Other).
        pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
            Ok(checked(self.process.try_wait())?.map(ExitStatus::from))
        }

        /// Sends a signal.
        ///
        /// # Errors
        ///
        /// [`Error::NoSuchProcess`](crate::Error::NoSuchProcess) if the process has ended,
        /// [`Error::Refused`](crate::Error::Refused) if the policy does not allow the signal,
        /// [`Error::Unsupported`](crate::Error::Unsupported) if the platform does not have it, or
        /// [`Error::Other`](crate::Error::Other).
        pub fn send_signal(&mut self, signal: Signal) -> io::Result<()> {
            checked(self.process.send_signal(signal))
        }

        /// Asks the process to end. Succeeds if it has ended.
        ///
        /// # Errors
        ///
        /// [`Error::Refused`](crate::Error::Refused) if the policy does not allow the signal, or
        /// [`Error::Other`](crate::Error::Other).
        pub fn terminate(&mut self) -> io::Result<()> {
            checked(self.process.terminate())
        }

        /// What the process used; none before its end was observed, and where the system did not say.
        pub fn usage(&self) -> Option<Usage> {
            self.process.usage().map(Usage::from)
        }
    };
}

pub(crate) use immediate_methods;

/// A process that was started: [`std::process::Child`] for a guest.
///
/// Dropping it **kills** the process and every process of its tree, where std lets them run on. The streams taken from it
/// may be dropped before it or after it, and what the process wrote stays readable in them.
///
/// ```no_run
/// use std::io::Write;
///
/// use childproof::{Command, Stdio};
///
/// # fn main() -> std::io::Result<()> {
/// let mut child = Command::new("wc").arg("-w").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// child.stdin.take().unwrap().write_all(b"four words are here")?;
/// assert_eq!(child.wait_with_output()?.stdout.trim_ascii(), b"4");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Child {
    /// The writing end of the pipe to standard input, if that is piped.
    pub stdin: Option<ChildStdin>,
    /// The reading end of the pipe from standard output, if that is piped.
    pub stdout: Option<ChildStdout>,
    /// The reading end of the pipe from standard error, if that is piped.
    pub stderr: Option<ChildStderr>,
    /// The streams, once `communicate` was called.
    pump: Option<Pump>,
    process: wit::Process,
}

impl Child {
    pub(crate) fn new(process: wit::Process) -> Self {
        Child {
            stdin: process.take_stdin().map(|stream| ChildStdin(Outgoing::new(stream))),
            stdout: process.take_stdout().map(|stream| ChildStdout(Incoming::new(stream))),
            stderr: process.take_stderr().map(|stream| ChildStderr(Incoming::new(stream))),
            pump: None,
            process,
        }
    }

    immediate_methods!();

    /// Closes standard input and waits until the process has ended. It does not read its pipes, and does not wait for
    /// their ends. Answers the same each time.
    ///
    /// # Errors
    ///
    /// [`Error::StatusLost`] or [`Error::Other`].
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.close_stdin();
        Ok(checked(self.process.wait())?.into())
    }

    /// Waits until the process has ended, but no longer than `timeout`; none if it has not ended by then.
    ///
    /// Unlike [`wait`](Self::wait) it leaves standard input open: the process that is waited for in vain may still have to
    /// be written to.
    ///
    /// # Errors
    ///
    /// [`Error::StatusLost`] or [`Error::Other`].
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Deadline::after(timeout);
        let exit = self.process.subscribe();
        loop {
            let status = self.try_wait()?;
            if status.is_some() || deadline.is_over() {
                return Ok(status);
            }
            poll::poll(&[&exit, deadline.pollable()]);
        }
    }

    /// Closes standard input, reads both outputs to their ends and waits.
    ///
    /// As in std there is no bound on the output, and a process that outlives the one that was started and holds its pipe
    /// keeps this call waiting. [`communicate_with`](Self::communicate_with) has bounds for both.
    ///
    /// # Errors
    ///
    /// [`Error::StatusLost`], [`Error::Other`], or that reading a pipe failed.
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        self.close_stdin();
        let done = self.exchange(b"", &Bounds::NONE)?;
        // An `Output` has no word for this. Where the limit ended the process, its status has.
        if !done.complete && done.status.limit() != Some(Limit::Output) {
            return Err(io::Error::other("not all of the output could be read"));
        }
        Ok(Output {
            status: done.status,
            stdout: done.stdout.unwrap_or_default(),
            stderr: done.stderr.unwrap_or_default(),
        })
    }

    /// Writes `input` to standard input and closes it, reads both outputs to their ends, all at the same time, and waits:
    /// `communicate` of Python. It cannot deadlock, however much goes which way.
    ///
    /// Standard input is closed when `input` is empty, too. That the process does not read its input is no error. A second
    /// after the end of the process, output that another process still holds open is given up:
    /// [`Communicated::complete`] says so.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for an input to a process whose standard input is not piped or was taken;
    /// [`Error::StatusLost`]; [`Error::Other`]; or what a pipe failed with.
    pub fn communicate(&mut self, input: impl AsRef<[u8]>) -> io::Result<Communicated> {
        self.communicate_with(input, &CommunicateOptions::new())
    }

    /// [`communicate`](Self::communicate) within bounds.
    ///
    /// A call that fails with [`Error::TimedOut`] or [`Error::OutputLimitReached`] leaves the process running and loses
    /// nothing. A further call, with an empty input, goes on where it was: what is left of the input is sent, and what was
    /// read is answered, without what `OutputLimitReached` had carried already.
    ///
    /// The guest itself pumps the bytes here, which is faster than the one call to the host that
    /// [`HostedChild::communicate`](crate::HostedChild::communicate) makes.
    ///
    /// # Errors
    ///
    /// Those of [`communicate`](Self::communicate), the two above, and [`Error::InvalidArgument`] for an input that is
    /// given to a further call.
    pub fn communicate_with(
        &mut self,
        input: impl AsRef<[u8]>,
        options: &CommunicateOptions,
    ) -> io::Result<Communicated> {
        self.exchange(input.as_ref(), &options.into())
    }

    fn exchange(&mut self, input: &[u8], bounds: &Bounds) -> io::Result<Communicated> {
        check_input(input, self.pump.is_some(), self.stdin.is_some())?;
        let pump = self.pump.get_or_insert_with(|| {
            Pump::new(
                self.stdin.take().map(|stream| stream.0),
                self.stdout.take().map(|stream| stream.0),
                self.stderr.take().map(|stream| stream.0),
            )
        });
        pump.run(&self.process, input, bounds)
    }

    /// Closes the pipe to standard input, and gives up the input that a timed-out `communicate` has left.
    fn close_stdin(&mut self) {
        self.stdin = None;
        if let Some(pump) = &mut self.pump {
            pump.close_stdin();
        }
    }

    /// Kills the process and its tree. Succeeds if it has ended. No policy forbids it.
    ///
    /// # Errors
    ///
    /// [`Error::Other`].
    pub fn kill(&mut self) -> io::Result<()> {
        checked(self.process.kill())
    }

    /// Asks the process to end, waits for `grace`, and kills it and its tree if it has not ended by then.
    ///
    /// # Errors
    ///
    /// [`Error::StatusLost`] or [`Error::Other`].
    pub fn stop(&mut self, grace: Duration) -> io::Result<Stopped> {
        Ok(checked(self.process.stop(nanoseconds(grace)))?.into())
    }
}
