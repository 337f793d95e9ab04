//! A read that is cancelled has lost nothing, whether bytes were there by then or not: those that were read are handed back,
//! all others are in the pipe. So it is with the interface's own reads and with each kind that the SDK has.

use std::pin::Pin;
use std::task::Poll;

use childproof::asynchronous::{ChildStdout, Command, Stdio};
use childproof_test_guests::asynchronous::{Chance, cat, poll_once, stdin_of, turns, unless_given_up, write_all};
use childproof_test_guests::pattern;
use futures_io::AsyncRead;
use futures_util::future::join;
use wit_bindgen::{StreamReader, StreamResult};

const SIZE: usize = 4 << 20;

childproof::main!(run);

async fn run() {
    of_the_interface().await;
    of_the_sdk().await;
    for way in 0..4 {
        at_the_end(way).await;
    }
}

async fn of_the_interface() {
    let process = cat();
    let (mut stdin, ending) = stdin_of(&process);
    let (mut stdout, _) = process.take_stdout().unwrap();
    // Nothing is there yet.
    for _ in 0..20 {
        let mut read = Box::pin(stdout.read(Vec::with_capacity(100)));
        assert!(poll_once(&mut read).await.is_pending());
        let (result, bytes) = read.as_mut().cancel();
        assert_eq!((result, bytes.len()), (StreamResult::Cancelled, 0));
    }
    let input = pattern(SIZE);
    let (output, ()) = join(read_with_cancels(&mut stdout), async {
        write_all(&mut stdin, input.clone()).await;
        drop(stdin);
        ending.await.unwrap();
    })
    .await;
    assert!(output == input, "what came out is not what went in");
}

async fn read_with_cancels(stdout: &mut StreamReader<u8>) -> Vec<u8> {
    let mut chance = Chance(7);
    let mut output = Vec::new();
    let (mut empty, mut full) = (0, 0);
    loop {
        let mut read = Box::pin(stdout.read(Vec::with_capacity(1 + chance.below(9_000))));
        let (result, bytes) = match poll_once(&mut read).await {
            Poll::Ready(done) => done,
            Poll::Pending => {
                turns(chance.below(3)).await;
                let (result, bytes) = read.as_mut().cancel();
                match bytes.is_empty() {
                    true => empty += 1,
                    false => full += 1,
                }
                (result, bytes)
            }
        };
        output.extend(bytes);
        match result {
            StreamResult::Dropped => break,
            StreamResult::Cancelled => turns(1).await,
            StreamResult::Complete(_) => {}
        }
    }
    println!("cancelled: {empty} with nothing, {full} with bytes");
    output
}

async fn of_the_sdk() {
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let input = pattern(SIZE);
    let (output, ()) = join(read_in_all_ways(&mut stdout), async {
        stdin.write_all(&input).await.unwrap();
        drop(stdin);
    })
    .await;
    assert!(output == input, "what came out is not what went in");
    assert!(child.wait().await.unwrap().success());
}

/// The end came while the read was given up: it is there for whoever reads on, and for whoever is given the stream.
async fn at_the_end(way: usize) {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut bytes = Vec::new();
    {
        let mut read = Box::pin(stdout.read_buf(&mut bytes));
        assert!(poll_once(&mut read).await.is_pending());
        assert!(child.wait().await.unwrap().success());
        turns(10).await;
    }
    match way {
        0 => assert_eq!(stdout.read(&mut [0; 10]).await.unwrap(), 0),
        1 => assert_eq!(stdout.read_buf(&mut bytes).await.unwrap(), 0),
        2 => assert_eq!(
            std::future::poll_fn(|cx| Pin::new(&mut stdout).poll_read(cx, &mut [0; 10]))
                .await
                .unwrap(),
            0
        ),
        _ => assert_eq!(command.stdin(stdout).output().await.unwrap().stdout, b""),
    }
    assert!(bytes.is_empty());
}

/// Changes from one kind of read to another at each read, given up or not.
async fn read_in_all_ways(stdout: &mut ChildStdout) -> Vec<u8> {
    let mut chance = Chance(11);
    let mut output = Vec::new();
    let mut slice = vec![0; 9_000];
    loop {
        let given_up_after = chance.below(4);
        let slice = &mut slice[..1 + chance.below(9_000)];
        match chance.below(4) {
            0 => {
                let read = unless_given_up(Box::pin(stdout.read(slice)), given_up_after).await;
                match read.map(Result::unwrap) {
                    Some(0) => break,
                    Some(read) => output.extend(&slice[..read]),
                    None => {}
                }
            }
            1 => {
                let read = unless_given_up(Box::pin(stdout.read_buf(&mut output)), given_up_after).await;
                if read.is_some_and(|read| read.unwrap() == 0) {
                    break;
                }
            }
            2 => {
                // It ends only at the end.
                let read = unless_given_up(Box::pin(stdout.read_to_end(&mut output)), given_up_after).await;
                if read.is_some_and(|read| read.is_ok()) {
                    break;
                }
            }
            _ => {
                let read = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *stdout).poll_read(cx, slice))).await;
                match read.map(Result::unwrap) {
                    Poll::Ready(0) => break,
                    Poll::Ready(read) => output.extend(&slice[..read]),
                    // It is never asked again, unless by chance.
                    Poll::Pending => turns(given_up_after).await,
                }
            }
        }
    }
    output
}
