//! Runs the guest `hello` in the embedder, as the README shows them.

use std::path::Path;
use std::process::{Command, Output};

fn embedder(arguments: impl IntoIterator<Item = impl AsRef<Path>>) -> Output {
    let arguments = arguments.into_iter().map(|argument| argument.as_ref().to_owned());
    Command::new(env!("CARGO_BIN_EXE_embedder"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_guest_runs_what_it_was_granted_and_nothing_else() {
    let guest = xtask::build::guest("hello").unwrap();
    let policy = xtask::root().join("examples/hello/policy.toml");
    let output = embedder([&policy, &guest]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let system = Command::new("uname").arg("-sr").output().unwrap().stdout;
    let granted = format!("this machine runs {}", String::from_utf8(system).unwrap());
    let refused = stdout
        .strip_prefix(&granted)
        .unwrap_or_else(|| panic!("not {granted:?}: {stdout}"));
    assert!(
        refused.starts_with("its name is none of my business: args[0] was refused: "),
        "{refused}"
    );
    assert!(refused.contains("\"-n\""), "{refused}");
}

#[test]
fn it_says_how_it_is_used() {
    let output = embedder(["policy.toml"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage: embedder POLICY.toml GUEST.wasm"));
}
