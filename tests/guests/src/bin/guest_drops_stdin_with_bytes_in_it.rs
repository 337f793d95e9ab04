//! What a stream accepted arrives, also when it is dropped at once.

use std::io::Write;

use childproof_test_guests::raw::{self, StdinSource, Termination};
use childproof_test_guests::sdk::Stdio;
use childproof_test_guests::{pattern, printed, sh};

childproof_test_guests::program!(guest);

fn guest() {
    printed("mkfifo gate");
    // The reader begins when the gate opens: until then the pipe takes what it can hold, and in WASI 0.2 the stream one write more.
    let command = raw::sh("read line < gate; exec cat");
    command.stdin(StdinSource::Piped);
    raw::pipe_stdout(&command);
    let process = command.spawn().unwrap();
    let mut stdin = raw::take_stdin(&process).unwrap();
    let bytes = pattern(8 << 20);
    let accepted = stdin.fill(&bytes);
    assert!(accepted >= 64 << 10);
    drop(stdin);
    printed("echo > gate");
    let output = raw::communicate(&process, raw::DEFAULTS).unwrap();
    assert!(matches!(output.status.termination, Termination::Exited(0)));
    assert!(
        output.stdout.unwrap() == bytes[..accepted],
        "what was accepted did not arrive"
    );

    // The same through the SDK, half a MiB at once.
    let mut command = sh("exec wc -c");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&bytes[..512 << 10]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        (512 << 10).to_string()
    );
}
