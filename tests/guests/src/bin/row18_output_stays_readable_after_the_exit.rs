//! What a process wrote before it ended can be read afterwards, even when its handle is gone.

use std::io::Read;

use childproof_test_guests::{piped, raw};

childproof_test_guests::program!(guest);

fn guest() {
    let mut child = piped("echo out; echo err >&2").spawn().unwrap();
    assert!(child.wait().unwrap().success());
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    drop(child);
    stderr.read_to_string(&mut text).unwrap();
    assert_eq!(text, "out\nerr\n");

    let mut child = piped("echo out; echo err >&2").spawn().unwrap();
    child.wait().unwrap();
    let output = child.communicate(b"").unwrap();
    assert_eq!(
        (output.stdout.unwrap(), output.stderr.unwrap()),
        (b"out\n".to_vec(), b"err\n".to_vec())
    );

    let command = raw::sh("echo out; echo err >&2");
    raw::pipe_stdout(&command);
    raw::pipe_stderr(&command);
    let process = command.spawn().unwrap();
    raw::wait(&process).unwrap();
    let output = raw::communicate(&process, raw::DEFAULTS).unwrap();
    assert_eq!(
        (output.stdout.unwrap(), output.stderr.unwrap()),
        (b"out\n".to_vec(), b"err\n".to_vec())
    );
}
