//! The error of a spawn has the kind that std's would have.

use std::io::ErrorKind;

use childproof_test_guests::run;
use childproof_test_guests::sdk::Command;

#[track_caller]
fn kind(command: &mut Command) -> ErrorKind {
    command.spawn().unwrap_err().kind()
}

childproof_test_guests::program!(guest);

fn guest() {
    assert_eq!(kind(&mut run("no-grant")), ErrorKind::NotFound);
    assert_eq!(kind(&mut run("program-missing")), ErrorKind::NotFound);
    assert_eq!(kind(run("true").current_dir("/data/none")), ErrorKind::NotFound);
    assert_eq!(kind(run("true").env("NOT_GRANTED", "1")), ErrorKind::PermissionDenied);
    assert_eq!(kind(run("true").current_dir("/data/..")), ErrorKind::PermissionDenied);
    assert_eq!(kind(run("true").arg("a\0b")), ErrorKind::InvalidInput);
    assert_eq!(kind(run("true").env("A=B", "1")), ErrorKind::InvalidInput);
    assert_eq!(kind(run("true").current_dir("/elsewhere")), ErrorKind::InvalidInput);
    let long = "x".repeat(2 << 20);
    assert_eq!(kind(run("true").arg(long)), ErrorKind::ArgumentListTooLong);
}
