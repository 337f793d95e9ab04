//! What a stream accepted arrives, also when it is dropped at once.

use std::io::Write;

use childproof::Stdio;
use childproof_test_guests::raw::{self, StdinSource, StdoutTarget, Termination};
use childproof_test_guests::{pattern, printed, sh};

fn main() {
    printed("mkfifo gate");
    // The reader begins when the gate opens: until then the pipe takes what it can hold, and the stream one write more.
    let command = raw::sh("read line < gate; exec cat");
    command.stdin(StdinSource::Piped);
    command.stdout(StdoutTarget::Piped);
    let process = command.spawn().unwrap();
    let stdin = process.take_stdin().unwrap();
    let bytes = pattern(8 << 20);
    let mut accepted = 0;
    loop {
        let permit = stdin.check_write().unwrap() as usize;
        if permit == 0 {
            break;
        }
        stdin.write(&bytes[accepted..accepted + permit]).unwrap();
        accepted += permit;
    }
    assert!(accepted >= 64 << 10);
    drop(stdin);
    printed("echo > gate");
    let output = process.communicate(None, raw::DEFAULTS).unwrap();
    assert!(matches!(output.status.termination, Termination::Exited(0)));
    assert!(output.stdout.unwrap() == bytes[..accepted], "what was accepted did not arrive");

    // The same through the SDK, half a MiB at once.
    let mut command = sh("read line < gate; exec wc -c");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&bytes[..512 << 10]).unwrap();
    printed("echo > gate");
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), (512 << 10).to_string());
}
