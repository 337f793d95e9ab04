//! Builds the C library with the clang and the C library of this machine, and runs what is built with it: its own test guest,
//! under a policy and with real programs, and the examples.

#[path = "../common/mod.rs"]
mod common;
mod documents;
mod example;
mod guest;
mod handles;
mod host;
mod toolchains;
mod translate;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use common::{output, text};
use xtask::{build, c};

/// The command `childproof`.
static CHILDPROOF: LazyLock<PathBuf> = LazyLock::new(|| build::host("childproof").unwrap());

/// The guest that tests the library.
static TESTS: LazyLock<PathBuf> = LazyLock::new(|| c::build("tests.wasm").unwrap());

/// Runs a guest under a policy, which the guest's files beside it are given to as `/data` if there is a directory for them.
fn run(policy: &Path, data: Option<&Path>, guest: &Path, arguments: &[&str], stdin: &[u8]) -> Output {
    let mut command = Command::new(&*CHILDPROOF);
    command.arg("run").arg("--policy").arg(policy);
    if let Some(data) = data {
        command.arg("--dir").arg(format!("{}::/data", data.display()));
    }
    command.arg(guest).args(arguments);
    output(&mut command, stdin)
}
