//! A process that writes more than it may is ended, and not one byte more is read.

use std::io::Read;

use childproof::{EndedBy, Limit, Signal, Stdio};
use childproof_test_guests::{piped, sh};

const LIMIT: u64 = 100_000;

fn main() {
    let mut command = sh("while :; do echo output; done");
    let mut child = command.stdout(Stdio::piped()).output_limit(LIMIT).spawn().unwrap();
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.signal(), status.ended_by()), (Some(Signal::Kill), EndedBy::Limit(Limit::Output)));
    assert_eq!(output.len() as u64, LIMIT);

    // Both streams count together.
    let mut command = piped("while :; do echo output; echo output >&2; done");
    let output = command.output_limit(LIMIT).output().unwrap();
    assert_eq!(output.status.limit(), Some(Limit::Output));
    assert_eq!((output.stdout.len() + output.stderr.len()) as u64, LIMIT);

    // Just as much as it may is not too much.
    let output = piped(&format!("head -c {LIMIT} /dev/zero")).output_limit(LIMIT).output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(output.stdout.len() as u64, LIMIT);
}
