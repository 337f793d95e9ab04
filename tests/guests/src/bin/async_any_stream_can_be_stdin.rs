//! Any stream of bytes can be a process's standard input: one that the guest itself writes, that of a file, the guest's own. It
//! waits for the first spawn that succeeds, and whoever writes it learns what becomes of it.

use childproof_test_guests::asynchronous::{poll_once, read_all, read_some, turns, write_all};
use childproof_test_guests::raw::{
    Command, DEFAULTS, DescriptorFlags, Error, OpenFlags, PathFlags, Process, StdinSource, StdoutTarget, preopens, sh,
    stdin, wit_stream,
};
use childproof_test_guests::{pattern, raw};
use futures_util::future::join;
use wit_bindgen::{StreamReader, StreamResult, StreamWriter};

const SIZE: usize = 3 << 20;

childproof::main!(run);

async fn run() {
    written_before_and_after_the_spawn().await;
    at_its_end_before_the_spawn().await;
    for spawned in [false, true] {
        nobody_reads_it(spawned).await;
    }
    a_failed_spawn_uses_nothing_up().await;
    of_a_file().await;
    of_the_guest().await;
    taken_stdin_of_any_stream().await;
}

fn new() -> (StreamWriter<u8>, StreamReader<u8>) {
    wit_stream::new()
}

/// `cat`, which will read this.
fn cat(stream: StreamReader<u8>) -> Command {
    let command = Command::new("cat");
    command.stdin(StdinSource::Stream(stream));
    command.stdout(&StdoutTarget::Piped);
    command
}

async fn all_of(process: Process) -> Vec<u8> {
    process.communicate(None, DEFAULTS).await.unwrap().stdout.unwrap()
}

async fn written_before_and_after_the_spawn() {
    let (mut writer, reader) = new();
    let command = cat(reader);
    let input = pattern(SIZE);
    let mut early = Box::pin(writer.write_all(input.clone()));
    assert!(poll_once(&mut early).await.is_pending());
    turns(3).await;
    assert!(
        poll_once(&mut early).await.is_pending(),
        "there is no process to read it"
    );
    let process = command.spawn().unwrap();
    let (mut stdout, _) = process.take_stdout().unwrap();
    let (mut output, left) = join(read_some(&mut stdout, SIZE), early).await;
    assert!(left.is_empty());
    write_all(&mut writer, "more").await;
    drop(writer);
    output.extend(read_all(&mut stdout).await);
    assert!(
        output == [&input[..], b"more"].concat(),
        "what came out is not what went in"
    );
    process.wait().await.unwrap();
}

async fn at_its_end_before_the_spawn() {
    let (writer, reader) = new();
    drop(writer);
    assert_eq!(all_of(cat(reader).spawn().unwrap()).await, b"");

    let (writer, reader) = new();
    let command = cat(reader);
    drop(writer);
    turns(2).await;
    assert_eq!(all_of(command.spawn().unwrap()).await, b"");
}

/// The command, or the process, is dropped, or never reads, or is given another stream.
async fn nobody_reads_it(spawned: bool) {
    let (mut writer, reader) = new();
    let (mut replaced, replaced_reader) = new();
    let command = cat(replaced_reader);
    command.stdin(StdinSource::Stream(reader));
    let (result, rest) = replaced.write(vec![1; 10]).await;
    assert_eq!((result, rest.remaining()), (StreamResult::Dropped, 10));

    let mut write = Box::pin(writer.write(vec![1; 10]));
    if spawned {
        let process = command.spawn().unwrap();
        process.kill().unwrap();
        process.wait().await.unwrap();
        // What the host wrote to the pipe before the end of the process is written.
        while let StreamResult::Complete(_) = write.await.0 {
            write = Box::pin(writer.write(vec![1; 10]));
        }
    } else {
        assert!(poll_once(&mut write).await.is_pending());
        drop(command);
        let (result, rest) = write.await;
        assert_eq!((result, rest.remaining()), (StreamResult::Dropped, 10));
    }
}

async fn a_failed_spawn_uses_nothing_up() {
    let (mut writer, reader) = new();
    let command = cat(reader);
    command.env("LD_PRELOAD", "x");
    for _ in 0..3 {
        assert!(matches!(command.spawn(), Err(Error::Refused(_))));
    }
    command.clear_env();
    let process = command.spawn().unwrap();
    let again = command.spawn();
    match again {
        Err(Error::InvalidArgument(problem)) => assert_eq!(problem.field, "stdin"),
        other => panic!("a stream served two: {other:?}"),
    }
    write_all(&mut writer, "for the first").await;
    drop(writer);
    assert_eq!(all_of(process).await, b"for the first");
}

async fn of_a_file() {
    let contents = pattern(SIZE);
    std::fs::write("/data/input", &contents).unwrap();
    let (directory, _) = preopens::get_directories().pop().unwrap();
    let file = directory
        .open_at(
            PathFlags::empty(),
            "input".into(),
            OpenFlags::empty(),
            DescriptorFlags::READ,
        )
        .await
        .unwrap();
    for offset in [0, 1_000_001] {
        let (stream, ending) = file.read_via_stream(offset);
        assert!(
            all_of(cat(stream).spawn().unwrap()).await == contents[offset as usize..],
            "the file is another"
        );
        ending.await.unwrap();
    }
}

async fn of_the_guest() {
    let (stream, _ending) = stdin::read_via_stream();
    assert_eq!(all_of(cat(stream).spawn().unwrap()).await, b"given to the guest\n");
}

/// Bytes of one running process are pumped to another, and those of a file.
async fn taken_stdin_of_any_stream() {
    let from = sh("head -c 3145728 /dev/zero");
    from.stdout(&StdoutTarget::Piped);
    let from = from.spawn().unwrap();
    let to = raw::Command::new("wc");
    to.arg("-c");
    to.stdin(StdinSource::Piped);
    to.stdout(&StdoutTarget::Piped);
    let to = to.spawn().unwrap();
    let (stream, ending) = from.take_stdout().unwrap();
    let written = to.take_stdin(stream).unwrap();
    let (mut stdout, _) = to.take_stdout().unwrap();
    assert_eq!(
        String::from_utf8(read_all(&mut stdout).await).unwrap().trim(),
        "3145728"
    );
    written.await.unwrap();
    ending.await.unwrap();
    from.wait().await.unwrap();

    // A second one is dropped, for the pipe was taken.
    let (mut writer, reader) = new();
    assert!(to.take_stdin(reader).is_none());
    let (result, _) = writer.write(vec![1]).await;
    assert_eq!(result, StreamResult::Dropped);
}
