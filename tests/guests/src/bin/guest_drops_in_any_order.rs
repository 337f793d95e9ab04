//! A process, its streams and what tells of them can be dropped in any order, alive or ended.

use childproof_test_guests::orders;
use childproof_test_guests::raw::{self, Command, StdinSource};

childproof_test_guests::program!(guest);

fn guest() {
    for ended in [false, true] {
        for order in orders(5) {
            let command = Command::new("cat");
            command.stdin(StdinSource::Piped);
            raw::pipe_stdout(&command);
            raw::pipe_stderr(&command);
            let process = command.spawn().unwrap();
            if ended {
                process.kill().unwrap();
                raw::wait(&process).unwrap();
            }
            let mut parts = raw::parts(process).map(Some);
            for part in order {
                drop(parts[part].take());
            }
        }
    }
}
