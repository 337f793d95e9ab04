//! Hundreds of calls of `wait` are under way on one process: those that are cancelled change nothing for the others, which
//! all get the status. A call that begins after the end answers at once.

use std::task::Poll;

use childproof_test_guests::asynchronous::{poll_once, read_line, stdin_of, turns, write_all};
use childproof_test_guests::raw::{EndedBy, ExitStatus, StdinSource, StdoutTarget, Termination, sh};
use futures_util::future::join_all;

const WAITERS: usize = 600;

childproof::main!(run);

async fn run() {
    let command = sh("echo up; read -r line; exit 7");
    command.stdin(StdinSource::Piped);
    command.stdout(&StdoutTarget::Piped);
    let process = command.spawn().unwrap();
    let (mut stdin, _ending) = stdin_of(&process);
    let (mut stdout, _) = process.take_stdout().unwrap();

    let mut waiters: Vec<_> = (0..WAITERS).map(|_| Box::pin(process.wait())).collect();
    for waiter in &mut waiters {
        assert!(poll_once(waiter).await.is_pending());
    }
    // The cancelled ones lie between those that go on, and are cancelled in both orders.
    let mut number = 0;
    waiters.retain(|_| {
        number += 1;
        number % 3 != 0
    });
    while waiters.len() > WAITERS / 2 {
        waiters.pop();
    }
    assert_eq!(read_line(&mut stdout).await, "up");
    for waiter in &mut waiters {
        assert!(poll_once(waiter).await.is_pending(), "it has not ended");
    }

    write_all(&mut stdin, "end\n").await;
    let status = Ok(ExitStatus {
        termination: Termination::Exited(7),
        ended_by: EndedBy::Itself,
    });
    let told = join_all(waiters).await;
    assert_eq!(told.len(), WAITERS / 2);
    assert!(told.iter().all(|told| same(told, &status)), "{told:?}");

    for _ in 0..10 {
        match poll_once(&mut Box::pin(process.wait())).await {
            Poll::Ready(told) => assert!(same(&told, &status), "{told:?}"),
            Poll::Pending => panic!("it has ended and a wait waits"),
        }
        turns(1).await;
    }
    assert!(same(&process.try_wait().map(Option::unwrap), &status));
}

fn same(
    one: &Result<ExitStatus, childproof_test_guests::raw::Error>,
    other: &Result<ExitStatus, childproof_test_guests::raw::Error>,
) -> bool {
    format!("{one:?}") == format!("{other:?}")
}
