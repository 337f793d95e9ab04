//! Spawns that fail leave nothing behind in the host, which counts its descriptors.

use childproof_test_guests::sdk::Error;
use childproof_test_guests::{cause, run_piped};

childproof_test_guests::program!(guest);

fn guest() {
    let mut command = run_piped("interpreter-missing");
    for _ in 0..1_000 {
        assert_eq!(cause(command.spawn()), Error::InterpreterNotFound);
    }
}
