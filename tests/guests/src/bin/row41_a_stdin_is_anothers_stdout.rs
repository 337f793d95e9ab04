//! The input of a process that runs already can be another's output.

use std::io::Write;

use childproof::Stdio;
use childproof_test_guests::{run, sh};

fn main() {
    let mut sink = run("cat");
    let sink = sink.stdin(Stdio::piped()).stdout(Stdio::piped());

    let mut reader = sink.spawn().unwrap();
    let mut stdin = reader.stdin.take().unwrap();
    stdin.write_all(b"from the guest\n").unwrap();
    stdin.flush().unwrap();
    let mut writer = sh("echo from a process").stdout(stdin).spawn().unwrap();
    assert!(writer.wait().unwrap().success());
    let output = reader.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"from the guest\nfrom a process\n", "its end closed the pipe");

    let mut reader = sink.spawn().unwrap();
    let mut writer = sh("echo error >&2").stderr(reader.stdin.take().unwrap()).spawn().unwrap();
    assert!(writer.wait().unwrap().success());
    assert_eq!(reader.wait_with_output().unwrap().stdout, b"error\n");
}
