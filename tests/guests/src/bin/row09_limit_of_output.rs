//! A process that writes more than it may is ended, and not one byte more is read.

use std::io::Read;

use childproof_test_guests::sdk::{Command, EndedBy, ExitStatus, Limit, Signal, Stdio};
use childproof_test_guests::{piped, raw, sh};

const LIMIT: u64 = 100_000;
const LITTLE: u64 = 1_000;

childproof_test_guests::program!(guest);

fn guest() {
    let mut command = sh("while :; do echo output; done");
    let mut child = command.stdout(Stdio::piped()).output_limit(LIMIT).spawn().unwrap();
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(
        (status.signal(), status.ended_by()),
        (Some(Signal::Kill), EndedBy::Limit(Limit::Output))
    );
    assert_eq!(output.len() as u64, LIMIT);

    // Both streams count together.
    let mut command = piped("while :; do echo output; echo output >&2; done");
    let output = command.output_limit(LIMIT).output().unwrap();
    assert_eq!(output.status.limit(), Some(Limit::Output));
    assert_eq!((output.stdout.len() + output.stderr.len()) as u64, LIMIT);

    // Just as much as it may is not too much.
    let output = piped(&format!("head -c {LIMIT} /dev/zero"))
        .output_limit(LIMIT)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(output.stdout.len() as u64, LIMIT);

    written_before_anybody_reads();
}

/// A program that had ended before the host read too much is told from one that kept to its limit.
fn written_before_anybody_reads() {
    let limited = || -> Command {
        let mut command = piped("head -c 1001 /dev/zero");
        command.output_limit(LITTLE);
        command
    };
    let told = |status: ExitStatus| {
        assert_eq!((status.code(), status.limit()), (Some(0), Some(Limit::Output)));
        assert!(!status.success(), "not all of its output is there");
    };

    let mut child = limited().spawn().unwrap();
    told(child.wait().unwrap());
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    assert_eq!(output.len() as u64, LITTLE);

    // Nor is it forgotten with the process.
    let mut child = limited().spawn().unwrap();
    told(child.wait().unwrap());
    let mut stdout = child.stdout.take().unwrap();
    drop(child);
    let mut output = Vec::new();
    stdout.read_to_end(&mut output).unwrap();
    assert_eq!(output.len() as u64, LITTLE);

    let mut child = limited().spawn().unwrap();
    child.wait().unwrap();
    let output = child.communicate(b"").unwrap();
    told(output.status);
    assert!(!output.complete);
    assert_eq!(output.stdout.unwrap().len() as u64, LITTLE);

    let process = hosted("head -c 1001 /dev/zero", LITTLE);
    let told = raw::wait(&process).unwrap();
    assert!(matches!(told.termination, raw::Termination::Exited(0)));
    assert!(matches!(told.ended_by, raw::EndedBy::Limit(raw::Limit::Output)));
    let output = raw::communicate(&process, raw::DEFAULTS).unwrap();
    assert!(!output.complete);
    assert_eq!(output.stdout.unwrap().len() as u64, LITTLE);
}

fn hosted(script: &str, limit: u64) -> raw::Process {
    let command = raw::sh(script);
    raw::pipe_stdout(&command);
    command.output_limit(limit);
    command.spawn().unwrap()
}
