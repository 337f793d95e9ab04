//! The stream of another process serves the first spawn that succeeds, and no second one.

use childproof::{Error, Stdio};
use childproof_test_guests::raw::{self, StdinSource, StdoutTarget, Termination};
use childproof_test_guests::{cause, run, sh};

fn main() {
    let first = raw::sh("echo text");
    first.stdout(StdoutTarget::Piped);
    let first = first.spawn().unwrap();
    let second = raw::Command::new("cat");
    second.stdin(StdinSource::Stream(first.take_stdout().unwrap()));
    second.stdout(StdoutTarget::Piped);
    let process = second.spawn().unwrap();
    assert_eq!(process.communicate(None, raw::DEFAULTS).unwrap().stdout.unwrap(), b"text\n");
    match second.spawn() {
        Err(raw::Error::InvalidArgument(problem)) => assert_eq!(problem.field, "stdin"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("the stream is used up"),
    }
    assert!(matches!(first.wait().unwrap().termination, Termination::Exited(0)));

    // A spawn that fails leaves the stream for the next.
    let mut writer = sh("echo text").stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = run("cat");
    reader.current_dir("/data/later").stdin(writer.stdout.take().unwrap()).stdout(Stdio::piped());
    assert_eq!(cause(reader.spawn()), Error::DirectoryNotFound);
    std::fs::create_dir("/data/later").unwrap();
    let output = reader.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.stdout, b"text\n");
    assert!(writer.wait().unwrap().success());
}
