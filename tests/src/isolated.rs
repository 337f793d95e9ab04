//! Tests that look at the whole process they run in.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// Names the test that this process was started for.
const ONLY: &str = "CHILDPROOF_TESTS_ONLY";

/// Runs `body` in a process that runs nothing but the test `name`: for tests that count the host's descriptors, measure
/// its memory, or change what holds for all of it. `name` is the test's own, as the test harness prints it.
pub fn isolated(name: &str, body: impl FnOnce()) {
    run_again(Command::new(this()), name, body);
}

/// The same in a process that ignores SIGCHLD from its start, so that the kernel keeps no child for anybody to collect.
pub fn isolated_without_sigchld(name: &str, body: impl FnOnce()) {
    let mut command = Command::new("env");
    command.arg("--ignore-signal=CHLD").arg(this());
    run_again(command, name, body);
}

fn this() -> PathBuf {
    env::current_exe().expect("a process knows its program")
}

fn run_again(mut command: Command, name: &str, body: impl FnOnce()) {
    if env::var(ONLY).as_deref() == Ok(name) {
        return body();
    }
    let output = command.args([name, "--exact", "--nocapture"]).env(ONLY, name).output();
    let output = output.expect("the test can be run once more");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{stdout}\n{stderr}"
    );
}
