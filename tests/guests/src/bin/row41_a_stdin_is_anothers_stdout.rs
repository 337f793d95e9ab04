//! The input of a process that runs already can be another's output.

use std::io::Write;

use childproof_test_guests::raw::{self, StdinSource};
use childproof_test_guests::sdk::Stdio;
use childproof_test_guests::{invalid, run, sh};

/// Whether the guest may write to it before. In WASI 0.3 it is the process that is named and not its stream, so that is
/// either the guest's or the other process's.
const WRITES_BEFORE: bool = cfg!(feature = "p2");

childproof_test_guests::program!(guest);

fn guest() {
    let mut sink = run("cat");
    let sink = sink.stdin(Stdio::piped()).stdout(Stdio::piped());

    let mut reader = sink.spawn().unwrap();
    let mut stdin = reader.stdin.take().unwrap();
    let before = if WRITES_BEFORE { "from the guest\n" } else { "" };
    stdin.write_all(before.as_bytes()).unwrap();
    stdin.flush().unwrap();
    // The command lives on and holds the pipe no longer: then the reader would not see its end.
    let mut command = sh("echo from a process");
    let mut writer = command.stdout(stdin).spawn().unwrap();
    assert!(writer.wait().unwrap().success());
    let output = reader.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("{before}from a process\n"),
        "its end closed the pipe"
    );
    drop(command);
    if !WRITES_BEFORE {
        let mut reader = sink.spawn().unwrap();
        let mut stdin = reader.stdin.take().unwrap();
        stdin.write_all(b"from the guest\n").unwrap();
        assert_eq!(invalid(sh("exit 0").stdout(stdin).spawn()), "stdout");
    }

    let mut reader = sink.spawn().unwrap();
    let mut command = sh("echo error >&2");
    let mut writer = command.stderr(reader.stdin.take().unwrap()).spawn().unwrap();
    assert!(writer.wait().unwrap().success());
    assert_eq!(reader.wait_with_output().unwrap().stdout, b"error\n");
    drop(command);

    for field in ["stdout", "stderr"] {
        let idle = raw::Command::new("sleep");
        idle.arg("1000");
        idle.stdin(StdinSource::Piped);
        let idle = idle.spawn().unwrap();
        let stdin = raw::take_stdin(&idle).unwrap();
        let command = raw::sh("exit 0");
        give(&command, field, &idle, stdin);
        match command.spawn() {
            Err(raw::Error::InvalidArgument(problem)) => {
                assert_eq!(problem.field, field);
                assert!(problem.message.contains(REASON), "{problem:?}");
            }
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("the guest has not let go of the stream"),
        }
    }
}

/// Bytes that are not written yet would come behind those of the process.
#[cfg(feature = "p2")]
const REASON: &str = "flush";

#[cfg(feature = "p2")]
fn give(command: &raw::Command, field: &str, _: &raw::Process, mut stdin: raw::Stdin) {
    stdin.fill(&vec![b'x'; 8 << 20]);
    match field {
        "stdout" => command.stdout(stdin.into_stdout()),
        _ => command.stderr(stdin.into_stderr()),
    }
}

/// What the guest has taken cannot be given.
#[cfg(feature = "p3")]
const REASON: &str = "taken";

#[cfg(feature = "p3")]
fn give(command: &raw::Command, field: &str, process: &raw::Process, _stdin: raw::Stdin) {
    match field {
        "stdout" => command.stdout(&raw::StdoutTarget::StdinOf(process)),
        _ => command.stderr(&raw::StderrTarget::StdinOf(process)),
    }
}
