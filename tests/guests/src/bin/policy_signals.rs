//! Signals that the policy does not name are refused; `kill` is always allowed.

use std::io::Read;
use std::time::Duration;

use childproof_test_guests::sdk::{Child, Signal, Stdio, StoppedBy};
use childproof_test_guests::{PATIENCE, refused, run};

fn start() -> Child {
    let mut command = run("guarded");
    command.args([
        "-c",
        "trap 'echo heard; exit 0' INT; echo ready; while :; do read line; done",
    ]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    child
}

childproof_test_guests::program!(guest);

fn guest() {
    let mut child = start();
    assert_eq!(refused(child.send_signal(Signal::Term)), "signal");
    assert_eq!(refused(child.send_signal(Signal::Hup)), "signal");
    assert_eq!(refused(child.terminate()), "signal");
    assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), None);
    child.send_signal(Signal::Int).unwrap();
    let mut heard = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "heard\n");
    assert!(child.wait().unwrap().success());

    let mut child = start();
    child.send_signal(Signal::Kill).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::Kill));

    // Without leave to ask, `stop` does not wait to kill.
    let stopped = start().stop(PATIENCE * 10).unwrap();
    assert_eq!(
        (stopped.by, stopped.status.signal()),
        (StoppedBy::Kill, Some(Signal::Kill))
    );
}
