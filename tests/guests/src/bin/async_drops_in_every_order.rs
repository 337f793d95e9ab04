//! A process, its streams and their futures can be dropped in any order: alive or ended, with calls on each of them under way,
//! cancelled or never made.

use std::any::Any;

use childproof_test_guests::asynchronous::{Ending, piped, poll_once, stdin_of, turns};
use childproof_test_guests::orders;
use childproof_test_guests::raw::{Command, Process};
use wit_bindgen::{StreamReader, StreamWriter};

#[derive(Clone, Copy, PartialEq)]
enum State {
    Idle,
    Busy,
    Cancelled,
    Ended,
}

childproof::main!(run);

async fn run() {
    for state in [State::Idle, State::Busy, State::Cancelled, State::Ended] {
        for order in orders(5) {
            let mut things = things(state).await;
            for thing in order {
                drop(things[thing].take());
                // The host may notice at once, or with the next thing.
                turns(thing % 2).await;
            }
        }
    }
}

/// A process that neither reads nor writes, and what belongs to it.
async fn things(state: State) -> [Option<Box<dyn Any>>; 5] {
    let command = Command::new("sleep");
    command.arg("1000");
    let process = piped(command).spawn().unwrap();
    let (mut writer, mut written) = stdin_of(&process);
    let (mut reader, mut read) = process.take_stdout().unwrap();
    match state {
        State::Idle => {}
        State::Busy => {
            return [
                Some(under_way(waiting(process)).await),
                Some(under_way(writing(writer)).await),
                Some(under_way(asking(written)).await),
                Some(under_way(reading(reader)).await),
                Some(under_way(asking(read)).await),
            ];
        }
        State::Cancelled => {
            assert!(poll_once(&mut Box::pin(process.wait())).await.is_pending());
            while poll_once(&mut Box::pin(writer.write(vec![0; 1 << 20])))
                .await
                .is_ready()
            {}
            assert!(poll_once(&mut Box::pin(reader.read(vec![0; 10]))).await.is_pending());
            written = cancelled(written).await;
            read = cancelled(read).await;
        }
        State::Ended => {
            process.kill().unwrap();
            process.wait().await.unwrap();
        }
    }
    [
        Some(Box::new(process)),
        Some(Box::new(writer)),
        Some(Box::new(written)),
        Some(Box::new(reader)),
        Some(Box::new(read)),
    ]
}

/// A future that was begun, and waits. What it holds is dropped with it.
async fn under_way(future: impl Future<Output = ()> + 'static) -> Box<dyn Any> {
    let mut future = Box::pin(future);
    assert!(poll_once(&mut future).await.is_pending());
    Box::new(future)
}

async fn waiting(process: Process) {
    let _ = process.wait().await;
}

async fn writing(mut writer: StreamWriter<u8>) {
    loop {
        writer.write(vec![0; 1 << 20]).await;
    }
}

async fn reading(mut reader: StreamReader<u8>) {
    reader.read(Vec::with_capacity(10)).await;
}

async fn asking(ending: Ending) {
    let _ = ending.await;
}

async fn cancelled(ending: Ending) -> Ending {
    let mut asked = Box::pin(ending.into_future());
    assert!(poll_once(&mut asked).await.is_pending());
    asked.as_mut().cancel().expect_err("nothing was said about the end")
}
