//! What is no grant is unknown, a path of a program that is there included.

use childproof::Error;
use childproof_test_guests::{cause, raw, run};

fn main() {
    for name in ["git", "shh", "SH", "", ".", "/bin/sh", "./sh", "../bin/sh", "sh ", "sh\n", "/bin/../bin/sh"] {
        assert_eq!(cause(run(name).spawn()), Error::UnknownGrant(name.to_owned()));
    }
    assert!(matches!(raw::Command::new("sh\0").spawn(), Err(raw::Error::UnknownGrant(_))));
    // A name that fills the guest's memory does not fill the answer.
    let long = "x".repeat(1 << 20);
    match raw::Command::new(&long).spawn() {
        Err(raw::Error::UnknownGrant(name)) => assert!(name.len() < 1_000, "{} bytes", name.len()),
        _ => panic!("a long name is no grant"),
    }
}
