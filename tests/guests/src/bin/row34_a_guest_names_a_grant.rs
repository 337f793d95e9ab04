//! What is no grant is unknown, a path of a program that is there included.

use childproof_test_guests::sdk::Error;
use childproof_test_guests::{cause, raw, run};

childproof_test_guests::program!(guest);

fn guest() {
    for name in [
        "git",
        "shh",
        "SH",
        "",
        ".",
        "/bin/sh",
        "./sh",
        "../bin/sh",
        "sh ",
        "sh\n",
        "/bin/../bin/sh",
    ] {
        match cause(run(name).spawn()) {
            Error::UnknownGrant(message) => assert!(message.contains(name.trim_end()), "{message}"),
            other => panic!("{name:?}: {other:?}"),
        }
    }
    match raw::Command::new("sh\0").spawn() {
        Err(raw::Error::InvalidArgument(problem)) => assert_eq!(problem.field, "program"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("no process can be given a NUL"),
    }
    // A name that fills the guest's memory does not fill the answer.
    let long = "x".repeat(1 << 20);
    match raw::Command::new(&long).spawn() {
        Err(raw::Error::UnknownGrant(name)) => assert!(name.len() < 1_000, "{} bytes", name.len()),
        _ => panic!("a long name is no grant"),
    }
}
