//! What a confined process started ends with it, when it exits by itself and nobody kills anything.

use std::io::Read;
use std::time::Duration;

use childproof_test_guests::sdk::{CommunicateOptions, Stdio};
use childproof_test_guests::{daemon_starter, with_daemon};

childproof_test_guests::program!(guest);

fn guest() {
    let (mut child, mut stdout) = with_daemon();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(stdout.read(&mut [0; 1]).unwrap(), 0, "the daemon is gone");
    drop(child);

    // So communicate sees the ends of the pipes, however long it would have gone on.
    let options = CommunicateOptions::new().drain(Duration::MAX);
    let output = daemon_starter()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
        .communicate_with(b"", &options)
        .unwrap();
    assert!(output.status.success() && output.complete);
    assert_eq!(output.stdout.unwrap(), b"up\n");
    let mut hosted = daemon_starter();
    hosted.stdin(Stdio::piped()).stdout(Stdio::piped());
    let output = hosted.spawn_hosted().unwrap().communicate(None, &options).unwrap();
    assert!(output.status.success() && output.complete);
    assert_eq!(output.stdout.unwrap(), b"up\n");
}
