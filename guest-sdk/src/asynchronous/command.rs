//! A process to be.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::bindings::childproof::process::types as wit;
use super::bindings::wasi::filesystem::preopens;
use super::child::Child;
use super::hosted::HostedChild;
use super::stdio::{self, Given, Sink, Source, Stdio};
use crate::child::Output;
use crate::choice::{Choice, Defaults, Plain, Streams, settle};
use crate::error::{Error, checked};
use crate::path;
use crate::request::{Built, Request, builder, tell};
use crate::status::ExitStatus;

/// Which grant to run, and with what: `tokio::process::Command` for a guest.
///
/// ```no_run
/// use childproof::asynchronous::Command;
///
/// async fn head() -> std::io::Result<Vec<u8>> {
///     let output = Command::new("git").args(["rev-parse", "HEAD"]).current_dir("/repo").output().await?;
///     assert!(output.status.success());
///     Ok(output.stdout)
/// }
/// ```
///
/// # What differs from tokio
///
/// - All that [`childproof::Command`](crate::Command) lists as differing from std: the program is the name of a *grant*,
///   the environment starts empty, the working directory is the policy's, text has to be UTF-8, a stream of another process
///   serves one spawn.
/// - A process is always killed when its [`Child`] is dropped: there is no `kill_on_drop` to turn that on or off.
/// - [`output`](Self::output) and [`status`](Self::status) do nothing before they are polled.
pub struct Command {
    request: Request,
    streams: Given,
    built: Option<Built<wit::Command>>,
}

/// The program and its arguments, quoted, as std shows them.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.request, f)
    }
}

impl Command {
    builder!();

    /// Starts the process. Streams that nothing was said about are the guest's own.
    ///
    /// It does not wait for anything, so it is not `async`: it cannot be cancelled half-way, and can be called from a
    /// function that is not `async` either.
    ///
    /// # Errors
    ///
    /// Any [`Error`] but `NoSuchProcess`, `StatusLost`, `TimedOut` and `OutputLimitReached`, which speak of a process that
    /// was started. After a failure no process is left behind, and the command can be spawned again.
    pub fn spawn(&mut self) -> io::Result<Child> {
        let (process, stdin_is_piped) = self.start(Defaults::INHERIT)?;
        Ok(Child::new(Rc::new(process), stdin_is_piped))
    }

    /// Runs the process to its end and collects what it writes. Streams that nothing was said about: nothing to read,
    /// and pipes.
    ///
    /// There is no bound on the output, and a process that outlives the one that was started and holds its pipe keeps this
    /// call waiting. [`Child::communicate_with`] has bounds for both.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and of [`Child::wait_with_output`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped, it drops the child, which kills the process, and what was read is lost. The command can be
    /// spawned again, without the streams of other processes that it had given away.
    pub async fn output(&mut self) -> io::Result<Output> {
        let (process, stdin_is_piped) = self.start(Defaults::CAPTURE)?;
        Child::new(Rc::new(process), stdin_is_piped).wait_with_output().await
    }

    /// Runs the process to its end. Streams that nothing was said about are the guest's own.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and of [`Child::wait`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped, it drops the child, which kills the process. To go on with a process after waiting for it
    /// in vain, [`spawn`](Self::spawn) it and [`wait`](Child::wait).
    pub async fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait().await
    }

    /// Starts the process for [`HostedChild::communicate`], which see. Streams that nothing was said about are pipes.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn).
    pub fn spawn_hosted(&mut self) -> io::Result<HostedChild> {
        let (process, stdin_is_piped) = self.start(Defaults::PIPED)?;
        Ok(HostedChild::new(process, stdin_is_piped))
    }

    /// The process, and whether its standard input is a pipe of the guest's.
    fn start(&mut self, defaults: Defaults) -> io::Result<(wit::Process, bool)> {
        let request = &self.request;
        let text = request.text()?;
        let place = path::working_directory(request.current_dir.as_deref(), preopens::get_directories)?;

        let Streams {
            stdin,
            stdout,
            stderr,
            stderr_to_stdout,
        } = self.streams.check().map(|()| &mut self.streams)?;
        if let Some(Choice::Reader(Some(Source::Unusable(why)))) = stdin {
            return Err(Error::invalid("stdin", *why).into());
        }
        let stdout_to = reader("stdout", stdout)?;
        let stderr_to = reader("stderr", stderr)?;
        let stdin_is_piped = match stdin {
            None => defaults.stdin == Plain::Piped,
            Some(choice) => matches!(choice, Choice::Piped),
        };
        // A stream that the host's command has from an earlier spawn is none here, and stays what it is there.
        let stdin = settle!(stdin, defaults.stdin, StdinSource, read_offset, Reader(stream) not Writer => {
            stream.take().map(|source| match source {
                Source::Stream(stream) => wit::StdinSource::Stream(stream),
                Source::Ended | Source::Unusable(_) => wit::StdinSource::Null,
            })
        });
        let stdout = settle!(stdout, defaults.outputs, StdoutTarget, write_offset, Writer(stream) not Reader => {
            pass_on(stream);
            stdout_to.as_deref().map(wit::StdoutTarget::StdinOf)
        });
        let stderr = if *stderr_to_stdout {
            Some(wit::StderrTarget::Stdout)
        } else {
            settle!(stderr, defaults.outputs, StderrTarget, write_offset, Writer(stream) not Reader => {
                pass_on(stream);
                stderr_to.as_deref().map(wit::StderrTarget::StdinOf)
            })
        };

        crate::assert_in_component();
        let built = self.built.get_or_insert_with(|| Built {
            command: wit::Command::new(text.program),
            args: 0,
        });
        if let Some(source) = stdin {
            built.command.stdin(source);
        }
        if let Some(target) = &stdout {
            built.command.stdout(target);
        }
        if let Some(target) = &stderr {
            built.command.stderr(target);
        }
        tell!(&mut *built, request, text, &place);
        Ok((checked(built.command.spawn())?, stdin_is_piped))
    }
}

/// The process that is to read what goes to the output `field`, if one is; it lives on while the host is told of it.
fn reader(field: &str, output: &Option<stdio::Choice>) -> Result<Option<Rc<wit::Process>>, Error> {
    match output {
        Some(Choice::Writer(Some(sink))) => match sink.process() {
            Ok(process) => Ok(Some(process)),
            Err(why) => Err(Error::invalid(field, why)),
        },
        _ => Ok(None),
    }
}

/// The stream is the host's from here on.
fn pass_on(stream: &mut Option<Sink>) {
    if let Some(sink) = stream.take() {
        sink.pass_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `spawn` says of a request that it refuses before the host is asked, which does not exist here.
    fn refused(command: &mut Command) -> Option<Error> {
        Error::of(&command.spawn().err()?).cloned()
    }

    #[test]
    #[should_panic(expected = "build for wasm32-wasip2")]
    fn outside_of_a_component_it_says_so() {
        let _ = Command::new("true").spawn();
    }

    #[test]
    fn a_stream_that_cannot_be_passed_on_is_refused_by_the_name_of_its_field() {
        let why = "its bytes were not fetched";
        let reader = || Stdio(stdio::Choice::Reader(Some(Source::Unusable(why))));
        let writer = || Stdio(stdio::Choice::Writer(Some(Sink::Unusable(why))));
        let mut command = Command::new("x");
        assert_eq!(refused(command.stdin(reader())), Some(Error::invalid("stdin", why)));
        command.stdin(Stdio::null());
        assert_eq!(refused(command.stdout(writer())), Some(Error::invalid("stdout", why)));
        command.stdout(Stdio::null());
        assert_eq!(refused(command.stderr(writer())), Some(Error::invalid("stderr", why)));
    }

    #[test]
    fn the_input_of_a_process_that_is_gone_is_refused_by_the_name_of_its_field() {
        let gone = || Stdio(stdio::Choice::Writer(Some(Sink::of(std::rc::Weak::new()))));
        let field = |command: &mut Command| match refused(command) {
            Some(Error::InvalidArgument(problem)) => Some(problem.field),
            _ => None,
        };
        let mut command = Command::new("x");
        assert_eq!(field(command.stderr(gone())).as_deref(), Some("stderr"));
        assert_eq!(field(command.stdout(gone())).as_deref(), Some("stdout"));
    }

    #[test]
    fn it_is_shown_as_by_std() {
        let mut std = std::process::Command::new("git");
        let mut command = Command::new("git");
        std.args(["log", "a b", ""]);
        command.args(["log", "a b", ""]);
        assert_eq!(format!("{command:?}"), format!("{std:?}"));
    }
}
