//! Dropping a process kills it and what it started.

use std::io::Read;

use childproof_test_guests::sdk::Stdio;
use childproof_test_guests::sh;

childproof_test_guests::program!(guest);

fn guest() {
    let mut command = sh("sleep 1000 & echo started; wait");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 8]).unwrap();
    drop(child);
    assert_eq!(stdout.read(&mut [0; 1]).unwrap(), 0);
}
