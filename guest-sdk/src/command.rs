//! A process to be.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bindings::childproof::process::types as wit;
use crate::child::{Child, Output};
use crate::clock::nanoseconds;
use crate::error::{Error, checked};
use crate::hosted::HostedChild;
use crate::path::{self, Unplaced};
use crate::status::ExitStatus;
use crate::stdio::{Choice, Stdio};

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
    program: OsString,
    arg0: Option<OsString>,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    current_dir: Option<PathBuf>,
    stdin: Option<Stdio>,
    stdout: Option<Stdio>,
    stderr: Option<Stdio>,
    stderr_to_stdout: bool,
    timeout: Option<Duration>,
    output_limit: Option<u64>,
    built: Option<Built>,
}

/// What a stream is that nothing was said about.
#[derive(Clone, Copy)]
struct Defaults {
    stdin: Plain,
    outputs: Plain,
}

#[derive(Clone, Copy)]
enum Plain {
    Null,
    Piped,
    Inherit,
}

/// The host's command and how many arguments it has. It is kept from one spawn to the next, because it holds the streams
/// that were given to it.
#[derive(Debug)]
struct Built {
    command: wit::Command,
    args: usize,
}

/// What the host is told of one standard stream, as that stream's own type of the interface has it; none if the host's
/// command holds a stream already that an earlier spawn gave it. It takes the stream that the field holds, so nothing may
/// fail once it was called. `$right` is the direction that `check_streams` has seen that stream to have, and not `$wrong`;
/// `$offset` is where a file begins.
macro_rules! settle {
    ($slot:expr, $default:expr, $of:ident, $right:ident, $wrong:ident, $offset:ident) => {
        match $slot {
            None => Some(match $default {
                Plain::Null => wit::$of::Null,
                Plain::Piped => wit::$of::Piped,
                Plain::Inherit => wit::$of::Inherit,
            }),
            Some(Stdio(Choice::Null)) => Some(wit::$of::Null),
            Some(Stdio(Choice::Piped)) => Some(wit::$of::Piped),
            Some(Stdio(Choice::Inherit)) => Some(wit::$of::Inherit),
            Some(Stdio(Choice::File(file))) => Some(wit::$of::File(wit::FileStream {
                file: &file.descriptor,
                offset: file.$offset(),
            })),
            Some(Stdio(Choice::$right(stream))) => stream.take().map(wit::$of::Stream),
            Some(Stdio(Choice::$wrong(_))) => None,
        }
    };
}

/// The program and its arguments, quoted, as std shows them.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg:?}"))
    }
}

impl Command {
    /// A command that will run the program of the grant `program`. Nothing is checked before it is spawned.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command {
            program: program.as_ref().to_owned(),
            arg0: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            current_dir: None,
            stdin: None,
            stdout: None,
            stderr: None,
            stderr_to_stdout: false,
            timeout: None,
            output_limit: None,
            built: None,
        }
    }

    /// Adds one argument. It is passed as it is: no shell splits it and nothing expands it.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Command {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets the program's own name as it sees it, where the policy allows that. Without it, the name of the grant.
    pub fn arg0(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
        self.arg0 = Some(name.as_ref().to_owned());
        self
    }

    /// Sets an environment variable. For a key set twice the last value holds.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.env.insert(key.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Sets environment variables.
    pub fn envs(
        &mut self,
        variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> &mut Command {
        for (key, value) in variables {
            self.env(key, value);
        }
        self
    }

    /// Takes back an environment variable that was set here. What the policy fixes stays.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Command {
        self.env.remove(key.as_ref());
        self
    }

    /// Takes back every environment variable that was set here. What the policy fixes stays.
    pub fn env_clear(&mut self) -> &mut Command {
        self.env.clear();
        self
    }

    /// Sets the working directory: a path of the guest.
    ///
    /// It is looked up as std looks paths up: below the preopened directory with the longest matching name, a relative
    /// one from the current directory of the guest. The process gets that directory, not the path.
    pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Command {
        self.current_dir = Some(dir.as_ref().to_owned());
        self
    }

    /// Sets where standard input comes from. Without it: inherited by [`spawn`](Self::spawn) and
    /// [`status`](Self::status), nothing for [`output`](Self::output).
    pub fn stdin(&mut self, source: impl Into<Stdio>) -> &mut Command {
        self.stdin = Some(source.into());
        self
    }

    /// Sets where standard output goes. Without it: inherited by [`spawn`](Self::spawn) and [`status`](Self::status), a
    /// pipe for [`output`](Self::output).
    pub fn stdout(&mut self, target: impl Into<Stdio>) -> &mut Command {
        self.stdout = Some(target.into());
        self
    }

    /// Sets where standard error goes. Without it: inherited by [`spawn`](Self::spawn) and [`status`](Self::status), a
    /// pipe for [`output`](Self::output).
    pub fn stderr(&mut self, target: impl Into<Stdio>) -> &mut Command {
        self.stderr = Some(target.into());
        self.stderr_to_stdout = false;
        self
    }

    /// Sends standard error wherever standard output goes, in the order of writing: `2>&1` of a shell.
    pub fn stderr_to_stdout(&mut self) -> &mut Command {
        self.stderr = None;
        self.stderr_to_stdout = true;
        self
    }

    /// Sets how long the process may live, in wall time. Then its tree is killed, and its status says
    /// [`Limit::WallTime`](crate::Limit::WallTime). A stricter limit of the policy holds.
    pub fn timeout(&mut self, after: Duration) -> &mut Command {
        self.timeout = Some(after);
        self
    }

    /// Sets how many bytes the process may write to its pipes. Past it its tree is killed, and its status says
    /// [`Limit::Output`](crate::Limit::Output). A stricter limit of the policy holds.
    pub fn output_limit(&mut self, bytes: u64) -> &mut Command {
        self.output_limit = Some(bytes);
        self
    }

    /// The name of the grant.
    pub fn get_program(&self) -> &OsStr {
        &self.program
    }

    /// The arguments, without the program's own name.
    pub fn get_args(&self) -> impl ExactSizeIterator<Item = &OsStr> {
        self.args.iter().map(OsString::as_os_str)
    }

    /// The environment variables that were set here, in the order of their keys. The value is never none: the environment
    /// starts empty, so there is nothing that could be taken away from it.
    pub fn get_envs(&self) -> impl ExactSizeIterator<Item = (&OsStr, Option<&OsStr>)> {
        self.env
            .iter()
            .map(|(key, value)| (key.as_os_str(), Some(value.as_os_str())))
    }

    /// The working directory that was set here.
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.current_dir.as_deref()
    }

    /// Starts the process. Streams that nothing was said about are the guest's own.
    ///
    /// # Errors
    ///
    /// Any [`Error`] but `NoSuchProcess`, `StatusLost`, `TimedOut` and `OutputLimitReached`, which speak of a process that
    /// was started. After a failure no process is left behind, and the command can be spawned again.
    pub fn spawn(&mut self) -> io::Result<Child> {
        Ok(Child::new(self.start(Defaults {
            stdin: Plain::Inherit,
            outputs: Plain::Inherit,
        })?))
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
        Child::new(self.start(Defaults {
            stdin: Plain::Null,
            outputs: Plain::Piped,
        })?)
        .wait_with_output()
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
        Ok(HostedChild::new(self.start(Defaults {
            stdin: Plain::Piped,
            outputs: Plain::Piped,
        })?))
    }

    /// Refuses streams that cannot serve where they were put. Nothing is taken from them yet: what is refused here can be
    /// put right and spawned again.
    fn check_streams(&self) -> Result<(), Error> {
        let wrong = |field| {
            Err(Error::invalid(
                field,
                "the other process's stream goes in the wrong direction",
            ))
        };
        if let Some(Stdio(Choice::Writer(_))) = self.stdin {
            return wrong("stdin");
        }
        if let Some(Stdio(Choice::Reader(_))) = self.stdout {
            return wrong("stdout");
        }
        if let Some(Stdio(Choice::Reader(_))) = self.stderr {
            return wrong("stderr");
        }
        if let (Some(Stdio(Choice::File(stdout))), Some(Stdio(Choice::File(stderr)))) = (&self.stdout, &self.stderr)
            && stdout.overwrites(stderr)
        {
            return Err(Error::invalid(
                "stderr",
                "the file is standard output, too, and each would overwrite the other: use stderr_to_stdout, or open the \
                 file to append",
            ));
        }
        Ok(())
    }

    fn start(&mut self, defaults: Defaults) -> io::Result<wit::Process> {
        let program = text(&self.program, || "program".into())?;
        let arg0 = self
            .arg0
            .as_deref()
            .map(|name| text(name, || "argv0".into()))
            .transpose()?;
        let mut args = Vec::with_capacity(self.args.len());
        for (index, arg) in self.args.iter().enumerate() {
            args.push(text(arg, || format!("args[{index}]"))?.to_owned());
        }
        let mut env = Vec::with_capacity(self.env.len());
        for (key, value) in &self.env {
            let field = || format!("env {}", key.to_string_lossy());
            env.push((text(key, field)?, text(value, field)?));
        }
        let place = match &self.current_dir {
            Some(dir) => Some(path::place(dir).map_err(|Unplaced(message)| Error::invalid("cwd", message))?),
            None => None,
        };

        self.check_streams()?;
        let stdin = settle!(
            &mut self.stdin,
            defaults.stdin,
            StdinSource,
            Reader,
            Writer,
            read_offset
        );
        let stdout = settle!(
            &mut self.stdout,
            defaults.outputs,
            StdoutTarget,
            Writer,
            Reader,
            write_offset
        );
        let stderr = if self.stderr_to_stdout {
            Some(wit::StderrTarget::Stdout)
        } else {
            settle!(
                &mut self.stderr,
                defaults.outputs,
                StderrTarget,
                Writer,
                Reader,
                write_offset
            )
        };

        crate::assert_in_component();
        let built = self.built.get_or_insert_with(|| Built {
            command: wit::Command::new(program),
            args: 0,
        });
        let command = &built.command;
        if let Some(source) = stdin {
            command.stdin(source);
        }
        if let Some(target) = stdout {
            command.stdout(target);
        }
        if let Some(target) = stderr {
            command.stderr(target);
        }
        if let Some(new) = args.get(built.args..).filter(|new| !new.is_empty()) {
            command.args(new);
            built.args = args.len();
        }
        if let Some(name) = arg0 {
            command.argv0(name);
        }
        command.clear_env();
        for (key, value) in env {
            command.env(key, value);
        }
        if let Some(place) = &place {
            command.cwd(&place.directory, place.path.as_deref());
        }
        if let Some(after) = self.timeout {
            command.timeout(nanoseconds(after));
        }
        if let Some(bytes) = self.output_limit {
            command.output_limit(bytes);
        }
        checked(command.spawn())
    }
}

/// What the host has to hold as text. Nothing is replaced: what is not UTF-8 is an error that names the field.
fn text(value: &OsStr, field: impl FnOnce() -> String) -> Result<&str, Error> {
    value.to_str().ok_or_else(|| Error::invalid(field(), "it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
