//! A process that was started.

use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::select;

use super::bindings::childproof::process::types as wit;
use super::communicate::Pump;
use super::stream::{ChildStderr, ChildStdin, ChildStdout, Incoming, Outgoing};
use crate::child::{Output, immediate_methods};
use crate::clock::nanoseconds;
use crate::communicate::{Bounds, CommunicateOptions, Communicated, check_input};
use crate::error::checked;
use crate::status::{ExitStatus, Limit, Signal, Stopped, Usage};

/// A process that was started: `tokio::process::Child` for a guest.
///
/// Dropping it **kills** the process and every process of its tree, as tokio does where it is told to `kill_on_drop`. The
/// streams taken from it may be dropped before it or after it, and what the process wrote stays readable in them.
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
    /// Shared with `stdin` alone, which does not keep it alive.
    process: Rc<wit::Process>,
}

impl Child {
    pub(super) fn new(process: Rc<wit::Process>, stdin_is_piped: bool) -> Self {
        Child {
            stdin: stdin_is_piped.then(|| ChildStdin(Outgoing::new(Rc::downgrade(&process)))),
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
    /// [`Error::StatusLost`](crate::Error::StatusLost) or [`Error::Other`](crate::Error::Other).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has closed standard input, unless that is still being written to, and done nothing else.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        if let Some(stdin) = self.stdin.as_mut().filter(|stdin| stdin.0.is_flushing()) {
            // A process that has ended reads no more.
            select(pin!(stdin.0.flush()), pin!(self.process.wait())).await;
        }
        self.stdin = None;
        self.give_up_input();
        Ok(checked(self.process.wait().await)?.into())
    }

    /// Closes standard input, reads both outputs to their ends and waits.
    ///
    /// There is no bound on the output, and a process that outlives the one that was started and holds its pipe keeps this
    /// call waiting. [`communicate_with`](Self::communicate_with) has bounds for both.
    ///
    /// # Errors
    ///
    /// [`Error::StatusLost`](crate::Error::StatusLost), [`Error::Other`](crate::Error::Other), or that reading a pipe failed.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it drops the child, which kills it.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        self.give_up_input();
        let done = self.exchange(Vec::new(), &Bounds::NONE).await?;
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
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for an input to a process whose standard input is not piped or
    /// was taken; [`Error::StatusLost`](crate::Error::StatusLost); [`Error::Other`](crate::Error::Other); or what a pipe failed
    /// with.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has lost nothing. A further call, with an empty input, goes on where it was: what is left of the input is
    /// sent, and all that was read is answered.
    pub async fn communicate(&mut self, input: impl Into<Vec<u8>>) -> io::Result<Communicated> {
        self.communicate_with(input, &CommunicateOptions::new()).await
    }

    /// [`communicate`](Self::communicate) within bounds.
    ///
    /// A call that fails with [`Error::TimedOut`](crate::Error::TimedOut) or
    /// [`Error::OutputLimitReached`](crate::Error::OutputLimitReached) leaves the process running and loses nothing. A further
    /// call, with an empty input, goes on where it was: what is left of the input is sent, and what was read is answered,
    /// without what `OutputLimitReached` had carried already.
    ///
    /// # Errors
    ///
    /// Those of [`communicate`](Self::communicate), the two above, and
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for an input that is given to a further call.
    ///
    /// # Cancel safety
    ///
    /// As [`communicate`](Self::communicate).
    pub async fn communicate_with(
        &mut self,
        input: impl Into<Vec<u8>>,
        options: &CommunicateOptions,
    ) -> io::Result<Communicated> {
        self.exchange(input.into(), &options.into()).await
    }

    async fn exchange(&mut self, input: Vec<u8>, bounds: &Bounds) -> io::Result<Communicated> {
        check_input(&input, self.pump.is_some(), self.stdin.is_some())?;
        let pump = self.pump.get_or_insert_with(|| {
            Pump::new(
                self.stdin.take().map(|stream| stream.0),
                input,
                self.stdout.take().map(|stream| stream.0),
                self.stderr.take().map(|stream| stream.0),
            )
        });
        pump.run(&self.process, bounds).await
    }

    /// Gives up the input that a timed-out `communicate` has left, which closes standard input.
    fn give_up_input(&mut self) {
        if let Some(pump) = &mut self.pump {
            pump.close_stdin();
        }
    }

    /// Kills the process and its tree: what tokio calls `start_kill`. Succeeds if it has ended. No policy forbids it.
    ///
    /// # Errors
    ///
    /// [`Error::Other`](crate::Error::Other).
    pub fn start_kill(&mut self) -> io::Result<()> {
        checked(self.process.kill())
    }

    /// Kills the process and its tree, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Other`](crate::Error::Other).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has killed the process.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Asks the process to end, waits for `grace`, and kills it and its tree if it has not ended by then.
    ///
    /// # Errors
    ///
    /// [`Error::StatusLost`](crate::Error::StatusLost) or [`Error::Other`](crate::Error::Other).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has asked the process to end, and nobody kills it later. A further call begins a new grace period.
    pub async fn stop(&mut self, grace: Duration) -> io::Result<Stopped> {
        Ok(checked(self.process.stop(nanoseconds(grace)).await)?.into())
    }
}
