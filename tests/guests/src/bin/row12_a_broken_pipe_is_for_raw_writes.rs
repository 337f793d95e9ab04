//! A process that does not read its input breaks a raw write, and no `communicate`.

use std::io::{ErrorKind, Read, Write};

use childproof_test_guests::sdk::{CommunicateOptions, Stdio};
use childproof_test_guests::{pattern, sh};

childproof_test_guests::program!(guest);

fn guest() {
    let deaf = || {
        let mut command = sh("exec <&-; echo deaf");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    };
    let input = pattern(4 << 20);

    let mut child = deaf().spawn().unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "deaf\n");
    let mut stdin = child.stdin.take().unwrap();
    let error = stdin.write_all(&input).and_then(|()| stdin.flush()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert!(child.wait().unwrap().success());

    let output = deaf().spawn().unwrap().communicate(&input).unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout.unwrap(), b"deaf\n");

    let output = deaf()
        .spawn_hosted()
        .unwrap()
        .communicate(Some(&input), &CommunicateOptions::new())
        .unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout.unwrap(), b"deaf\n");
}
