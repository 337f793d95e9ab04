//! With no time to drain its pipes, what a process wrote before it ended is read all the same, and that nobody holds them any
//! more is told.

use std::time::Duration;

use childproof::CommunicateOptions;
use childproof::asynchronous::{Command, Stdio};

childproof::main!(run);

async fn run() {
    let options = CommunicateOptions::new().drain(Duration::ZERO);
    for round in 0..200 {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("echo {round}; echo {round} >&2")]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let output = command.spawn().unwrap().communicate_with([], &options).await.unwrap();
        let line = format!("{round}\n").into_bytes();
        assert_eq!(
            (output.stdout.as_ref(), output.stderr.as_ref()),
            (Some(&line), Some(&line))
        );
        assert!(output.complete, "round {round}");
    }
}
