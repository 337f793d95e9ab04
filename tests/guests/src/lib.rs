//! What the guest programs share. A guest asserts; it fails by panicking.

#[cfg(feature = "p3")]
pub mod asynchronous;
pub mod raw;
pub mod sdk;

use std::io::{self, Read as _};
use std::time::Duration;

use sdk::{Child, ChildStdout, Command, Error, ExitStatus, Signal, Stdio};

/// The shell, running `script`. Its streams are nothing until something else is said.
pub fn sh(script: &str) -> Command {
    let mut command = run("sh");
    command.args(["-c", script]);
    command
}

/// A program without arguments. Its streams are nothing until something else is said.
pub fn run(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The shell, running `script` with a pipe from each of its outputs and nothing to read.
pub fn piped(script: &str) -> Command {
    let mut command = sh(script);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a script prints.
pub fn printed(script: &str) -> String {
    let output = piped(script).output().expect("the shell starts");
    assert!(
        output.status.success(),
        "{script}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the script prints text")
}

/// How a script ends.
pub fn status_of(script: &str) -> ExitStatus {
    sh(script).status().expect("the shell starts")
}

/// Lets processes end in all ways and asserts that each wait answers the truth. Where the guest's first argument is `lost`,
/// it may also answer that the status is lost.
pub fn every_end_is_told_or_lost() {
    let may_be_lost = std::env::args().nth(1).as_deref() == Some("lost");
    let told = |mut child: Child, expected: (Option<i32>, Option<Signal>)| match child.wait() {
        Ok(status) => {
            assert_eq!((status.code(), status.signal()), expected);
            assert_eq!(child.wait().expect("a second wait answers the same"), status);
        }
        Err(error) => assert!(may_be_lost && cause::<()>(Err(error)) == Error::StatusLost),
    };
    for code in 0..100 {
        told(
            sh(&format!("exit {code}")).spawn().expect("the shell starts"),
            (Some(code), None),
        );
    }
    for _ in 0..10 {
        let mut child = sleeper();
        child.kill().expect("it can be killed");
        told(child, (None, Some(Signal::Kill)));
    }
}

/// A process that lives until it is ended.
pub fn sleeper() -> Child {
    let mut command = run("sleep");
    command.arg("1000").spawn().expect("sleep starts")
}

/// A process that copies its input to its output.
pub fn cat() -> Child {
    let mut command = run("cat");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cat starts")
}

/// The error of the interface behind an error of the SDK.
#[track_caller]
pub fn cause<T: std::fmt::Debug>(result: io::Result<T>) -> Error {
    let error = result.expect_err("this must fail");
    Error::of(&error)
        .unwrap_or_else(|| panic!("not an error of the interface: {error:?}"))
        .clone()
}

/// A process, and its standard output, which is also held by one that left its group, its session and its parent, and that
/// no signal ends that can be ignored. Whose confinement does not let it leave stays. The process exits once its input ends.
pub fn with_daemon() -> (Child, ChildStdout) {
    let mut child = daemon_starter()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut up = [0; 3];
    stdout.read_exact(&mut up).expect("it says when it is up");
    assert_eq!(&up, b"up\n");
    (child, stdout)
}

/// The command for it.
pub fn daemon_starter() -> Command {
    const SCRIPT: &str = "
import ctypes, os, signal
PR_SET_PDEATHSIG = 1
def leave(way):
    try:
        way()
    except PermissionError:
        pass
if os.fork() == 0:
    leave(os.setsid)
    if os.fork() == 0:
        leave(os.setpgrp)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        os.write(1, b'up\\n')
        os.write(2, b'ready\\n')
        while True:
            signal.pause()
    os._exit(0)
os.wait()
os.read(0, 1)
";
    let mut command = run("python3");
    command.args(["-c", SCRIPT]);
    command
}

/// The field that an error names as refused by the policy.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: io::Result<T>) -> String {
    match cause(result) {
        Error::Refused(problem) => problem.field,
        other => panic!("not a refusal: {other:?}"),
    }
}

/// The field that an error names as one that no process can be given.
#[track_caller]
pub fn invalid<T: std::fmt::Debug>(result: io::Result<T>) -> String {
    match cause(result) {
        Error::InvalidArgument(problem) => problem.field,
        other => panic!("not an invalid argument: {other:?}"),
    }
}

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until `answer` has one. For what the host has no event for.
#[track_caller]
pub fn until<T>(mut answer: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "this never came to be");
    }
}

/// A program without arguments and with a pipe for each of its streams.
pub fn run_piped(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Bytes that differ from those around them, so that a lost or swapped block shows.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|index| (index ^ (index >> 8) ^ (index >> 16)) as u8)
        .collect()
}

/// The same in letters.
pub fn pattern_text(len: usize) -> String {
    pattern(len)
        .into_iter()
        .map(|byte| char::from(b'a' + byte % 26))
        .collect()
}

/// All orders of the numbers below `count`.
pub fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for order in orders(count - 1) {
        for place in 0..count {
            let mut longer = order.clone();
            longer.insert(place, count - 1);
            all.push(longer);
        }
    }
    all
}
