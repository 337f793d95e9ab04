//! A null stream has nothing to read and takes what is written.

use childproof_test_guests::{printed, raw, sh};

childproof_test_guests::program!(guest);

fn guest() {
    assert_eq!(printed("cat; echo $?"), "0\n");
    let mut silent = sh("echo out && echo err >&2 && head -c 10000000 /dev/zero");
    assert!(silent.status().unwrap().success());

    // It is what a command has that nothing was said about.
    let process = raw::sh("cat && echo out && echo err >&2").spawn().unwrap();
    assert!(raw::take_stdin(&process).is_none());
    assert!(raw::take_stdout(&process).is_none() && raw::take_stderr(&process).is_none());
    assert!(matches!(
        raw::wait(&process).unwrap().termination,
        raw::Termination::Exited(0)
    ));
}
