//! Running the binary in a directory of its own.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A directory that commands run in, with a cache of its own.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        fs::write(self.file(name), bytes).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        self.other(env!("CARGO_BIN_EXE_childproof"), args)
    }

    fn other<S: AsRef<OsStr>>(&self, program: &str, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.path())
            .env_remove("RUST_LOG")
            .env("XDG_CACHE_HOME", self.file("cache"))
            .stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        Ended(self.command(args).output().unwrap())
    }

    /// Runs another program to the end, as it would childproof.
    pub(crate) fn run_other<S: AsRef<OsStr>>(&self, program: &str, args: impl IntoIterator<Item = S>) -> Ended {
        Ended(self.other(program, args).output().unwrap())
    }

    /// Runs to the end as on a machine without user namespaces: within one, they can be forbidden.
    pub(crate) fn run_without_user_namespaces(&self, args: &[&str]) -> Ended {
        let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
        let command = [
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            script,
            "sh",
            env!("CARGO_BIN_EXE_childproof"),
        ];
        self.run_other("unshare", [&command[..], args].concat())
    }

    /// Runs to the end, with this on stdin.
    pub(crate) fn run_with<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, stdin: &[u8]) -> Ended {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        Ended(child.wait_with_output().unwrap())
    }
}

/// A command that has ended.
pub(crate) struct Ended(Output);

impl Ended {
    /// One that was run in another way.
    pub(crate) fn of(output: Output) -> Self {
        Self(output)
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// None if a signal ended it.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.0.status.code()
    }

    /// Checks the exit code; shows all that there was if it is another.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.0.status.code(),
            Some(expected),
            "{}\nstdout: {}\nstderr: {}",
            self.0.status,
            self.stdout(),
            self.stderr()
        );
        self
    }

    /// Checks that stderr is one line of childproof, and answers what it says.
    #[track_caller]
    pub(crate) fn only_line(&self) -> String {
        let stderr = self.stderr();
        let line = stderr
            .strip_suffix('\n')
            .and_then(|line| line.strip_prefix("childproof: "));
        match line {
            Some(line) if !line.contains('\n') => line.to_owned(),
            _ => panic!("stderr is not one line of childproof: {stderr}"),
        }
    }

    /// Checks that childproof failed, and said one line with all of this in it.
    #[track_caller]
    pub(crate) fn failed_saying(self, parts: &[&str]) {
        let line = self.code(125).only_line();
        for part in parts {
            assert!(line.contains(part), "{part:?} is not in: {line}");
        }
    }
}
