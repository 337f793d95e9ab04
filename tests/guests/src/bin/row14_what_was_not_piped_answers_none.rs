//! A stream that is no pipe answers none; a pipe that nothing was written to answers no bytes.

use childproof_test_guests::sdk::{CommunicateOptions, Stdio};
use childproof_test_guests::{cause, invalid, raw, sdk, sh};

childproof_test_guests::program!(guest);

fn guest() {
    let half = || {
        let mut command = sh("echo out; exit 0");
        command.stderr(Stdio::piped());
        command
    };
    let mut child = half().spawn().unwrap();
    assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_some());
    let output = child.communicate(b"").unwrap();
    assert_eq!((output.stdout, output.stderr), (None, Some(Vec::new())));

    let output = half()
        .spawn_hosted()
        .unwrap()
        .communicate(None, &CommunicateOptions::new())
        .unwrap();
    assert_eq!((output.stdout, output.stderr), (None, Some(Vec::new())));

    // There is no pipe for input to go into.
    assert_eq!(invalid(half().spawn().unwrap().communicate(b"x")), "input");
    let mut hosted = half().spawn_hosted().unwrap();
    let error = cause(hosted.communicate(Some(b"x"), &CommunicateOptions::new()));
    assert!(matches!(error, sdk::Error::InvalidArgument(problem) if problem.field == "input"));

    // A stream that was taken is not there a second time, for nobody.
    let command = raw::sh("echo out");
    raw::pipe_stdout(&command);
    let process = command.spawn().unwrap();
    assert!(raw::take_stdin(&process).is_none() && raw::take_stderr(&process).is_none());
    let taken = raw::take_stdout(&process);
    assert!(taken.is_some() && raw::take_stdout(&process).is_none());
    assert!(raw::communicate(&process, raw::DEFAULTS).unwrap().stdout.is_none());
}
