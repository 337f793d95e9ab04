//! A process that always writes, or always reads, leaves the guest's other futures their turn, and the clock.

use std::pin::pin;
use std::time::Duration;

use childproof::CommunicateOptions;
use childproof::asynchronous::{Command, Stdio};
use childproof_test_guests::cause;
use futures_util::future::{Either, select};

childproof::main!(run);

async fn run() {
    reads().await;
    writes().await;
    timeouts().await;
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Waits for a short process while `busy` never rests.
async fn ends_beside(busy: impl Future<Output = ()>) {
    let mut short = sh("exit 3").spawn().unwrap();
    match select(pin!(short.wait()), pin!(busy)).await {
        Either::Left((status, _)) => assert_eq!(status.unwrap().code(), Some(3)),
        Either::Right(_) => panic!("this never ends"),
    }
}

async fn reads() {
    let mut zeroes = sh("exec cat /dev/zero").stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = zeroes.stdout.take().unwrap();
    let mut buffer = [1; 512];
    ends_beside(async { while stdout.read(&mut buffer).await.unwrap() > 0 {} }).await;
}

async fn writes() {
    let mut sink = sh("exec cat >/dev/null").stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = sink.stdin.take().unwrap();
    ends_beside(async { while stdin.write_all(&[7; 512]).await.is_ok() {} }).await;
}

async fn timeouts() {
    let mut zeroes = sh("exec cat /dev/zero").stdout(Stdio::piped()).spawn().unwrap();
    let options = CommunicateOptions::new().timeout(Duration::from_millis(20));
    assert_eq!(
        cause(zeroes.communicate_with([], &options).await),
        childproof::Error::TimedOut
    );
}
