//! Calls of `communicate` that are under way at the same time hold no more of the host's memory than its bound and what one of
//! them does. Those that would are refused, have lost nothing, and go on when there is room. One that only waits is not.

use std::fmt::Write as _;
use std::time::Duration;

use childproof::asynchronous::{Child, Command, HostedChild, Stdio};
use childproof::{CommunicateOptions, Error, Quota};
use childproof_test_guests::asynchronous::poll_once;
use childproof_test_guests::cause;
use futures_util::stream::{FuturesUnordered, StreamExt};

const WRITERS: usize = 8;
const LINES: usize = 3_000_000;
const HELD: usize = 64 << 20;
const FULL: Error = Error::QuotaExceeded(Quota::HeldBytes);

childproof::main!(run);

/// Its standard error is the input of a process that does not read: it ends when that does.
fn gated(script: &str) -> (HostedChild, Child) {
    let mut gate = Command::new("sleep");
    gate.arg("1000")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut gate = gate.spawn().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{script}; head -c 2000000 /dev/zero >&2; exit 5")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(gate.stdin.take().unwrap());
    (command.spawn_hosted().unwrap(), gate)
}

async fn run() {
    let mut all = String::new();
    for line in 1..=LINES {
        writeln!(all, "{line}").unwrap();
    }
    let all = all.as_bytes();
    // So many of them can hold all that they write.
    let unbounded = (HELD + all.len()) / all.len();
    // They come to no end of their own. Were none refused, this says so.
    let options = CommunicateOptions::new().timeout(Duration::from_secs(60));

    let (mut waiting, mut waiting_gate) = gated(":");
    let mut wait = Box::pin(waiting.communicate(None, &options));
    assert!(poll_once(&mut wait).await.is_pending());

    let (mut writers, mut gates): (Vec<_>, Vec<_>) = (0..WRITERS).map(|_| gated(&format!("seq {LINES}"))).unzip();
    let mut calls: FuturesUnordered<_> = writers
        .iter_mut()
        .map(|writer| async {
            let answer = writer.communicate(None, &options).await;
            (writer, answer)
        })
        .collect();
    let mut refused = Vec::new();
    while refused.len() < WRITERS - unbounded {
        let (writer, answer) = calls.next().await.unwrap();
        assert_eq!(cause(answer), FULL);
        refused.push(writer);
    }
    waiting_gate.start_kill().unwrap();
    let waited = wait.await.unwrap();
    assert_eq!((waited.status.code(), waited.stdout), (Some(5), Some(Vec::new())));

    for gate in &mut gates {
        gate.start_kill().unwrap();
    }
    while let Some((writer, answer)) = calls.next().await {
        match answer {
            Ok(done) => assert!(done.stdout.unwrap() == all, "not what it wrote"),
            failed => {
                assert_eq!(cause(failed), FULL);
                refused.push(writer);
            }
        }
    }
    while !refused.is_empty() {
        let before = refused.len();
        for writer in std::mem::take(&mut refused) {
            match writer.communicate(None, &options).await {
                Ok(done) => assert!(done.stdout.unwrap() == all, "not what it wrote"),
                failed => {
                    assert_eq!(cause(failed), FULL);
                    refused.push(writer);
                }
            }
        }
        assert!(refused.len() < before, "one of them may always go on");
    }
}
