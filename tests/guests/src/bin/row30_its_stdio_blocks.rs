//! The streams of a child are in blocking mode, those that are passed on included.

use childproof_test_guests::sdk::Stdio;
use childproof_test_guests::{run_piped, sh};

const NONBLOCK: u32 = 0o4000;

childproof_test_guests::program!(guest);

fn guest() {
    let show = "for fd in 0 1 2; do cat /proc/$$/fdinfo/$fd; done";
    let mut first = run_piped("cat").spawn().unwrap();
    let mut second = sh(show);
    second
        .stdin(first.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut piped = sh(show);
    piped
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut outputs: Vec<Vec<u8>> = [piped, second]
        .iter_mut()
        .map(|command| command.spawn().unwrap().wait_with_output().unwrap().stdout)
        .collect();
    // What another process reads as an output.
    let mut reader = run_piped("cat").spawn().unwrap();
    let mut third = sh(show);
    third.stdout(reader.stdin.take().unwrap());
    assert!(third.status().unwrap().success());
    outputs.push(reader.wait_with_output().unwrap().stdout);
    for output in outputs {
        let text = String::from_utf8(output).unwrap();
        let flags: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("flags:")).collect();
        assert_eq!(flags.len(), 3, "{text}");
        for flag in flags {
            assert_eq!(u32::from_str_radix(flag.trim(), 8).unwrap() & NONBLOCK, 0, "{text}");
        }
    }
}
