//! Tests that look at the whole process they run in.

use std::env;
use std::ffi::OsStr;
use std::process::Command;

/// Names the test that this process was started for.
const ONLY: &str = "CHILDPROOF_TESTS_ONLY";

/// Runs `body` in a process that runs nothing but the test `name`: for tests that count the host's descriptors, measure
/// its memory, or change what holds for all of it. `name` is the test's own, as the test harness prints it.
pub fn isolated(name: &str, body: impl FnOnce()) {
    isolated_by(&[], name, body);
}

/// The same, with a program in between that prepares the process: `starter` is that program and its arguments, and the
/// command line to execute follows them.
pub fn isolated_by(starter: &[&OsStr], name: &str, body: impl FnOnce()) {
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
