//! What a command says that has nothing to do with the flavour of the interface: which grant, with what text and limits.
//!
//! The commands of both flavours hold a [`Request`] and have the methods that fill it from one place, [`builder`]. How a
//! command starts a process is its own business.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;

/// A process to be, without its streams.
pub(crate) struct Request {
    pub(crate) program: OsString,
    pub(crate) arg0: Option<OsString>,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: BTreeMap<OsString, OsString>,
    pub(crate) current_dir: Option<PathBuf>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) output_limit: Option<u64>,
}

/// What of a request goes to the host as text, which is UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    pub(crate) program: &'a str,
    pub(crate) arg0: Option<&'a str>,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(&'a str, &'a str)>,
}

impl Request {
    pub(crate) fn new(program: &OsStr) -> Self {
        Request {
            program: program.to_owned(),
            arg0: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            current_dir: None,
            timeout: None,
            output_limit: None,
        }
    }

    /// The text, or which field of it is not UTF-8. Nothing is replaced.
    pub(crate) fn text(&self) -> Result<Text<'_>, Error> {
        let program = utf8(&self.program, || "program".into())?;
        let arg0 = self
            .arg0
            .as_deref()
            .map(|name| utf8(name, || "argv0".into()))
            .transpose()?;
        let mut args = Vec::with_capacity(self.args.len());
        for (index, arg) in self.args.iter().enumerate() {
            args.push(utf8(arg, || format!("args[{index}]"))?.to_owned());
        }
        let mut env = Vec::with_capacity(self.env.len());
        for (key, value) in &self.env {
            let field = || format!("env {}", key.to_string_lossy());
            env.push((utf8(key, field)?, utf8(value, field)?));
        }
        Ok(Text {
            program,
            arg0,
            args,
            env,
        })
    }
}

fn utf8(value: &OsStr, field: impl FnOnce() -> String) -> Result<&str, Error> {
    value.to_str().ok_or_else(|| Error::invalid(field(), "it is not UTF-8"))
}

/// The program and its arguments, quoted, as std shows them.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg:?}"))
    }
}

/// The host's command, `C`, and how many arguments it has. It is kept from one spawn to the next, because it holds the
/// streams that were given to it.
#[derive(Debug)]
pub(crate) struct Built<C> {
    pub(crate) command: C,
    pub(crate) args: usize,
}

/// Tells the host's command what the request says: `$built` is a [`Built`], `$text` the request's [`Text`] and `$place`
/// where its working directory is, if it has one. It is a macro because the host's command is one type in each flavour,
/// with methods of the same names.
macro_rules! tell {
    ($built:expr, $request:expr, $text:expr, $place:expr) => {
        let (built, request, text) = ($built, $request, $text);
        let command = &built.command;
        if let Some(new) = text.args.get(built.args..).filter(|new| !new.is_empty()) {
            command.args(new);
            built.args = text.args.len();
        }
        if let Some(name) = text.arg0 {
            command.argv0(name);
        }
        command.clear_env();
        for (key, value) in text.env {
            command.env(key, value);
        }
        if let Some(place) = $place {
            command.cwd(&place.directory, place.path.as_deref());
        }
        if let Some(after) = request.timeout {
            command.timeout(crate::clock::nanoseconds(after));
        }
        if let Some(bytes) = request.output_limit {
            command.output_limit(bytes);
        }
    };
}
pub(crate) use tell;

/// The methods of a command that fill its `request` and its `streams`, and those that read them back. They are items of
/// the `impl Command` it is used in, so both commands show them with their documentation. `Command` and `Stdio` are those
/// in scope there.
macro_rules! builder {
    () => {
        /// A command that will run the program of the grant `program`. Nothing is checked before it is spawned.
        pub fn new(program: impl AsRef<OsStr>) -> Command {
            Command {
                request: Request::new(program.as_ref()),
                streams: Streams::default(),
                built: None,
            }
        }

        /// Adds one argument. It is passed as it is: no shell splits it and nothing expands it.
        pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
            self.request.args.push(arg.as_ref().to_owned());
            self
        }

        /// Adds arguments.
        pub fn args(&mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Command {
            self.request
                .args
                .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
            self
        }

        /// Sets the program's own name as it sees it, where the policy allows that. Without it, the name of the grant.
        pub fn arg0(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
            self.request.arg0 = Some(name.as_ref().to_owned());
            self
        }

        /// Sets an environment variable. For a key set twice the last value holds.
        pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
            self.request
                .env
                .insert(key.as_ref().to_owned(), value.as_ref().to_owned());
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
            self.request.env.remove(key.as_ref());
            self
        }

        /// Takes back every environment variable that was set here. What the policy fixes stays.
        pub fn env_clear(&mut self) -> &mut Command {
            self.request.env.clear();
            self
        }

        /// Sets the working directory: a path of the guest.
        ///
        /// It is looked up as std looks paths up: below the preopened directory with the longest matching name, a
        /// relative one from the current directory of the guest. The process gets that directory, not the path.
        pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Command {
            self.request.current_dir = Some(dir.as_ref().to_owned());
            self
        }

        /// Sets where standard input comes from. Without it: inherited by [`spawn`](Self::spawn) and
        /// [`status`](Self::status), nothing for [`output`](Self::output).
        pub fn stdin(&mut self, source: impl Into<Stdio>) -> &mut Command {
            self.streams.stdin = Some(source.into().0);
            self
        }

        /// Sets where standard output goes. Without it: inherited by [`spawn`](Self::spawn) and
        /// [`status`](Self::status), a pipe for [`output`](Self::output).
        pub fn stdout(&mut self, target: impl Into<Stdio>) -> &mut Command {
            self.streams.stdout = Some(target.into().0);
            self
        }

        /// Sets where standard error goes. Without it: inherited by [`spawn`](Self::spawn) and
        /// [`status`](Self::status), a pipe for [`output`](Self::output).
        pub fn stderr(&mut self, target: impl Into<Stdio>) -> &mut Command {
            self.streams.stderr = Some(target.into().0);
            self.streams.stderr_to_stdout = false;
            self
        }

        /// Sends standard error wherever standard output goes, in the order of writing: `2>&1` of a shell.
        pub fn stderr_to_stdout(&mut self) -> &mut Command {
            self.streams.stderr = None;
            self.streams.stderr_to_stdout = true;
            self
        }

        /// Sets how long the process may live, in wall time. Then its tree is killed, and its status says
        /// [`Limit::WallTime`](crate::Limit::WallTime). A stricter limit of the policy holds.
        pub fn timeout(&mut self, after: Duration) -> &mut Command {
            self.request.timeout = Some(after);
            self
        }

        /// Sets how many bytes the process may write to its pipes. Past it its tree is killed, and its status says
        /// [`Limit::Output`](crate::Limit::Output). A stricter limit of the policy holds.
        pub fn output_limit(&mut self, bytes: u64) -> &mut Command {
            self.request.output_limit = Some(bytes);
            self
        }

        /// The name of the grant.
        pub fn get_program(&self) -> &OsStr {
            &self.request.program
        }

        /// The arguments, without the program's own name.
        pub fn get_args(&self) -> impl ExactSizeIterator<Item = &OsStr> {
            self.request.args.iter().map(OsString::as_os_str)
        }

        /// The environment variables that were set here, in the order of their keys. The value is never none: the
        /// environment starts empty, so there is nothing that could be taken away from it.
        pub fn get_envs(&self) -> impl ExactSizeIterator<Item = (&OsStr, Option<&OsStr>)> {
            self.request
                .env
                .iter()
                .map(|(key, value)| (key.as_os_str(), Some(value.as_os_str())))
        }

        /// The working directory that was set here.
        pub fn get_current_dir(&self) -> Option<&Path> {
            self.request.current_dir.as_deref()
        }
    };
}
pub(crate) use builder;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_was_said_and_in_its_order() {
        let mut request = Request::new("git".as_ref());
        request.args.extend(["log".into(), "".into(), "a b".into()]);
        request.env.insert("B".into(), "2".into());
        request.env.insert("A".into(), "".into());
        request.arg0 = Some("gît".into());
        assert_eq!(
            request.text(),
            Ok(Text {
                program: "git",
                arg0: Some("gît"),
                args: vec!["log".into(), "".into(), "a b".into()],
                env: vec![("A", ""), ("B", "2")],
            })
        );
    }

    #[cfg(unix)]
    #[test]
    fn the_first_field_that_is_not_utf8_is_named() {
        use std::os::unix::ffi::OsStringExt;

        let bad = OsString::from_vec(b"a\xFFb".to_vec());
        let mut request = Request::new(&bad);
        request.args.extend(["fine".into(), bad.clone()]);
        request.env.insert("KEY".into(), bad.clone());
        request.arg0 = Some(bad);
        let refused = |field: &str| Err(Error::invalid(field, "it is not UTF-8"));
        assert_eq!(request.text(), refused("program"));
        request.program = "x".into();
        assert_eq!(request.text(), refused("argv0"));
        request.arg0 = None;
        assert_eq!(request.text(), refused("args[1]"));
        request.args.pop();
        assert_eq!(request.text(), refused("env KEY"));
    }
}
