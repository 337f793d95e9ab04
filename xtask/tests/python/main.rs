//! The SDK for Python: its own tests in a guest, its types, its README, and the example `agent`, all run by `childproof run`.

mod agent;
mod guest;
mod readme;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;

use xtask::build;

/// The command `childproof`.
fn childproof() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build::host("childproof").unwrap())
}

/// Runs a component under a policy with one directory of the host, given as `HOST::GUEST`.
fn run(component: &Path, policy: &Path, directory: &str, arguments: &[&str], stdin: &[u8]) -> Output {
    let mut command = Command::new(childproof());
    command
        .args([
            "run",
            "--timeout",
            "5m",
            "--quiet",
            "--env",
            "GIVEN=to the guest",
            "--policy",
        ])
        .arg(policy)
        .args(["--dir", directory])
        .arg(component)
        .args(arguments);
    output(&mut command, stdin)
}

/// What comes of a command that reads `stdin`.
fn output(command: &mut Command, stdin: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // A command that does not read all of it is no matter.
    let writer = thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_types_of_all_python_code_are_right() {
    xtask::python::check_types().unwrap();
}
