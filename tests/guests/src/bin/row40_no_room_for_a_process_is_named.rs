//! A system that has no process, or no memory, left for another one says which of them it lacks.

use childproof_test_guests::sdk::Error;
use childproof_test_guests::{cause, run};

childproof_test_guests::program!(guest);

fn guest() {
    let expected = match std::env::args().nth(1).as_deref() {
        Some("process") => Error::TooManyProcesses,
        Some("memory") => Error::OutOfMemory,
        other => panic!("{other:?}"),
    };
    for _ in 0..3 {
        assert_eq!(cause(run("true").spawn()), expected);
    }
}
