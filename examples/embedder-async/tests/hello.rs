//! Runs the guest `hello-async` in the embedder.

use std::path::Path;
use std::process::{Command, Output};

fn embedder(arguments: impl IntoIterator<Item = impl AsRef<Path>>) -> Output {
    let arguments = arguments.into_iter().map(|argument| argument.as_ref().to_owned());
    Command::new(env!("CARGO_BIN_EXE_embedder-async"))
        .args(arguments)
        .output()
        .unwrap()
}

fn uname(question: &str) -> String {
    let output = Command::new("uname").arg(question).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn the_guest_runs_what_it_was_granted() {
    let guest = xtask::build::guest("hello-async").unwrap();
    let output = embedder([&xtask::root().join("examples/hello-async/policy.toml"), &guest]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let [system, release, machine] = ["-s", "-r", "-m"].map(uname);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("this machine is {machine} and runs {system} {release}\n")
    );
}

#[test]
fn what_is_not_granted_is_refused_with_its_field() {
    let guest = xtask::build::guest("hello-async").unwrap();
    let output = embedder([&xtask::root().join("examples/hello/policy.toml"), &guest]);
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("args[0]") && stderr.contains("the guest failed"),
        "{stderr}"
    );
}
