//! `wait` answers when the process has ended, each time, and to everybody.

use std::io::Read;
use std::sync::Arc;
use std::task::Poll;

use childproof_launch::Termination;

use crate::support::{block_on, line, shell, shell_with_output};

#[tokio::test]
async fn a_second_wait_answers_the_same() {
    let child = shell("exit 3");
    let first = child.wait().await.unwrap();
    assert_eq!(first.termination, Termination::Exited(3));
    assert_eq!(child.wait().await.unwrap(), first);
    assert_eq!(child.try_wait().unwrap(), Some(first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_waiters_all_get_the_status() {
    let child = Arc::new(shell("sleep 0.05; exit 9"));
    let waiters: Vec<_> = (0..100)
        .map(|_| {
            let child = Arc::clone(&child);
            tokio::spawn(async move { child.wait().await.unwrap() })
        })
        .collect();
    let first = child.wait().await.unwrap();
    assert_eq!(first.termination, Termination::Exited(9));
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap(), first);
    }
}

#[tokio::test]
async fn a_wait_that_is_dropped_loses_nothing() {
    let child = shell("kill -STOP $$; exit 4");
    for _ in 0..10 {
        let mut wait = Box::pin(child.wait());
        let polled = std::future::poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_pending())).await;
        assert!(polled, "a process that stops itself has not ended");
    }
    crate::support::peek(child.id(), libc::WSTOPPED).unwrap();
    child.signal(childproof_launch::Signal::Cont).unwrap();
    assert_eq!(child.wait().await.unwrap().termination, Termination::Exited(4));
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_does_not_hold_up_wait() {
    let (child, mut output) = shell_with_output("sleep 1000 & echo $!; exit 5");
    let grandchild = line(&mut output);
    assert_eq!(child.wait().await.unwrap().termination, Termination::Exited(5));
    assert!(
        std::path::Path::new(&format!("/proc/{grandchild}")).exists(),
        "the grandchild lives"
    );
    drop(child);
    // The end of the pipe is the end of the grandchild.
    output.read_to_end(&mut Vec::new()).unwrap();
}

#[tokio::test]
async fn what_was_written_stays_readable_after_the_end() {
    let (child, mut output) = shell_with_output("echo kept");
    child.wait().await.unwrap();
    drop(child);
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(text, "kept\n");
}

#[test]
fn a_known_end_outlives_the_runtime() {
    let (child, exit) = block_on(async {
        let child = shell("exit 6");
        let exit = child.wait().await.unwrap();
        (child, exit)
    });
    assert_eq!(child.try_wait().unwrap(), Some(exit));
    assert_eq!(block_on(child.wait()).unwrap(), exit);
}

#[test]
fn a_child_and_its_futures_go_to_any_thread() {
    fn assert_send<T: Send>(_: &T) {}
    fn assert_send_and_sync<T: Send + Sync>() {}
    assert_send_and_sync::<childproof_launch::Child>();
    assert_send_and_sync::<childproof_launch::Program>();
    block_on(async {
        let child = shell("exit 0");
        let wait = child.wait();
        assert_send(&wait);
        wait.await.unwrap();
    });
}
