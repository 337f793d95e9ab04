//! What one process writes is what another reads: by the stream of the one or the process of the other, with none of the bytes
//! counted as read by the host. A stream serves one spawn, and what is not there to be given is named.

use childproof::asynchronous::Stdio;
use childproof_test_guests::asynchronous::{piped, read_all, read_some, stdin_of, write_all};
use childproof_test_guests::raw::{
    Command, DEFAULTS, Error, Process, Signal, StderrTarget, StdinSource, StdoutTarget, Termination, sh,
};
use wit_bindgen::StreamReader;

const SIZE: usize = 32 << 20;

childproof::main!(run);

async fn run() {
    forwards().await;
    backwards().await;
    behind_what_was_read().await;
    the_end_of_the_reader_reaches_the_writer().await;
    a_stream_serves_one_spawn().await;
    what_is_not_there_is_named().await;
}

/// A limit of one byte would end the process if the host read its output.
fn unread(command: Command) -> Command {
    command.output_limit(1);
    command
}

fn stdout_of(process: &Process) -> StreamReader<u8> {
    process.take_stdout().expect("it is piped").0
}

async fn succeeded(process: &Process) {
    let status = process.wait().await.unwrap();
    assert!(matches!(status.termination, Termination::Exited(0)), "{status:?}");
}

async fn forwards() {
    let a = unread(sh(&format!("head -c {SIZE} /dev/zero")));
    a.stdout(&StdoutTarget::Piped);
    let a = a.spawn().unwrap();
    let b = unread(Command::new("cat"));
    b.stdin(StdinSource::Stream(stdout_of(&a)));
    b.stdout(&StdoutTarget::Piped);
    let b = b.spawn().unwrap();
    let c = sh("wc -c");
    c.stdin(StdinSource::Stream(stdout_of(&b)));
    c.stdout(&StdoutTarget::Piped);
    let c = c.spawn().unwrap();
    let counted = c.communicate(None, DEFAULTS).await.unwrap().stdout.unwrap();
    assert_eq!(String::from_utf8(counted).unwrap().trim(), SIZE.to_string());
    succeeded(&a).await;
    succeeded(&b).await;
}

/// The readers are started first.
async fn backwards() {
    let c = piped(sh("wc -c")).spawn().unwrap();
    let b = unread(Command::new("cat"));
    b.stdin(StdinSource::Piped);
    b.stdout(&StdoutTarget::StdinOf(&c));
    let b = b.spawn().unwrap();
    let a = unread(sh(&format!("head -c {SIZE} /dev/zero; head -c {SIZE} /dev/zero >&2")));
    a.stdout(&StdoutTarget::StdinOf(&b));
    a.stderr(&StderrTarget::Stdout);
    let a = a.spawn().unwrap();
    let counted = c.communicate(None, DEFAULTS).await.unwrap().stdout.unwrap();
    assert_eq!(String::from_utf8(counted).unwrap().trim(), (2 * SIZE).to_string());
    succeeded(&a).await;
    succeeded(&b).await;

    // The same for standard error alone.
    let reader = piped(Command::new("cat")).spawn().unwrap();
    let writer = sh("echo error >&2");
    writer.stderr(&StderrTarget::StdinOf(&reader));
    let writer = writer.spawn().unwrap();
    let output = reader.communicate(None, DEFAULTS).await.unwrap();
    assert_eq!(output.stdout.unwrap(), b"error\n");
    succeeded(&writer).await;
}

async fn behind_what_was_read() {
    let a = piped(sh("echo 1234567890; cat")).spawn().unwrap();
    let mut stream = stdout_of(&a);
    assert_eq!(read_some(&mut stream, 5).await, b"12345");
    let b = Command::new("cat");
    b.stdin(StdinSource::Stream(stream));
    b.stdout(&StdoutTarget::Piped);
    let b = b.spawn().unwrap();
    let (mut stdin, _ending) = stdin_of(&a);
    write_all(&mut stdin, "more\n").await;
    drop(stdin);
    assert_eq!(read_all(&mut stdout_of(&b)).await, b"67890\nmore\n");
    succeeded(&b).await;

    // One that is at its end gives nothing more. The interface cannot take it: the SDK knows that.
    let mut a = childproof::asynchronous::Command::new("sh");
    a.args(["-c", "echo all"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut a = a.spawn().unwrap();
    let mut stream = a.stdout.take().unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"all\n");
    let mut b = childproof::asynchronous::Command::new("cat");
    assert_eq!(b.stdin(stream).output().await.unwrap().stdout, b"");
}

async fn the_end_of_the_reader_reaches_the_writer() {
    let a = Command::new("yes");
    a.stdout(&StdoutTarget::Piped);
    let a = a.spawn().unwrap();
    let (stream, ending) = a.take_stdout().unwrap();
    let b = sh("head -n 2");
    b.stdin(StdinSource::Stream(stream));
    b.stdout(&StdoutTarget::Piped);
    let b = b.spawn().unwrap();
    let output = b.communicate(None, DEFAULTS).await.unwrap();
    assert_eq!(output.stdout.unwrap(), b"y\ny\n");
    let status = a.wait().await.unwrap();
    assert!(
        matches!(status.termination, Termination::Signaled(Signal::Pipe)),
        "{status:?}"
    );
    // To the guest it is a stream that it gave away.
    ending.await.unwrap();
}

#[track_caller]
fn invalid(command: &Command) -> String {
    match command.spawn() {
        Err(Error::InvalidArgument(problem)) => problem.field,
        Err(other) => panic!("not an invalid argument: {other:?}"),
        Ok(_) => panic!("it was spawned"),
    }
}

async fn a_stream_serves_one_spawn() {
    let a = piped(Command::new("cat")).spawn().unwrap();
    let b = piped(Command::new("cat")).spawn().unwrap();
    let command = Command::new("cat");
    command.stdin(StdinSource::Stream(stdout_of(&a)));
    command.stdout(&StdoutTarget::StdinOf(&b));
    let first = command.spawn().unwrap();
    assert_eq!(invalid(&command), "stdin");
    command.stdin(StdinSource::Null);
    assert_eq!(invalid(&command), "stdout");
    command.stdout(&StdoutTarget::Null);
    succeeded(&command.spawn().unwrap()).await;

    // The first is as it was.
    let (mut stdin, _ending) = stdin_of(&a);
    write_all(&mut stdin, "through three\n").await;
    drop(stdin);
    assert_eq!(read_all(&mut stdout_of(&b)).await, b"through three\n");
    succeeded(&first).await;
}

async fn what_is_not_there_is_named() {
    let not_piped = Command::new("cat").spawn().unwrap();
    let taken = piped(Command::new("cat")).spawn().unwrap();
    let _taken = stdin_of(&taken);
    let given = piped(Command::new("cat")).spawn().unwrap();
    let holder = sh("exit 0");
    holder.stdout(&StdoutTarget::StdinOf(&given));
    for process in [&not_piped, &taken, &given] {
        let command = sh("exit 0");
        command.stdout(&StdoutTarget::StdinOf(process));
        assert_eq!(invalid(&command), "stdout");
        command.stdout(&StdoutTarget::Null);
        command.stderr(&StderrTarget::StdinOf(process));
        assert_eq!(invalid(&command), "stderr");
        command.stderr(&StderrTarget::Stdout);
        succeeded(&command.spawn().unwrap()).await;
    }

    // A command that is dropped unspawned closes the pipe that was given to it.
    drop(holder);
    succeeded(&given).await;
}
