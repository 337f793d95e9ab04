//! A program that somebody holds open for writing is busy, not broken.

use childproof_test_guests::sdk::Error;
use childproof_test_guests::{cause, run};

childproof_test_guests::program!(guest);

fn guest() {
    assert_eq!(cause(run("busy").spawn()), Error::ProgramBusy);
    assert!(run("true").status().unwrap().success());
}
