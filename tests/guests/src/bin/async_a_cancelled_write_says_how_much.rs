//! A write that is cancelled says how many bytes are in the pipe and hands back the others: those that were reported, and they
//! alone, arrive.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::Poll;

use childproof::asynchronous::{Command, Stdio};
use childproof_test_guests::asynchronous::{
    Chance, cat, poll_once, read_all, read_some, stdin_of, turns, unless_given_up,
};
use childproof_test_guests::pattern;
use futures_io::AsyncWrite;
use wit_bindgen::StreamResult;

const SIZE: usize = 16 << 20;

childproof::main!(run);

async fn run() {
    of_the_interface().await;
    of_the_sdk().await;
    to_nobody().await;
}

async fn of_the_interface() {
    let mut chance = Chance(3);
    let process = cat();
    let (mut stdin, ending) = stdin_of(&process);
    let (mut stdout, _) = process.take_stdout().unwrap();
    let input = pattern(SIZE);

    let mut sent = 0;
    let mut output = Vec::new();
    let (mut whole, mut none, mut late) = (0, 0, 0);
    for round in 0..300 {
        let end = (sent + 1 + chance.below(1 << 20)).min(SIZE);
        let bytes = input[sent..end].to_vec();
        let len = bytes.len();
        let mut write = Box::pin(stdin.write(bytes));
        let (result, rest) = match poll_once(&mut write).await {
            Poll::Ready(done) => done,
            Poll::Pending => {
                if round % 2 == 1 {
                    // There will be room, at some time.
                    output.extend(read_some(&mut stdout, 1 + chance.below(400_000)).await);
                }
                turns(chance.below(4)).await;
                let (result, rest) = write.as_mut().cancel();
                match result {
                    StreamResult::Cancelled => none += 1,
                    _ => late += 1,
                }
                (result, rest)
            }
        };
        let written = match result {
            StreamResult::Complete(written) => {
                whole += usize::from(written == len);
                written
            }
            StreamResult::Cancelled => 0,
            StreamResult::Dropped => panic!("cat reads on"),
        };
        assert_eq!(rest.remaining(), len - written);
        assert!(rest.into_vec() == input[sent + written..end], "the rest is another");
        sent += written;
    }
    println!("{whole} writes took all; cancelled: {none} with nothing, {late} with some");
    assert!(none > 0 && sent > 1 << 20, "the pipe was never full");

    drop(stdin);
    ending.await.unwrap();
    output.extend(read_all(&mut stdout).await);
    assert_eq!(output.len(), sent);
    assert!(output == input[..sent], "what came out is not what went in");
}

/// What is left of a vector is what was not written.
async fn of_the_sdk() {
    let mut chance = Chance(5);
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let input = pattern(SIZE);
    let mut left = input.clone();
    let mut output = Vec::new();
    while !left.is_empty() {
        let write = Box::pin(stdin.write_vec(&mut left));
        match unless_given_up(write, chance.below(4)).await {
            Some(written) => written.unwrap(),
            None => {
                output.reserve_exact(1 + chance.below(400_000));
                stdout.read_buf(&mut output).await.unwrap();
            }
        }
    }
    drop(stdin);
    stdout.read_to_end(&mut output).await.unwrap();
    assert!(output == input, "what came out is not what went in");
}

/// That nobody reads any more was learned by a write that was given up: the next says so.
async fn to_nobody() {
    for way in 0..4 {
        let mut command = Command::new("sleep");
        command.arg("1000").stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut left = vec![0; 4 << 20];
        {
            let mut write = Box::pin(stdin.write_vec(&mut left));
            assert!(poll_once(&mut write).await.is_pending());
            child.start_kill().unwrap();
            child.wait().await.unwrap();
            turns(10).await;
        }
        assert!(!left.is_empty());
        let next = match way {
            0 => stdin.write(b"more").await.map(drop),
            1 => stdin.write_all(b"more").await,
            2 => stdin.write_vec(&mut left).await,
            _ => poll_fn(|cx| Pin::new(&mut stdin).poll_write(cx, b"more"))
                .await
                .map(drop),
        };
        // One that is begun by being polled may have been taken, and is lost.
        match next {
            Err(error) => assert_eq!(error.kind(), ErrorKind::BrokenPipe),
            Ok(()) => {
                assert_eq!(way, 3);
                let flushed = poll_fn(|cx| Pin::new(&mut stdin).poll_flush(cx)).await;
                assert_eq!(flushed.unwrap_err().kind(), ErrorKind::BrokenPipe);
            }
        }
    }
}
