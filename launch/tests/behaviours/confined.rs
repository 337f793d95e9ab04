//! What confinement promises, in each tier and to each kind of host: root, and a user without privileges.

mod arguments;
mod bad_profiles;
mod daemons;
mod directories;
mod ends;
mod first_processes;
mod gates;
mod groups;
mod host;
mod limits;
mod machines;
mod many;
mod nested;
mod network;
mod own_tmp;
mod peaks;
mod programs;
mod starts;
mod successors;
mod trees;
mod view;
mod watches;

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use childproof_launch::{
    BorrowedHandle, Child, Command, Confinement, Directory, Exit, Profile, Rlimit, SpawnError, Stdio, Termination, Tier,
};

use crate::support::{PATH, again, is_inner, null, program, until};

const TIERS: [Tier; 2] = [Tier::Full, Tier::Reduced];

/// The user without privileges. Nobody has the number on a system that is as it should be.
const USER: u32 = 64_200;
const AS_USER: &str = "CHILDPROOF_LAUNCH_TEST_AS_USER";

/// Runs `body` in a process of its own, as [`in_own_process`](crate::support::in_own_process) does; where the user is root,
/// in two: as root, and as a user without privileges.
fn as_each_user(name: &str, body: impl FnOnce()) {
    if is_inner(name) {
        if std::env::var_os(AS_USER).is_some() {
            become_user();
        }
        body();
        std::process::exit(0);
    }
    for user in users() {
        let output = again_as(name, user).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} as {user}: {}\n{text}", output.status);
        assert!(!text.contains("running 0 tests"), "{name} is not the name of a test");
    }
}

/// So many children of a profile at a time, which end.
async fn serve_at_once(profile: &Profile, count: usize) {
    let (input, writer) = io::pipe().unwrap();
    let run = Run::program(profile, "/bin/cat", &[]);
    let all: Vec<_> = (0..count).map(|_| run.spawn_reading(&input)).collect();
    drop(writer);
    for child in &all {
        assert_eq!(child.wait().await.unwrap().termination, Termination::Exited(0));
    }
}

/// Who runs a test.
fn users() -> &'static [&'static str] {
    match is_root() {
        true => &["root", "a user"],
        false => &["a user"],
    }
}

/// A command that starts the test `name` again, as one of [`users`].
fn again_as(name: &str, user: &str) -> std::process::Command {
    let mut command = again(name);
    if user != "root" && is_root() {
        command.env(AS_USER, "");
    }
    command
}

fn is_root() -> bool {
    user() == 0
}

fn user() -> u32 {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Gives up root for good, in all threads, as if this process had never had it.
fn become_user() {
    // SAFETY: the calls take numbers, and no list of groups where its length is 0.
    unsafe {
        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
        assert_eq!(libc::setgid(USER), 0);
        assert_eq!(libc::setuid(USER), 0);
        // The kernel protects a process that changed its user from that user, so from itself.
        assert_eq!(libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
    }
}

/// A profile of this tier, with what `set_up` adds.
#[track_caller]
fn profile(tier: Tier, set_up: impl FnOnce(&mut Confinement)) -> Profile {
    let mut confinement = Confinement::new(tier);
    set_up(&mut confinement);
    match confinement.build() {
        Ok(profile) => profile,
        Err(error) => panic!("{error}"),
    }
}

/// A directory of the host, at a path of the child's.
fn directory(source: &Path, target: impl Into<PathBuf>, writable: bool) -> Directory {
    Directory {
        source: File::open(source).unwrap().into(),
        target: target.into(),
        writable,
    }
}

/// A confined child to be.
struct Run<'a> {
    profile: &'a Profile,
    program: &'a str,
    arguments: Vec<String>,
    directory: Option<BorrowedHandle<'a>>,
    inside: Option<PathBuf>,
    rlimits: Vec<Rlimit>,
}

impl<'a> Run<'a> {
    fn program(profile: &'a Profile, program: &'a str, arguments: &[&str]) -> Run<'a> {
        Run {
            profile,
            program,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            directory: None,
            inside: None,
            rlimits: Vec::new(),
        }
    }

    fn shell(profile: &'a Profile, script: &str) -> Run<'a> {
        Run::program(profile, "/bin/sh", &["-c", script])
    }

    fn python(profile: &'a Profile, script: &str) -> Run<'a> {
        Run::program(profile, "/usr/bin/python3", &["-c", script])
    }

    fn current_dir(mut self, directory: BorrowedHandle<'a>) -> Run<'a> {
        self.directory = Some(directory);
        self
    }

    fn inside(mut self, path: impl Into<PathBuf>) -> Run<'a> {
        self.inside = Some(path.into());
        self
    }

    fn rlimit(mut self, rlimit: Rlimit) -> Run<'a> {
        self.rlimits.push(rlimit);
        self
    }

    /// Starts it with these streams.
    fn spawn_with(&self, stdio: Stdio<'_>) -> Result<Child, SpawnError> {
        let program = program(self.program);
        let mut command = Command::new(&program, stdio);
        command
            .args(&self.arguments)
            .env("PATH", PATH)
            .env("LC_ALL", "C")
            .confine(self.profile);
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        if let Some(inside) = &self.inside {
            command.current_dir_inside(inside);
        }
        for &rlimit in &self.rlimits {
            command.rlimit(rlimit);
        }
        command.spawn()
    }

    /// Starts it with this input, and an output that goes nowhere.
    #[track_caller]
    fn spawn_reading(&self, input: &PipeReader) -> Child {
        let null = null();
        let stdio = Stdio {
            stdin: input.as_fd(),
            stdout: null.as_fd(),
            stderr: null.as_fd(),
        };
        self.spawn_with(stdio).unwrap()
    }

    /// Starts it, and gives the reading end of its output.
    fn try_spawn(&self) -> Result<(Child, PipeReader), SpawnError> {
        let (reader, writer) = io::pipe().unwrap();
        let null = null();
        let stdio = Stdio {
            stdin: null.as_fd(),
            stdout: writer.as_fd(),
            stderr: writer.as_fd(),
        };
        self.spawn_with(stdio).map(|child| (child, reader))
    }

    #[track_caller]
    fn spawn(&self) -> (Child, PipeReader) {
        match self.try_spawn() {
            Ok(started) => started,
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs it and gives its end and all that it wrote.
    async fn output(&self) -> (Exit, String) {
        let (child, mut reader) = self.spawn();
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        (child.wait().await.unwrap(), String::from_utf8(bytes).unwrap())
    }

    /// Runs it, which has to succeed, and gives what it wrote.
    async fn text(&self) -> String {
        let (exit, text) = self.output().await;
        let arguments = &self.arguments;
        assert_eq!(exit.termination, Termination::Exited(0), "{arguments:?} wrote {text}");
        text
    }
}

/// The lines of a text, in order.
fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The processes of this process, zombies included.
fn children() -> Vec<u32> {
    let of_thread =
        |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("children")).unwrap_or_default();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let all: String = tasks.map(|entry| of_thread(entry.unwrap()) + " ").collect();
    all.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Without a profile, no process is left.
fn until_all_has_ended() {
    until(|| children().is_empty());
}

/// Runs a child that leaves a process behind, which is ended.
async fn assert_serves(profile: &Profile, word: &str) {
    let script = format!("(sleep 60; echo survived) & echo {word}; exit 3");
    let (exit, said) = Run::shell(profile, &script).output().await;
    assert_eq!(
        (exit.termination, &*said),
        (Termination::Exited(3), &*format!("{word}\n")),
        "{}",
        profile.tier()
    );
}
