//! A spawn is one call that does not wait: a future around it that is dropped, wherever it is, has a process or has none, and
//! takes it with it. What the host saw start, it saw end.

use childproof::asynchronous::{Command, Stdio};
use childproof_test_guests::asynchronous::{poll_once, turns};
use futures_util::future::{Either, select};

childproof::main!(run);

async fn run() {
    before_its_first_poll();
    for rounds in 0..20 {
        after_some_polls(rounds).await;
    }
    while_it_reads().await;
    while_it_waits().await;
}

fn never_ending() -> Command {
    let mut command = Command::new("sleep");
    command.arg("1000");
    command
}

/// Nothing was started.
fn before_its_first_poll() {
    drop(Command::new("true").output());
    drop(Command::new("true").status());
}

async fn after_some_polls(rounds: usize) {
    let (mut output, mut status) = (never_ending(), never_ending());
    status.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut output = Box::pin(output.output());
    let mut status = Box::pin(status.status());
    for _ in 0..=rounds {
        assert!(poll_once(&mut output).await.is_pending());
        assert!(poll_once(&mut status).await.is_pending());
        turns(rounds % 3).await;
    }
}

/// A process that tells this one where it is, by what it writes to its standard error.
async fn told(script: &str, sign: &[u8]) {
    let mut monitor = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = monitor.stdout.take().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", script]).stderr(monitor.stdin.take().unwrap());
    let mut output = Box::pin(command.output());
    let mut heard = vec![0; sign.len()];
    // It reads meanwhile: its pipe need not hold all that is written.
    match select(Box::pin(said.read(&mut heard)), &mut output).await {
        Either::Left((read, _)) => assert_eq!(read.unwrap(), sign.len()),
        Either::Right((output, _)) => panic!("it ended: {output:?}"),
    }
    assert_eq!(heard, sign);
    for _ in 0..5 {
        assert!(poll_once(&mut output).await.is_pending());
        turns(1).await;
    }
    drop(output);
    // It is gone, and its end of the pipe with it.
    drop(command);
    assert_eq!(said.read(&mut heard).await.unwrap(), 0);
    assert!(monitor.wait().await.unwrap().success());
}

async fn while_it_reads() {
    told("echo text; echo up >&2; sleep 1000", b"up\n").await;
    told("head -c 1000000 /dev/zero; echo up >&2; sleep 1000", b"up\n").await;
}

/// Its output is at the end.
async fn while_it_waits() {
    told("echo text; exec >&-; echo up >&2; exec sleep 1000", b"up\n").await;
}
