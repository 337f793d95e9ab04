//! A stream can be passed on while what it was watched with is alive, a pollable or a future: nothing traps, the pipe still
//! reaches its end, and nothing is left open. That last is what the host sees.

use childproof_test_guests::raw::{self, Command};

childproof_test_guests::program!(guest);

fn guest() {
    for _ in 0..200 {
        let writer = raw::sh("echo text");
        raw::pipe_stdout(&writer);
        let writer = writer.spawn().unwrap();
        let (stdout, watcher) = raw::take_stdout(&writer).unwrap().into_stdin_watched();
        let reader = Command::new("cat");
        reader.stdin(stdout);
        raw::pipe_stdout(&reader);
        let reader = reader.spawn().unwrap();
        drop(watcher);
        assert_eq!(
            raw::communicate(&reader, raw::DEFAULTS).unwrap().stdout.unwrap(),
            b"text\n"
        );
        raw::wait(&writer).unwrap();
    }
}
