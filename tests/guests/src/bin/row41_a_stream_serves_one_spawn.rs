//! The stream of another process serves the first spawn that succeeds, and no second one.

use childproof_test_guests::raw::{self, Termination};
use childproof_test_guests::sdk::{Command, Error, Stdio};
use childproof_test_guests::{cause, invalid, refused, run, sh};

childproof_test_guests::program!(guest);

fn guest() {
    let first = raw::sh("echo text");
    raw::pipe_stdout(&first);
    let first = first.spawn().unwrap();
    let second = raw::Command::new("cat");
    second.stdin(raw::take_stdout(&first).unwrap().into_stdin());
    raw::pipe_stdout(&second);
    let process = second.spawn().unwrap();
    assert_eq!(
        raw::communicate(&process, raw::DEFAULTS).unwrap().stdout.unwrap(),
        b"text\n"
    );
    match second.spawn() {
        Err(raw::Error::InvalidArgument(problem)) => assert_eq!(problem.field, "stdin"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("the stream is used up"),
    }
    assert!(matches!(raw::wait(&first).unwrap().termination, Termination::Exited(0)));

    // A spawn that fails leaves the stream for the next.
    let mut writer = sh("echo text").stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = run("cat");
    reader
        .current_dir("/data/later")
        .stdin(writer.stdout.take().unwrap())
        .stdout(Stdio::piped());
    assert_eq!(cause(reader.spawn()), Error::DirectoryNotFound);
    std::fs::create_dir("/data/later").unwrap();
    let output = reader.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.stdout, b"text\n");
    assert!(writer.wait().unwrap().success());

    // So does one that another stream of the same command is in the way of.
    let text = || sh("echo text").stdout(Stdio::piped()).spawn().unwrap();
    let (mut writer, mut other) = (text(), text());
    let mut reader = run("cat");
    reader.stdin(writer.stdout.take().unwrap());
    reader.stdout(other.stdout.take().unwrap());
    assert_eq!(invalid(reader.spawn()), "stdout");
    let output = reader.stdout(Stdio::piped()).output().unwrap();
    assert_eq!(output.stdout, b"text\n");

    // And one that a variable is in the way of, which is then taken back.
    for take_back in [
        |reader: &mut Command| _ = reader.env_remove("NOT_GRANTED"),
        |reader: &mut Command| _ = reader.env_clear(),
    ] {
        let mut writer = text();
        let mut reader = run("cat");
        reader.env("NOT_GRANTED", "1").stdin(writer.stdout.take().unwrap());
        assert_eq!(refused(reader.spawn()), "env NOT_GRANTED");
        take_back(&mut reader);
        let output = reader.stdout(Stdio::piped()).output().unwrap();
        assert_eq!(output.stdout, b"text\n");
    }
}
