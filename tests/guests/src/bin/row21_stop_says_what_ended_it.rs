//! `stop` asks, waits for the grace period and kills, and says which of these it was.

use std::io::Read;
use std::time::Duration;

use childproof_test_guests::sdk::{EndedBy, Signal, Stdio, StoppedBy};
use childproof_test_guests::{PATIENCE, sh, sleeper};

childproof_test_guests::program!(guest);

fn guest() {
    let mut ended = sh("exit 3").spawn().unwrap();
    ended.wait().unwrap();
    let stopped = ended.stop(PATIENCE).unwrap();
    assert_eq!((stopped.by, stopped.status.code()), (StoppedBy::AlreadyEnded, Some(3)));

    let stopped = sleeper().stop(PATIENCE).unwrap();
    assert_eq!(stopped.by, StoppedBy::Terminate);
    assert_eq!(
        (stopped.status.signal(), stopped.status.ended_by()),
        (Some(Signal::Term), EndedBy::Guest)
    );

    let mut stubborn = sh("trap '' TERM; echo ready; exec sleep 1000");
    for grace in [Duration::ZERO, Duration::from_millis(20)] {
        let mut child = stubborn.stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0; 6]).unwrap();
        let stopped = child.stop(grace).unwrap();
        assert_eq!(stopped.by, StoppedBy::Kill);
        assert_eq!(
            (stopped.status.signal(), stopped.status.ended_by()),
            (Some(Signal::Kill), EndedBy::Guest)
        );
    }
}
