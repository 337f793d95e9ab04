//! A stream can be passed on while a pollable of it is alive: nothing traps, the pipe still reaches its end, and nothing
//! is left open. That last is what the host sees.

use childproof_test_guests::raw::{self, Command, StdinSource, StdoutTarget};

fn main() {
    for _ in 0..200 {
        let writer = raw::sh("echo text");
        writer.stdout(StdoutTarget::Piped);
        let writer = writer.spawn().unwrap();
        let stdout = writer.take_stdout().unwrap();
        let pollable = stdout.subscribe();
        pollable.block();
        let reader = Command::new("cat");
        reader.stdin(StdinSource::Stream(stdout));
        reader.stdout(StdoutTarget::Piped);
        let reader = reader.spawn().unwrap();
        drop(pollable);
        assert_eq!(
            reader.communicate(None, raw::DEFAULTS).unwrap().stdout.unwrap(),
            b"text\n"
        );
        writer.wait().unwrap();
    }
}
