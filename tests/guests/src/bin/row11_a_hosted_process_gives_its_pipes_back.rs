//! The pipes that the host holds for `communicate` can be had instead, unless it has begun with them.

use std::io::{Read, Write};
use std::time::Duration;

use childproof_test_guests::sdk::{CommunicateOptions, Error, Signal};
use childproof_test_guests::{cause, run_piped};

childproof_test_guests::program!(guest);

fn guest() {
    let mut child = run_piped("cat").spawn_hosted().unwrap().into_child();
    assert!(child.stderr.is_some());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"text").unwrap();
    let mut text = [0; 4];
    child.stdout.as_mut().unwrap().read_exact(&mut text).unwrap();
    assert_eq!(&text, b"text");
    stdin.write_all(b"more").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, b"more");

    let mut sleep = run_piped("sleep");
    let mut hosted = sleep.arg("1000").spawn_hosted().unwrap();
    let short = CommunicateOptions::new().timeout(Duration::from_millis(20));
    assert_eq!(cause(hosted.communicate(None, &short)), Error::TimedOut);
    let mut child = hosted.into_child();
    assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
    assert_eq!(child.try_wait().unwrap(), None, "it is the same process");
    child.terminate().unwrap();
    assert_eq!(
        child.wait().unwrap().signal(),
        Some(Signal::Term),
        "nothing else ended it"
    );
}
