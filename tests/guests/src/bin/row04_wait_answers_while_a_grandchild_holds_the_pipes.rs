//! `wait` answers at the exit of the process, not at the end of its pipes.

use childproof_test_guests::raw::{self, StdoutTarget, StreamError, Termination};

fn main() {
    let command = raw::sh("sleep 1000 & exit 3");
    command.stdout(StdoutTarget::Piped);
    let process = command.spawn().unwrap();
    let stdout = process.take_stdout().unwrap();

    assert!(matches!(process.wait().unwrap().termination, Termination::Exited(3)));
    assert!(!stdout.subscribe().ready(), "the grandchild holds the pipe open");

    drop(process);
    assert!(matches!(stdout.blocking_read(1), Err(StreamError::Closed)), "the grandchild went with the process");
}
