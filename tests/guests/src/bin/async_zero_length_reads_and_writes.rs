//! A read of no bytes waits for what is worth to read and takes nothing, a write of none for room and puts nothing; and one
//! call can be given as much as there is.

use std::task::Poll;

use childproof::asynchronous::{Command, Stdio};
use childproof_test_guests::asynchronous::{cat, poll_once, read_some, stdin_of, turns, write_all};
use childproof_test_guests::pattern;
use childproof_test_guests::raw::StreamError;
use futures_util::future::join;
use wit_bindgen::StreamResult;

const HUGE: usize = 64 << 20;

childproof::main!(run);

async fn run() {
    nothing().await;
    all_at_once().await;
    to_nobody().await;
    nothing_of_the_sdk().await;
}

async fn nothing() {
    let process = cat();
    let (mut stdin, ending) = stdin_of(&process);
    let (mut stdout, read) = process.take_stdout().unwrap();

    // There is room, and nothing to read.
    assert_eq!(stdin.write(Vec::new()).await.0, StreamResult::Complete(0));
    let mut waiting = Box::pin(stdout.read(Vec::new()));
    assert!(poll_once(&mut waiting).await.is_pending());
    write_all(&mut stdin, "bytes").await;
    assert_eq!(waiting.await.0, StreamResult::Complete(0));
    for _ in 0..3 {
        assert_eq!(stdout.read(Vec::new()).await.0, StreamResult::Complete(0));
    }
    assert_eq!(read_some(&mut stdout, 5).await, b"bytes");

    // A full pipe has no room, until something is read.
    let mut written = 0;
    loop {
        let mut write = Box::pin(stdin.write(vec![b'x'; 1 << 20]));
        let mut done = poll_once(&mut write).await;
        for _ in 0..50 {
            if done.is_ready() {
                break;
            }
            turns(1).await;
            done = poll_once(&mut write).await;
        }
        match done {
            Poll::Ready((StreamResult::Complete(more), _)) => written += more,
            Poll::Ready((other, _)) => panic!("{other:?}"),
            Poll::Pending => break,
        }
    }
    let mut room = Box::pin(stdin.write(Vec::new()));
    let (some, done) = join(read_some(&mut stdout, written - 1), &mut room).await;
    assert_eq!((some.len(), done.0), (written - 1, StreamResult::Complete(0)));
    drop(room);
    drop(stdin);
    ending.await.unwrap();
    assert_eq!(read_some(&mut stdout, 1).await, b"x");

    // The end is worth a read.
    if stdout.read(Vec::new()).await.0 != StreamResult::Dropped {
        assert_eq!(stdout.read(Vec::with_capacity(10)).await.0, StreamResult::Dropped);
    }
    read.await.unwrap();
}

async fn all_at_once() {
    let process = cat();
    let (mut stdin, ending) = stdin_of(&process);
    let (mut stdout, _) = process.take_stdout().unwrap();
    let input = pattern(HUGE);
    let write = async {
        write_all(&mut stdin, input.clone()).await;
        drop(stdin);
        ending.await.unwrap();
    };
    let read = async {
        let mut output = Vec::with_capacity(HUGE);
        while let (StreamResult::Complete(_), more) = stdout.read(std::mem::take(&mut output)).await {
            output = more;
            if output.len() == HUGE {
                break;
            }
        }
        output
    };
    let ((), output) = join(write, read).await;
    assert!(output == input, "what came out is not what went in");
}

/// Whoever writes to a process that reads no more is told so, by the write and by the future.
async fn to_nobody() {
    let process = cat();
    let (mut stdin, ending) = stdin_of(&process);
    process.kill().unwrap();
    process.wait().await.unwrap();
    while let (StreamResult::Complete(_), _) = stdin.write(vec![0; 1 << 20]).await {}
    let ended = ending.await;
    assert!(matches!(ended, Err(StreamError::Closed)), "{ended:?}");
}

/// In the SDK, as in std, to read or to write nothing waits for nothing.
async fn nothing_of_the_sdk() {
    let mut command = Command::new("sleep");
    command.arg("1000").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut more_than_fits = vec![0; 4 << 20];
    assert!(
        poll_once(&mut Box::pin(stdin.write_vec(&mut more_than_fits)))
            .await
            .is_pending()
    );
    assert!(matches!(
        poll_once(&mut Box::pin(stdin.write(&[]))).await,
        Poll::Ready(Ok(0))
    ));
    assert!(matches!(
        poll_once(&mut Box::pin(stdin.write_all(&[]))).await,
        Poll::Ready(Ok(()))
    ));
    assert!(matches!(
        poll_once(&mut Box::pin(stdin.write_vec(&mut Vec::new()))).await,
        Poll::Ready(Ok(()))
    ));
    assert!(matches!(
        poll_once(&mut Box::pin(stdout.read(&mut []))).await,
        Poll::Ready(Ok(0))
    ));
}
