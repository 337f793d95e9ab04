//! Spawns that fail leave nothing behind in the host, which counts its descriptors.

use childproof::Error;
use childproof_test_guests::{cause, run_piped};

fn main() {
    let mut command = run_piped("interpreter-missing");
    for _ in 0..1_000 {
        assert_eq!(cause(command.spawn()), Error::InterpreterNotFound);
    }
}
