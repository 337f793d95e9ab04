//! A guest can tell its own kill from a limit, and both from what the process did to itself.

use std::time::Duration;

use childproof_test_guests::sdk::{EndedBy, Limit, Signal, Stdio};
use childproof_test_guests::{run, sh, sleeper, status_of};

childproof_test_guests::program!(guest);

fn guest() {
    let exited = status_of("exit 3");
    assert_eq!((exited.code(), exited.ended_by()), (Some(3), EndedBy::Itself));

    for (name, signal) in [("SEGV", Signal::Segv), ("KILL", Signal::Kill), ("TERM", Signal::Term)] {
        let signaled = status_of(&format!("kill -{name} $$"));
        assert_eq!(
            (signaled.signal(), signaled.ended_by()),
            (Some(signal), EndedBy::Itself)
        );
    }

    let limited = run("sleep")
        .arg("1000")
        .timeout(Duration::from_millis(50))
        .status()
        .unwrap();
    assert_eq!(
        (limited.signal(), limited.limit()),
        (Some(Signal::Kill), Some(Limit::WallTime))
    );

    let mut child = sleeper();
    child.kill().unwrap();
    let killed = child.wait().unwrap();
    assert_eq!(
        (killed.signal(), killed.ended_by()),
        (Some(Signal::Kill), EndedBy::Guest)
    );

    let mut child = sleeper();
    child.terminate().unwrap();
    let terminated = child.wait().unwrap();
    assert_eq!(
        (terminated.signal(), terminated.ended_by()),
        (Some(Signal::Term), EndedBy::Guest)
    );

    let mut child = sleeper();
    child.send_signal(Signal::Usr1).unwrap();
    let signaled = child.wait().unwrap();
    assert_eq!(
        (signaled.signal(), signaled.ended_by()),
        (Some(Signal::Usr1), EndedBy::Guest)
    );

    // One that catches the signal and exits has ended by itself.
    let mut command = sh("trap 'exit 5' TERM; echo ready; while :; do read line; done");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0; 6]).unwrap();
    child.terminate().unwrap();
    let stdin = child.stdin.take();
    let exited = child.wait().unwrap();
    drop(stdin);
    assert_eq!((exited.code(), exited.ended_by()), (Some(5), EndedBy::Itself));
}
