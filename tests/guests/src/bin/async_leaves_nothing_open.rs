//! Streams that are read, given away, dropped or never taken leave nothing open, round after round. That is what the host sees.

use childproof_test_guests::asynchronous::{piped, poll_once, read_all, stdin_of, turns, write_all};
use childproof_test_guests::raw::{Command, Process, StdinSource, StdoutTarget, sh, wit_stream};

const ROUNDS: usize = 200;

childproof::main!(run);

async fn run() {
    for round in 0..ROUNDS {
        let process = match round % 8 {
            0 => read_to_the_end().await,
            1 => given_away().await,
            2 => given_and_not_spawned().await,
            3 => pumped().await,
            4 => cancelled().await,
            5 => outlived().await,
            6 => written_by_the_guest().await,
            _ => piped(Command::new("cat")).spawn().unwrap(),
        };
        if round % 2 == 0 {
            process.kill().unwrap();
            process.wait().await.unwrap();
        }
    }
}

async fn read_to_the_end() -> Process {
    let process = piped(sh("echo text")).spawn().unwrap();
    let (mut stdout, ending) = process.take_stdout().unwrap();
    assert_eq!(read_all(&mut stdout).await, b"text\n");
    ending.await.unwrap();
    process
}

fn cat(source: StdinSource) -> Command {
    let command = Command::new("cat");
    command.stdin(source);
    command.stdout(&StdoutTarget::Piped);
    command
}

async fn given_away() -> Process {
    let process = piped(sh("echo text")).spawn().unwrap();
    let (stream, _ending) = process.take_stdout().unwrap();
    let reader = cat(StdinSource::Stream(stream)).spawn().unwrap();
    let (mut stdout, _) = reader.take_stdout().unwrap();
    assert_eq!(read_all(&mut stdout).await, b"text\n");
    process
}

async fn given_and_not_spawned() -> Process {
    let process = piped(Command::new("cat")).spawn().unwrap();
    let (stream, _ending) = process.take_stdout().unwrap();
    let command = cat(StdinSource::Stream(stream));
    command.stdout(&StdoutTarget::StdinOf(&process));
    process
}

async fn pumped() -> Process {
    let process = piped(sh("echo text")).spawn().unwrap();
    let reader = piped(Command::new("cat")).spawn().unwrap();
    let (stream, _ending) = process.take_stdout().unwrap();
    let _written = reader.take_stdin(stream).unwrap();
    let (mut stdout, _) = reader.take_stdout().unwrap();
    assert_eq!(read_all(&mut stdout).await, b"text\n");
    process
}

async fn cancelled() -> Process {
    let process = piped(Command::new("cat")).spawn().unwrap();
    let (mut stdout, _ending) = process.take_stdout().unwrap();
    assert!(poll_once(&mut Box::pin(stdout.read(vec![0; 10]))).await.is_pending());
    assert!(poll_once(&mut Box::pin(process.wait())).await.is_pending());
    turns(2).await;
    process
}

/// The streams live longer than the process that they are of.
async fn outlived() -> Process {
    let process = piped(sh("echo text; cat")).spawn().unwrap();
    let (mut stdin, ending) = stdin_of(&process);
    let (mut stdout, _) = process.take_stdout().unwrap();
    write_all(&mut stdin, "more\n").await;
    drop(process);
    drop(stdin);
    assert!(b"text\nmore\n".starts_with(&read_all(&mut stdout).await));
    let _ = ending.await;
    piped(Command::new("cat")).spawn().unwrap()
}

async fn written_by_the_guest() -> Process {
    let (mut writer, reader) = wit_stream::new();
    let process = cat(StdinSource::Stream(reader)).spawn().unwrap();
    write_all(&mut writer, "text").await;
    process
}
