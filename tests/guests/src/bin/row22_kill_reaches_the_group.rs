//! Killing a process kills what it started and left in its group.

use std::io::Read;
use std::time::Duration;

use childproof_test_guests::sdk::Stdio;
use childproof_test_guests::{sdk, sh};

childproof_test_guests::program!(guest);

fn guest() {
    let kills: [fn(&mut sdk::Child); 2] = [
        |child| child.kill().unwrap(),
        |child| assert_eq!(child.stop(Duration::ZERO).unwrap().by, sdk::StoppedBy::Kill),
    ];
    for kill in kills {
        let mut command = sh("trap '' TERM; sleep 1000 & sleep 1000 & echo started; wait");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 8]).unwrap();
        kill(&mut child);
        // The pipe is at its end once all of them are gone.
        assert_eq!(stdout.read(&mut [0; 1]).unwrap(), 0);
    }
}
