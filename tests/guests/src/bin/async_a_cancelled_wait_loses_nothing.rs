//! A call of `wait` that is cancelled has changed nothing: not before the end, not after it, and not at the same moment.

use childproof_test_guests::asynchronous::{cat, poll_once, stdin_of, turns};
use childproof_test_guests::raw::Termination;
use futures_util::future::{Either, select};

childproof::main!(run);

async fn run() {
    // Cancelled before it was polled, at once, and after the host had its turn.
    for rounds in 0..50 {
        let process = cat();
        let (stdin, _ending) = stdin_of(&process);
        let (mut stdout, _) = process.take_stdout().unwrap();
        for turn in 0..rounds % 4 {
            let mut wait = Box::pin(process.wait());
            assert!(poll_once(&mut wait).await.is_pending());
            turns(turn).await;
        }
        drop(process.wait());

        // It ends while one waits for something else.
        let mut wait = Box::pin(process.wait());
        assert!(poll_once(&mut wait).await.is_pending());
        drop(stdin);
        let (_, read) = match select(wait, Box::pin(stdout.read(Vec::with_capacity(1)))).await {
            Either::Left((status, read)) => {
                assert!(matches!(status.unwrap().termination, Termination::Exited(0)));
                read.await
            }
            Either::Right((read, wait)) => {
                turns(rounds % 3).await;
                drop(wait);
                read
            }
        };
        assert!(read.is_empty());

        for _ in 0..2 {
            let status = process.wait().await.unwrap();
            assert!(matches!(status.termination, Termination::Exited(0)), "{status:?}");
            assert!(process.try_wait().unwrap().is_some());
        }
    }
}
