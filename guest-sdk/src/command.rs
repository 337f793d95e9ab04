//! A process to be.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::bindings::childproof::process::types as wit;
use crate::bindings::wasi::filesystem::preopens;
use crate::child::{Child, Output};
use crate::choice::{Choice, Defaults, Plain, Streams, settle};
use crate::error::checked;
use crate::hosted::HostedChild;
use crate::path;
use crate::request::{Built, Request, builder, tell};
use crate::status::ExitStatus;
use crate::stdio::{Given, Stdio};

/// Which grant to run, and with what: [`std::process::Command`] for a guest.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// let output = childproof::Command::new("git").args(["rev-parse", "HEAD"]).current_dir("/repo").output()?;
/// assert!(output.status.success());
/// # Ok(())
/// # }
/// ```
///
/// # What differs from std
///
/// - The program is the name of a *grant* of the host's policy, never a path, and `PATH` decides nothing.
/// - The environment starts empty. A process gets what the policy fixes and what [`env`](Self::env) sets, and nothing of
///   the guest's own environment.
/// - Without [`current_dir`](Self::current_dir) the working directory is the one the policy names, not the guest's.
/// - Program, arguments, environment and paths have to be UTF-8. What is not is kept as it is and refused by `spawn`,
///   which names the field; nothing is replaced or cut in silence.
/// - A stream of another process serves one spawn: the first that succeeds.
/// - One file cannot be both outputs unless it appends; see [`File`](crate::File).
/// - [`env_remove`](Self::env_remove) and [`env_clear`](Self::env_clear) take back what was set here, for there is nothing
///   inherited to take away.
/// - Nothing of `CommandExt` but [`arg0`](Self::arg0) is here: no `exec`, no `pre_exec`, no user or group, no process
///   group. A process always leads a session of its own.
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
    /// # Errors
    ///
    /// Any [`Error`](crate::Error) but `NoSuchProcess`, `StatusLost`, `TimedOut` and `OutputLimitReached`, which speak of a
    /// process that was started. After a failure no process is left behind, and the command can be spawned again.
    pub fn spawn(&mut self) -> io::Result<Child> {
        Ok(Child::new(self.start(Defaults::INHERIT)?))
    }

    /// Runs the process to its end and collects what it writes. Streams that nothing was said about: nothing to read,
    /// and pipes.
    ///
    /// As in std there is no bound on the output, and a process that outlives the one that was started and holds its pipe
    /// keeps this call waiting. [`Child::communicate_with`] has bounds for both.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and of [`Child::wait_with_output`].
    pub fn output(&mut self) -> io::Result<Output> {
        Child::new(self.start(Defaults::CAPTURE)?).wait_with_output()
    }

    /// Runs the process to its end. Streams that nothing was said about are the guest's own.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and of [`Child::wait`].
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// Starts the process for [`HostedChild::communicate`], which see. Streams that nothing was said about are pipes.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn).
    pub fn spawn_hosted(&mut self) -> io::Result<HostedChild> {
        Ok(HostedChild::new(self.start(Defaults::PIPED)?))
    }

    fn start(&mut self, defaults: Defaults) -> io::Result<wit::Process> {
        let request = &self.request;
        let text = request.text()?;
        let place = path::working_directory(request.current_dir.as_deref(), preopens::get_directories)?;
        self.streams.check()?;

        let Streams {
            stdin,
            stdout,
            stderr,
            stderr_to_stdout,
        } = &mut self.streams;
        let stdin = settle!(stdin, defaults.stdin, StdinSource, read_offset, Reader(stream) not Writer => {
            stream.take().map(wit::StdinSource::Stream)
        });
        let stdout = settle!(stdout, defaults.outputs, StdoutTarget, write_offset, Writer(stream) not Reader => {
            stream.take().map(wit::StdoutTarget::Stream)
        });
        let stderr = if *stderr_to_stdout {
            Some(wit::StderrTarget::Stdout)
        } else {
            settle!(stderr, defaults.outputs, StderrTarget, write_offset, Writer(stream) not Reader => {
                stream.take().map(wit::StderrTarget::Stream)
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
        if let Some(target) = stdout {
            built.command.stdout(target);
        }
        if let Some(target) = stderr {
            built.command.stderr(target);
        }
        tell!(&mut *built, request, text, &place);
        checked(built.command.spawn())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// What `spawn` says of a request that it refuses before the host is asked, which does not exist here.
    fn refused(command: &mut Command) -> Option<(String, io::ErrorKind)> {
        let error = command.spawn().err()?;
        match Error::of(&error)? {
            Error::InvalidArgument(problem) => Some((problem.field.clone(), error.kind())),
            _ => None,
        }
    }

    #[test]
    #[should_panic(expected = "build for wasm32-wasip2")]
    fn outside_of_a_component_it_says_so() {
        let _ = Command::new("true").spawn();
    }

    #[test]
    fn commands_and_outputs_are_shown_as_by_std() {
        let mut std = std::process::Command::new("git");
        std.args(["log", "a b", ""]);
        let mut command = Command::new("git");
        command.args(["log", "a b", ""]);
        assert_eq!(format!("{command:?}"), format!("{std:?}"));
        let output = Output {
            status: ExitStatus::default(),
            stdout: b"text\n".to_vec(),
            stderr: vec![0xFF],
        };
        let shown = format!("{output:?}");
        assert!(shown.ends_with(r#"stdout: "text\n", stderr: [255] }"#), "{shown}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_utf8_is_refused_by_the_name_of_its_field_and_kept() {
        use std::os::unix::ffi::OsStrExt;

        let bad = OsStr::from_bytes(b"a\xFFb");
        let field = |field: &str| Some((field.to_owned(), io::ErrorKind::InvalidInput));
        assert_eq!(refused(&mut Command::new(bad)), field("program"));
        assert_eq!(refused(Command::new("x").arg0(bad)), field("argv0"));
        assert_eq!(
            refused(Command::new("x").args(["fine", "fine"]).arg(bad)),
            field("args[2]")
        );
        assert_eq!(refused(Command::new("x").env("KEY", bad)), field("env KEY"));
        assert_eq!(refused(Command::new("x").env(bad, "value")), field("env a\u{FFFD}b"));
        assert_eq!(refused(Command::new("x").current_dir(bad)), field("cwd"));

        let mut command = Command::new("x");
        command.arg(bad);
        refused(&mut command);
        assert_eq!(command.get_args().collect::<Vec<_>>(), [bad]);
    }

    #[test]
    fn what_was_set_can_be_read_back() {
        let mut command = Command::new("git");
        command.arg("log").args(["-n", "1"]).current_dir("/repo");
        command
            .envs([("B", "2"), ("A", "0"), ("C", "3")])
            .env("A", "1")
            .env_remove("C");
        assert_eq!(command.get_program(), "git");
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["log", "-n", "1"]);
        assert_eq!(command.get_current_dir(), Some(Path::new("/repo")));
        let env: Vec<_> = command.get_envs().collect();
        assert_eq!(
            env,
            [
                ("A".as_ref(), Some("1".as_ref())),
                ("B".as_ref(), Some(OsStr::new("2")))
            ]
        );
        assert_eq!(command.env_clear().get_envs().len(), 0);
    }
}
