//! The input of a process that runs already can be another's output.

use std::io::Write;

use childproof::Stdio;
use childproof_test_guests::raw::{self, StderrTarget, StdinSource, StdoutTarget};
use childproof_test_guests::{run, sh};

fn main() {
    let mut sink = run("cat");
    let sink = sink.stdin(Stdio::piped()).stdout(Stdio::piped());

    let mut reader = sink.spawn().unwrap();
    let mut stdin = reader.stdin.take().unwrap();
    stdin.write_all(b"from the guest\n").unwrap();
    stdin.flush().unwrap();
    // The command lives on and holds the pipe no longer: then the reader would not see its end.
    let mut command = sh("echo from a process");
    let mut writer = command.stdout(stdin).spawn().unwrap();
    assert!(writer.wait().unwrap().success());
    let output = reader.wait_with_output().unwrap();
    assert_eq!(
        output.stdout, b"from the guest\nfrom a process\n",
        "its end closed the pipe"
    );
    drop(command);

    let mut reader = sink.spawn().unwrap();
    let mut command = sh("echo error >&2");
    let mut writer = command.stderr(reader.stdin.take().unwrap()).spawn().unwrap();
    assert!(writer.wait().unwrap().success());
    assert_eq!(reader.wait_with_output().unwrap().stdout, b"error\n");
    drop(command);

    // Bytes that are not written yet would come behind those of the process.
    for to in [
        |command: &raw::Command, stream| command.stdout(StdoutTarget::Stream(stream)),
        |command: &raw::Command, stream| command.stderr(StderrTarget::Stream(stream)),
    ] {
        let idle = raw::Command::new("sleep");
        idle.arg("1000");
        idle.stdin(StdinSource::Piped);
        let idle = idle.spawn().unwrap();
        let stdin = idle.take_stdin().unwrap();
        loop {
            match stdin.check_write().unwrap() {
                0 => break,
                permit => stdin.write(&vec![b'x'; permit as usize]).unwrap(),
            }
        }
        let command = raw::sh("exit 0");
        to(&command, stdin);
        match command.spawn() {
            Err(raw::Error::InvalidArgument(problem)) => assert!(problem.message.contains("flush"), "{problem:?}"),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("the stream holds bytes"),
        }
    }
}
