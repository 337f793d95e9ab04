//! A call of `communicate` that is cancelled, wherever it is, has lost nothing: the next goes on behind it, and in the end each
//! byte went in and came out once and in order. So it is with the interface's own and with both that the SDK has.

use std::pin::pin;

use childproof::asynchronous::{Child, Command, Stdio};
use childproof::{CommunicateOptions, Communicated};
use childproof_test_guests::asynchronous::{Chance, piped, poll_once, turns};
use childproof_test_guests::raw::{self, StderrTarget, Termination};
use childproof_test_guests::{pattern, raw::sh};

const SIZE: usize = 8 << 20;

/// Its standard error is the input of a process that does not read: so it ends when that does, and no call answers before. An
/// answer that comes as its call is cancelled is an answer.
const SCRIPT: &str = "cat; exec >&-; head -c 2000000 /dev/zero >&2; exit 5";

childproof::main!(run);

async fn run() {
    let mut chance = Chance(15);
    of_the_interface(&mut chance).await;
    of_the_sdk(&mut chance).await;
    of_the_sdk_by_the_host(&mut chance).await;
}

async fn of_the_interface(chance: &mut Chance) {
    let gate = raw::Command::new("sleep");
    gate.arg("1000");
    let gate = piped(gate).spawn().unwrap();
    let command = piped(sh(SCRIPT));
    command.stderr(&StderrTarget::StdinOf(&gate));
    let process = command.spawn().unwrap();

    let mut given = Some(pattern(SIZE));
    let mut call = async || process.communicate(given.take(), raw::DEFAULTS).await;
    cancel_often(&mut call, chance).await;
    gate.kill().unwrap();
    let output = call().await.unwrap();
    assert!(matches!(output.status.termination, Termination::Exited(5)));
    assert!(output.complete);
    assert_eq!(output.stderr, None);
    assert!(
        output.stdout.unwrap() == pattern(SIZE),
        "what came out is not what went in"
    );
}

/// A command for it, and what ends it.
fn gated() -> (Command, Child) {
    let mut gate = Command::new("sleep");
    gate.arg("1000")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut gate = gate.spawn().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command.stderr(gate.stdin.take().unwrap());
    (command, gate)
}

async fn of_the_sdk(chance: &mut Chance) {
    let (mut command, mut gate) = gated();
    let mut child = command.spawn().unwrap();
    let mut given = pattern(SIZE);
    let mut call = async || child.communicate(std::mem::take(&mut given)).await;
    cancel_often(&mut call, chance).await;
    gate.start_kill().unwrap();
    assert_is_all(call().await.unwrap());
}

async fn of_the_sdk_by_the_host(chance: &mut Chance) {
    let (mut command, mut gate) = gated();
    let mut child = command.spawn_hosted().unwrap();
    let options = CommunicateOptions::new();
    let mut given = Some(pattern(SIZE));
    let mut call = async || child.communicate(given.take(), &options).await;
    cancel_often(&mut call, chance).await;
    gate.start_kill().unwrap();
    assert_is_all(call().await.unwrap());
}

fn assert_is_all(done: Communicated) {
    assert_eq!(done.status.code(), Some(5));
    assert!(done.complete);
    assert_eq!(done.stderr, None);
    assert!(
        done.stdout.unwrap() == pattern(SIZE),
        "what came out is not what went in"
    );
}

/// Begins a call again and again and drops it each time after some turns of the host.
async fn cancel_often<T>(call: &mut impl AsyncFnMut() -> T, chance: &mut Chance) {
    for _ in 0..400 {
        let mut call = pin!(call());
        for _ in 0..=chance.below(3) {
            assert!(poll_once(&mut call).await.is_pending(), "it has not ended");
            turns(chance.below(3)).await;
        }
    }
}
