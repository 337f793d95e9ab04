//! A status that somebody else on the host collected is an error, never a code.

use childproof_test_guests::sdk::{CommunicateOptions, Error, Signal};
use childproof_test_guests::{cause, sh};

childproof_test_guests::program!(guest);

fn guest() {
    for script in ["exit 0", "exit 7", "kill -TERM $$"] {
        let mut child = sh(script).spawn().unwrap();
        for _ in 0..2 {
            assert_eq!(cause(child.wait()), Error::StatusLost);
            assert_eq!(cause(child.try_wait()), Error::StatusLost);
        }
        assert_eq!(cause(child.send_signal(Signal::Term)), Error::NoSuchProcess);
        child.terminate().unwrap();
        child.kill().unwrap();
    }
    // It cannot be had in passing, either.
    assert_eq!(cause(sh("exit 0").status()), Error::StatusLost);
    let mut hosted = sh("exit 0").spawn_hosted().unwrap();
    assert_eq!(
        cause(hosted.communicate(None, &CommunicateOptions::new())),
        Error::StatusLost
    );
}
