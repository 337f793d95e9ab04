//! Tests that look at the whole process they run in.

use std::env;
use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Names the test that this process was started for.
const ONLY: &str = "CHILDPROOF_TESTS_ONLY";
/// Names the part of it.
const PART: &str = "CHILDPROOF_TESTS_PART";

/// How long to wait for what is due any moment. It is only over when something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `body` in a process that runs nothing but the test `name`, kills that with SIGKILL once its standard output says
/// `sign`, and returns when nobody holds that any more. The body does not return before. `part` tells one call within a test from another.
pub(crate) fn killed_at(sign: &str, name: &str, part: &str, body: impl FnOnce()) {
    if env::var(ONLY).as_deref() == Ok(name) {
        if env::var(PART).as_deref() == Ok(part) {
            body();
            panic!("it was not killed");
        }
        return;
    }
    let mut host = Command::new(env::current_exe().expect("a process knows its program"))
        .args([name, "--exact", "--nocapture"])
        .env(ONLY, name)
        .env(PART, part)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test can be run once more");
    let mut stdout = host.stdout.take().expect("it is piped");
    let (send, said) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stdout.read(&mut buffer) {
            // Nobody listens once the test has failed.
            let _ = send.send(buffer[..read].to_vec());
        }
    });
    let mut output = Vec::new();
    let mut ended = |until: &dyn Fn(&[u8]) -> bool| loop {
        if until(&output) {
            break false;
        }
        match said.recv_timeout(PATIENCE) {
            Ok(more) => output.extend(more),
            Err(RecvTimeoutError::Disconnected) => break true,
            Err(RecvTimeoutError::Timeout) => panic!("it goes on: {}", String::from_utf8_lossy(&output)),
        }
    };
    let sign = sign.as_bytes();
    let ended_early = ended(&|output| output.windows(sign.len()).any(|window| window == sign));
    host.kill().expect("it can be killed");
    let status = host.wait().expect("it can be waited for");
    assert!(!ended_early && status.signal() == Some(9), "it ended before: {status}");
    assert!(ended(&|_| false), "its processes live on");
}

/// Runs `body` in a process that runs nothing but the test `name`: for tests that count the host's descriptors, measure its
/// memory, or change what holds for all of it. `name` is the test's own, as the test harness prints it. `starter`, if it is
/// not empty, is a program and its arguments that prepare the process, and the command line to execute follows them.
pub(crate) fn isolated_by(starter: &[&OsStr], name: &str, body: impl FnOnce()) {
    if env::var(ONLY).as_deref() == Ok(name) {
        return body();
    }
    let this = env::current_exe().expect("a process knows its program");
    let mut line = starter.iter().copied().chain([this.as_os_str()]);
    let mut command = Command::new(line.next().expect("there is the test at least"));
    let output = command
        .args(line)
        .args([name, "--exact", "--nocapture"])
        .env(ONLY, name)
        .output();
    let output = output.expect("the test can be run once more");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{stdout}\n{stderr}"
    );
}
