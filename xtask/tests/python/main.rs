//! The SDK for Python: its own tests in a guest, its types, its README, and the example `agent`, all run by `childproof run`.

mod agent;
#[path = "../common/mod.rs"]
mod common;
mod guest;
mod readme;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use common::{output, text};
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

#[test]
fn the_types_of_all_python_code_are_right() {
    xtask::python::check_types().unwrap();
}
