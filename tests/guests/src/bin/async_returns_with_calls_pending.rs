//! A guest may come to its end with calls under way, whatever they wait for: its processes end with it. How it ends is its
//! argument.

use std::pin::Pin;
use std::rc::Rc;

use childproof_test_guests::asynchronous::{piped, poll_once, stdin_of};
use childproof_test_guests::raw::{Command, DEFAULTS, Process, sh};
use futures_util::future::join_all;

childproof::main!(run);

async fn run() -> Result<(), ()> {
    let mut calls = calls();
    for call in &mut calls {
        assert!(poll_once(call).await.is_pending());
    }
    match std::env::args().nth(1).as_deref() {
        Some("return") => Ok(()),
        Some("fail") => Err(()),
        Some("forget") => {
            std::mem::forget(calls);
            Ok(())
        }
        Some("trap") => panic!("on purpose"),
        Some("exit") => std::process::exit(7),
        Some("wait") => {
            // The host takes the end of this one for its sign to drop the guest.
            sh("exit 99").spawn().unwrap().wait().await.unwrap();
            join_all(calls).await;
            panic!("they all ended");
        }
        other => panic!("no way to end: {other:?}"),
    }
}

/// Calls of all kinds that wait. What they hold is dropped with them.
fn calls() -> Vec<Pin<Box<dyn Future<Output = ()>>>> {
    let waited = Rc::new(sleeper());
    let waited_again = waited.clone();
    let read = sleeper();
    let (mut reader, reading) = read.take_stdout().unwrap();
    let written = sleeper();
    let (mut writer, writing) = stdin_of(&written);
    let talked = sleeper();
    let stopped = sh("trap '' TERM; while :; do sleep 1000; done").spawn().unwrap();
    vec![
        Box::pin(async move { drop(waited.wait().await) }),
        Box::pin(async move { drop(waited_again.wait().await) }),
        Box::pin(async move { drop(reader.read(Vec::with_capacity(10)).await) }),
        Box::pin(async move { drop(reading.await) }),
        Box::pin(async move {
            loop {
                writer.write(vec![0; 1 << 20]).await;
            }
        }),
        Box::pin(async move { drop(writing.await) }),
        Box::pin(async move { drop(read.wait().await) }),
        Box::pin(async move { drop(written.wait().await) }),
        Box::pin(async move { drop(talked.communicate(Some(vec![0; 8 << 20]), DEFAULTS).await) }),
        Box::pin(async move { drop(stopped.stop(1_000_000_000_000).await) }),
    ]
}

fn sleeper() -> Process {
    let command = Command::new("sleep");
    command.arg("1000");
    piped(command).spawn().unwrap()
}
