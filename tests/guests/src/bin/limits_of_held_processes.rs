//! A process that ended and is still held takes a place, and so does a stream of one.

use childproof_test_guests::sdk::{Child, Error, Quota, Stdio};
use childproof_test_guests::{cause, run, run_piped};

const FULL: Error = Error::QuotaExceeded(Quota::HeldProcesses);

childproof_test_guests::program!(guest);

fn guest() {
    let ended = || {
        let mut child = run("true").stdout(Stdio::piped()).spawn().unwrap();
        child.wait().unwrap();
        child
    };
    let mut held: Vec<Child> = (0..4).map(|_| ended()).collect();
    assert_eq!(cause(run("true").spawn()), FULL);
    let stdout = held[0].stdout.take().unwrap();
    drop(held.pop());
    held.push(ended());
    assert_eq!(cause(run("true").spawn()), FULL);

    drop(held);
    let mut held: Vec<Child> = (0..3).map(|_| ended()).collect();
    assert_eq!(cause(run("true").spawn()), FULL, "the stream holds the fourth");
    // To pass it on is to hold it no longer.
    drop(held.pop());
    let mut reader = run_piped("cat").stdin(stdout).spawn().unwrap();
    reader.wait().unwrap();
    held.push(ended());
    assert_eq!(cause(run("true").spawn()), FULL);
    drop(reader);
    held.push(ended());
}
