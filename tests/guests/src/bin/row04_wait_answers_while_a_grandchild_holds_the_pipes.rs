//! `wait` answers at the exit of the process, not at the end of its pipes.

use childproof_test_guests::raw::{self, Termination};

childproof_test_guests::program!(guest);

fn guest() {
    let command = raw::sh("sleep 1000 & exit 3");
    raw::pipe_stdout(&command);
    let process = command.spawn().unwrap();
    let mut stdout = raw::take_stdout(&process).unwrap();

    assert!(matches!(
        raw::wait(&process).unwrap().termination,
        Termination::Exited(3)
    ));
    assert!(stdout.is_silent(), "the grandchild holds the pipe open");

    drop(process);
    assert!(stdout.is_at_end(), "the grandchild went with the process");
}
