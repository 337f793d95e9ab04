//! A call of `stop` that is cancelled in its grace period has asked the process to end, and nobody kills it when the period is
//! over.

use childproof_test_guests::asynchronous::{piped, poll_once, read_line, stdin_of, write_all};
use childproof_test_guests::raw::{Process, StoppedBy, sh};
use wit_bindgen::StreamReader;

/// In nanoseconds.
const GRACE: u64 = 200_000_000;

childproof::main!(run);

async fn run() {
    let (stays, mut said) = stubborn().await;
    let mut stop = Box::pin(stays.stop(GRACE));
    assert!(poll_once(&mut stop).await.is_pending());
    assert_eq!(read_line(&mut said).await, "asked");
    drop(stop);

    // The grace of this one begins later, so once it is over that of the other is.
    let (ends, _said) = stubborn().await;
    let stopped = ends.stop(GRACE).await.unwrap();
    assert!(matches!(stopped.by, StoppedBy::Kill), "{stopped:?}");

    assert!(stays.try_wait().unwrap().is_none());
    let (mut stdin, _ending) = stdin_of(&stays);
    write_all(&mut stdin, "hello\n").await;
    assert_eq!(read_line(&mut said).await, "hello");

    // A further call has a grace period of its own.
    let stopped = stays.stop(0).await.unwrap();
    assert!(matches!(stopped.by, StoppedBy::Kill), "{stopped:?}");
}

/// A process that does not end when it is asked to, but says that it was.
async fn stubborn() -> (Process, StreamReader<u8>) {
    let script = "trap 'echo asked' TERM; echo up; while :; do if read -r line; then echo \"$line\"; fi; done";
    let process = piped(sh(script)).spawn().unwrap();
    let (mut stdout, _) = process.take_stdout().unwrap();
    assert_eq!(read_line(&mut stdout).await, "up");
    (process, stdout)
}
