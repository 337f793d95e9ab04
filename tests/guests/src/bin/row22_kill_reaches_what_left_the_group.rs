//! Killing a confined process kills what it started, whatever that did to get away.

use std::io::Read;
use std::time::Duration;

use childproof_test_guests::{sdk, with_daemon};

childproof_test_guests::program!(guest);

fn guest() {
    let kills: [fn(&mut sdk::Child); 2] = [
        |child| child.kill().unwrap(),
        |child| {
            child.stop(Duration::ZERO).unwrap();
        },
    ];
    for kill in kills {
        let (mut child, mut stdout) = with_daemon();
        kill(&mut child);
        // The pipe is at its end once all of them are gone.
        assert_eq!(stdout.read(&mut [0; 1]).unwrap(), 0);
    }
}
