//! Packs the real suite with `cargo xtask suite`, and asks other hosts: the example `embedder`, and some that are broken.
//! That this project's own host passes all of it is for the README's commands.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use xtask::build;

/// The archive, and the command that runs it.
fn built() -> &'static (PathBuf, PathBuf) {
    static BUILT: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("suite.tar.zst");
        (
            xtask::suite::pack(Some(&directory)).unwrap(),
            build::host("childproof").unwrap(),
        )
    })
}

/// Runs these cases, with the runner that is this shell script.
fn suite(cases: &[&str], script: &str) -> Output {
    let (archive, childproof) = built();
    let directory = tempfile::tempdir().unwrap();
    let runner = directory.path().join("runner");
    fs::write(&runner, format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(&runner, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(childproof);
    command
        .arg("suite")
        .arg(archive)
        .args(cases)
        .arg("--runner")
        .arg(&runner);
    command.output().unwrap()
}

/// The script that has `childproof run` do the work, with `more` behind its command line.
fn childproof(more: &str) -> String {
    let (_, childproof) = built();
    format!(
        "unset RUST_LOG\nexec {} run --quiet --env RUST_BACKTRACE=0 --policy \"$CHILDPROOF_SUITE_POLICY\" \
         --dir \"$CHILDPROOF_SUITE_DATA\"::/data \"$@\" {more}",
        childproof.display()
    )
}

/// The names of the cases that were `ok`, and how many were not.
fn passed(output: &Output) -> (Vec<String>, usize) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let passed = stdout.lines().filter_map(|line| line.strip_prefix("ok       "));
    let other = stdout
        .lines()
        .filter(|line| line.starts_with("FAILED ") || line.starts_with("SKIPPED "));
    let mut passed: Vec<_> = passed.map(str::to_owned).collect();
    passed.sort();
    (passed, other.count())
}

const STREAMS: &str = "row41_the_guests_own_streams/0.2/full";
const NULL: &str = "row41_null_is_nothing/0.2/full";

#[test]
fn another_host_passes_what_it_does_right_and_fails_what_it_does_not() {
    let embedder = build::host("embedder").unwrap();
    // It says a trap by the code of any error, and knows no directory.
    let script = format!("exec {} \"$CHILDPROOF_SUITE_POLICY\" \"$1\"", embedder.display());
    let codes = "row01_exit_codes_round_trip/0.2/full";
    let output = suite(
        &[
            STREAMS,
            codes,
            "row43_no_directory_outside/0.2",
            "guest_traps_half_way/0.2",
        ],
        &script,
    );
    assert_eq!(
        passed(&output),
        (vec![codes.to_owned(), STREAMS.to_owned()], 2),
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_host_that_is_broken_fails() {
    let both = &[STREAMS, NULL];
    let right = suite(both, &childproof(""));
    assert_eq!(
        passed(&right),
        (vec![NULL.to_owned(), STREAMS.to_owned()], 0),
        "{right:?}"
    );
    assert_eq!(right.status.code(), Some(0));

    let deaf = suite(both, &childproof("</dev/null"));
    assert_eq!(
        passed(&deaf),
        (vec![NULL.to_owned()], 1),
        "it ignores its standard input: {deaf:?}"
    );
    assert_eq!(deaf.status.code(), Some(1));

    // A policy that grants nothing.
    let denial = format!("CHILDPROOF_SUITE_POLICY=/dev/null\n{}", childproof(""));
    let denies = suite(both, &denial);
    assert_eq!(passed(&denies), (vec![], 2), "it denies everything: {denies:?}");
    assert_eq!(denies.status.code(), Some(1));
}
