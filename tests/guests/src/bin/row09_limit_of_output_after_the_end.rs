//! What a process left behind is held to the limit of its output, too, and ended at it.

use std::io::{Read, Write};

use childproof_test_guests::sdk::Stdio;
use childproof_test_guests::{piped, printed, raw};

const LITTLE: u64 = 1_000;

fn hosted(script: &str, limit: u64) -> raw::Process {
    let command = raw::sh(script);
    raw::pipe_stdout(&command);
    command.output_limit(limit);
    command.spawn().unwrap()
}

childproof_test_guests::program!(guest);

fn guest() {
    // All of the tree holds the pipe of its stdin.
    const SCRIPT: &str = "exec 3<&0; { read line < gate; yes; } & exit 0";
    printed("mkfifo gate");
    let mut command = piped(SCRIPT);
    command.stdin(Stdio::piped()).output_limit(LITTLE);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    assert!(child.wait().unwrap().success());
    printed("echo > gate");
    let mut output = Vec::new();
    let error = child.stdout.take().unwrap().read_to_end(&mut output).unwrap_err();
    assert_eq!(output.len() as u64, LITTLE, "{error}");
    // This fails once nothing of the tree is left to read it.
    while stdin.write(&[0; 4096]).is_ok() {}

    // The cap of the call may be the same as the limit.
    let capped = raw::CommunicateOptions {
        output_limit: Some(LITTLE),
        ..raw::DEFAULTS
    };
    for options in [raw::DEFAULTS, capped] {
        let process = hosted(SCRIPT, LITTLE);
        assert!(matches!(raw::wait(&process).unwrap().ended_by, raw::EndedBy::Itself));
        printed("echo > gate");
        let output = raw::communicate(&process, options).unwrap();
        assert!(matches!(output.status.ended_by, raw::EndedBy::Itself));
        assert!(!output.complete);
        assert_eq!(output.stdout.unwrap().len() as u64, LITTLE);
    }

    let spawn = || {
        let mut child = piped(SCRIPT).output_limit(LITTLE).spawn().unwrap();
        assert!(child.wait().unwrap().success());
        printed("echo > gate");
        child
    };
    let output = spawn().communicate(b"").unwrap();
    assert!(output.status.success() && !output.complete);
    assert_eq!(output.stdout.unwrap().len() as u64, LITTLE);
    // What answers no more than std does cannot say that something is missing.
    spawn().wait_with_output().unwrap_err();
}
