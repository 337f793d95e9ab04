//! A program that somebody holds open for writing is busy, not broken.

use childproof::Error;
use childproof_test_guests::{cause, run};

fn main() {
    assert_eq!(cause(run("busy").spawn()), Error::ProgramBusy);
    assert!(run("true").status().unwrap().success());
}
