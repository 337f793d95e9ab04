//! Dropping a confined process kills what it started, whatever that did to get away.

use std::io::Read;

use childproof_test_guests::with_daemon;

childproof_test_guests::program!(guest);

fn guest() {
    let (child, mut stdout) = with_daemon();
    drop(child);
    assert_eq!(stdout.read(&mut [0; 1]).unwrap(), 0);
}
