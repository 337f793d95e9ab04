//! Any number of pollables of one process become ready at its end, and its status is there for each.

use childproof_test_guests::raw::{self, Pollable, StdinSource, Termination, poll};

fn main() {
    let command = raw::sh("read line; exit 6");
    command.stdin(StdinSource::Piped);
    let process = command.spawn().unwrap();
    let waiters: Vec<Pollable> = (0..50).map(|_| process.subscribe()).collect();
    let waiters: Vec<&Pollable> = waiters.iter().collect();
    assert!(waiters.iter().all(|waiter| !waiter.ready()), "the process waits for its input");

    drop(process.take_stdin());
    assert!(!poll(&waiters).is_empty());
    assert_eq!(poll(&waiters).len(), waiters.len(), "what is ready once is ready for all");
    for waiter in waiters {
        waiter.block();
        assert!(matches!(process.try_wait().unwrap().unwrap().termination, Termination::Exited(6)));
    }
    // One that is made after the end is ready, too.
    assert!(process.subscribe().ready());
}
