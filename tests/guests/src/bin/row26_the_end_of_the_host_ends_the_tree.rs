//! What a confined process started ends with the host, which is killed while this guest waits.

use childproof_test_guests::daemon_starter;
use childproof_test_guests::sdk::Stdio;

childproof_test_guests::program!(guest);

fn guest() {
    let mut child = daemon_starter()
        .stdin(Stdio::piped())
        .stdout(Stdio::inherit())
        .spawn()
        .unwrap();
    // Its input does not end, and so it does not, either.
    let _input = child.stdin.take();
    panic!("it ended: {:?}", child.wait());
}
