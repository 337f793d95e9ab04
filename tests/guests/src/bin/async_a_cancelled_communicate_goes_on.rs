//! A call of `communicate` that is cancelled, wherever it is, has lost nothing: the next goes on behind it, and in the end each
//! byte went in and came out once and in order. So it is with the interface's own and with that of the SDK.

use std::task::Poll;

use childproof::CommunicateOptions;
use childproof::asynchronous::{Command, Stdio};
use childproof_test_guests::asynchronous::{Chance, piped, poll_once, turns};
use childproof_test_guests::pattern;
use childproof_test_guests::raw::{self, Signal, Termination, sh};

const SIZE: usize = 8 << 20;

childproof::main!(run);

async fn run() {
    let mut chance = Chance(15);
    of_the_interface(&mut chance).await;
    of_the_sdk(&mut chance).await;
}

async fn of_the_interface(chance: &mut Chance) {
    // It stops after its output has come to the end, so that no call answers before it may: an answer that comes as its call is
    // cancelled is an answer.
    let script = "cat; exec >&-; echo behind >&2; exec 2>&-; kill -STOP $$; exit 5";
    let command = piped(sh(script));
    command.stderr(&raw::StderrTarget::Piped);
    let process = command.spawn().unwrap();
    let input = pattern(SIZE);
    let mut input_to_give = Some(input.clone());
    for _ in 0..400 {
        let mut call = Box::pin(process.communicate(input_to_give.take(), raw::DEFAULTS));
        assert!(poll_once(&mut call).await.is_pending());
        turns(chance.below(6)).await;
    }
    let mut call = Box::pin(process.communicate(None, raw::DEFAULTS));
    let output = loop {
        match poll_once(&mut call).await {
            Poll::Ready(output) => break output.unwrap(),
            // It may not have stopped yet, so it is told again. In the end it is gone.
            Poll::Pending => assert!(matches!(
                process.send_signal(Signal::Cont),
                Ok(()) | Err(raw::Error::NoSuchProcess)
            )),
        }
        turns(1).await;
    };
    assert!(
        matches!(output.status.termination, Termination::Exited(5)),
        "{:?}",
        output.status
    );
    assert!(output.complete);
    assert!(output.stdout.unwrap() == input, "what came out is not what went in");
    assert_eq!(output.stderr.unwrap(), b"behind\n");
}

async fn of_the_sdk(chance: &mut Chance) {
    let input = pattern(SIZE);
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());

    let mut child = command.spawn().unwrap();
    let mut given = input.clone();
    let mut call = async || child.communicate(std::mem::take(&mut given)).await.unwrap();
    let output = cancelled_often(&mut call, chance).await;
    assert!(output.status.success() && output.complete);
    assert!(output.stdout.unwrap() == input, "what came out is not what went in");

    let mut child = command.spawn_hosted().unwrap();
    let mut given = Some(input.clone());
    let options = CommunicateOptions::new();
    let mut call = async || child.communicate(given.take(), &options).await.unwrap();
    let output = cancelled_often(&mut call, chance).await;
    assert!(output.status.success() && output.complete);
    assert!(output.stdout.unwrap() == input, "what came out is not what went in");
}

/// What a call comes to that is begun again and again, and each time dropped after some turns, until one of them answers.
async fn cancelled_often<T>(call: &mut impl AsyncFnMut() -> T, chance: &mut Chance) -> T {
    let mut cancelled = 0;
    loop {
        let mut call = Box::pin(call());
        for _ in 0..=chance.below(4) {
            if let Poll::Ready(answer) = poll_once(&mut call).await {
                assert!(cancelled >= 20, "it was cancelled {cancelled} times");
                return answer;
            }
            turns(chance.below(3)).await;
        }
        cancelled += 1;
    }
}
