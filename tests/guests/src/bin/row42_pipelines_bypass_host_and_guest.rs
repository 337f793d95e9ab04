//! `a | b | c` passes the pipes on: none of the bytes is counted as read by the host.

use childproof_test_guests::sdk::Stdio;
use childproof_test_guests::{run, sdk, sh};

const SIZE: usize = 32 << 20;

childproof_test_guests::program!(guest);

fn guest() {
    // A limit of one byte would end the process if the host read its output.
    let mut a = sh(&format!("head -c {SIZE} /dev/zero"))
        .stdout(Stdio::piped())
        .output_limit(1)
        .spawn()
        .unwrap();
    let mut b = run("cat")
        .stdin(a.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .output_limit(1)
        .spawn()
        .unwrap();
    let c = run("wc")
        .arg("-c")
        .stdin(b.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = c.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), SIZE.to_string());
    assert!(output.status.success());
    assert!(a.wait().unwrap().success(), "a was ended for its output");
    assert!(b.wait().unwrap().success(), "b was ended for its output");

    // The end of the reader reaches the writer.
    let mut a = run("yes").stdout(Stdio::piped()).spawn().unwrap();
    let b = sh("head -n 2")
        .stdin(a.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(b.wait_with_output().unwrap().stdout, b"y\ny\n");
    assert_eq!(a.wait().unwrap().signal(), Some(sdk::Signal::Pipe));
}
