//! Any number of waits for one process, under way at once, answer its end.

use childproof_test_guests::raw::{self, StdinSource, Termination};

childproof_test_guests::program!(guest);

fn guest() {
    let command = raw::sh("read line; exit 6");
    command.stdin(StdinSource::Piped);
    let process = command.spawn().unwrap();
    // The process waits for its input.
    let statuses = raw::wait_at_once(&process, 50, || drop(raw::take_stdin(&process)));
    assert_eq!(statuses.len(), 50);
    for status in statuses {
        assert!(matches!(status.termination, Termination::Exited(6)));
    }
}
