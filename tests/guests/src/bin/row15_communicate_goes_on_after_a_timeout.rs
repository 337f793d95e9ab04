//! A `communicate` that timed out loses nothing: what it read and what it had still to send is for the next call.

use std::time::Duration;

use childproof_test_guests::sdk::{CommunicateOptions, Error, Stdio};
use childproof_test_guests::{cause, invalid, pattern, printed, sh};

childproof_test_guests::program!(guest);

fn guest() {
    printed("mkfifo gate");
    let input = pattern(4 << 20);
    let mut expected = b"first\n".to_vec();
    expected.extend(&input);
    let mut gated = sh("echo first; read line < gate; exec cat");
    gated.stdin(Stdio::piped()).stdout(Stdio::piped());
    let short = CommunicateOptions::new().timeout(Duration::from_millis(50));

    let mut child = gated.spawn().unwrap();
    assert_eq!(cause(child.communicate_with(&input, &short)), Error::TimedOut);
    assert_eq!(cause(child.communicate_with(b"", &short)), Error::TimedOut);
    assert_eq!(invalid(child.communicate(b"more")), "input");
    assert_eq!(child.try_wait().unwrap(), None, "a timeout does not end the process");
    printed("echo > gate");
    let output = child.communicate(b"").unwrap();
    assert!(output.status.success());
    assert!(output.stdout.unwrap() == expected);

    let mut child = gated.spawn_hosted().unwrap();
    assert_eq!(cause(child.communicate(Some(&input), &short)), Error::TimedOut);
    assert_eq!(cause(child.communicate(None, &short)), Error::TimedOut);
    assert_eq!(invalid(child.communicate(Some(b"more"), &short)), "input");
    printed("echo > gate");
    let output = child.communicate(None, &CommunicateOptions::new()).unwrap();
    assert!(output.status.success());
    assert!(output.stdout.unwrap() == expected);
}
