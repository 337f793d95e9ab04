//! To an ended process `terminate` and `kill` succeed, and a signal says that there is nobody to get it.

use childproof_test_guests::sdk::{Error, Signal};
use childproof_test_guests::{cause, sh, sleeper};

childproof_test_guests::program!(guest);

fn guest() {
    let mut exited = sh("exit 2").spawn().unwrap();
    let mut killed = sleeper();
    killed.kill().unwrap();
    for child in [&mut exited, &mut killed] {
        let status = child.wait().unwrap();
        child.terminate().unwrap();
        child.kill().unwrap();
        for signal in [Signal::Term, Signal::Kill, Signal::Usr1] {
            assert_eq!(cause(child.send_signal(signal)), Error::NoSuchProcess);
        }
        assert_eq!(child.wait().unwrap(), status, "nothing of this changed how it ended");
    }
}
