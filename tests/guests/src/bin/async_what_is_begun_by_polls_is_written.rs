//! What was written by `AsyncWrite` is not lost when the child is then waited for, although the pipe had no room for all of it.

use std::fs;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use childproof::asynchronous::{Child, Command, Stdio};
use childproof_test_guests::pattern;
use futures_io::AsyncWrite;

/// More than any pipe holds.
const MOST: usize = 8 << 20;

childproof::main!(run);

async fn run() {
    let (mut child, written) = fed("read start; exec cat");
    let output = child.communicate([]).await.unwrap();
    assert_eq!(output.stdout.unwrap(), written);

    let (child, written) = fed("read start; exec cat");
    assert_eq!(child.wait_with_output().await.unwrap().stdout, written);

    let (mut child, written) = fed("read start; cat >written");
    assert!(child.wait().await.unwrap().success());
    assert_eq!(fs::read("/data/written").unwrap(), written);

    // One that reads no more is waited for all the same.
    let (mut child, _) = fed("read start; exit 3");
    assert_eq!(child.wait().await.unwrap().code(), Some(3));
}

/// A process, and what it was written behind a line, until there was no room for more.
fn fed(script: &str) -> (Child, Vec<u8>) {
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = Pin::new(child.stdin.as_mut().unwrap());
    let all = [b"start\n".as_slice(), &pattern(MOST)].concat();
    let mut accepted = 0;
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(len) = stdin.as_mut().poll_write(&mut cx, &all[accepted..]) {
        accepted += len.unwrap();
    }
    assert!(
        accepted < all.len(),
        "it does not wait for a process that does not read"
    );
    (child, all[6..accepted].to_vec())
}
