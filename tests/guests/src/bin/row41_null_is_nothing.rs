//! A null stream has nothing to read and takes what is written.

use childproof_test_guests::{printed, raw, sh};

fn main() {
    assert_eq!(printed("cat; echo $?"), "0\n");
    let mut silent = sh("echo out && echo err >&2 && head -c 10000000 /dev/zero");
    assert!(silent.status().unwrap().success());

    // It is what a command has that nothing was said about.
    let process = raw::sh("cat && echo out && echo err >&2").spawn().unwrap();
    assert!(process.take_stdin().is_none() && process.take_stdout().is_none() && process.take_stderr().is_none());
    assert!(matches!(process.wait().unwrap().termination, raw::Termination::Exited(0)));
}
