//! A process that was dropped counts no more among those that live, nor, once it is gone, among those that the guest holds: not
//! even one that reads a stream whose writer is silent.

use childproof::asynchronous::{Child, Command, Stdio};
use childproof_test_guests::raw::wit_stream;
use wit_bindgen::StreamReader;

/// What the policy allows.
const LIVE: usize = 4;
const HELD: usize = 20;

childproof::main!(run);

async fn run() {
    for _ in 0..50 {
        let all: Vec<Child> = (0..LIVE).map(|_| sleeper()).collect();
        drop(all);
    }
    // They are all gone when this is, or have been waited for.
    for mut child in (0..LIVE).map(|_| sleeper()).collect::<Vec<_>>() {
        child.kill().await.unwrap();
    }

    let mut silent = Vec::new();
    for _ in 0..3 * HELD {
        let (writer, reader): (_, StreamReader<u8>) = wit_stream::new();
        silent.push(writer);
        let mut command = program("true");
        command.stdin(reader);
        assert!(command.status().await.unwrap().success());
    }
    // Nobody reads them any more, which the next write is told.
    for mut writer in silent {
        assert_eq!(writer.write_all(vec![1]).await, [1]);
    }
}

fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn sleeper() -> Child {
    program("sleep").arg("1000").spawn().unwrap()
}
