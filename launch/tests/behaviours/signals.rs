//! Signals reach the process alone, and an ended process is told apart.

use std::io::Read;

use childproof_launch::{Signal, SignalError, Termination};

use crate::support::{line, peek, shell, shell_with_output};

#[tokio::test]
async fn a_signal_to_an_ended_process_says_so_waited_for_or_not() {
    let child = shell("exit 0");
    peek(child.id(), libc::WEXITED).unwrap();
    assert!(matches!(child.signal(Signal::Term), Err(SignalError::Ended)));
    child.wait().await.unwrap();
    assert!(matches!(child.signal(Signal::Kill), Err(SignalError::Ended)));
    child.kill_tree().unwrap();
}

#[tokio::test]
async fn a_signal_that_the_platform_does_not_have_is_refused() {
    let child = shell("exec sleep 1000");
    for signal in [
        Signal::Realtime(31),
        Signal::Realtime(255),
        Signal::Other(0),
        Signal::Other(65),
        Signal::Other(-1),
    ] {
        assert!(
            matches!(child.signal(signal), Err(SignalError::Unsupported)),
            "{signal}"
        );
    }
    assert_eq!(child.try_wait().unwrap(), None);
}

#[tokio::test]
async fn a_signal_reaches_the_process_and_not_its_group() {
    let script = "trap 'echo caught; exit 4' TERM; sleep 1000 & echo $!; while :; do wait; done";
    let (child, mut output) = shell_with_output(script);
    let grandchild = line(&mut output);
    child.signal(Signal::Term).unwrap();
    assert_eq!(line(&mut output), "caught");
    assert_eq!(child.wait().await.unwrap().termination, Termination::Exited(4));
    let state = std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap();
    assert!(!state.rsplit_once(')').unwrap().1.starts_with(" Z"), "{state}");
    drop(child);
    output.read_to_end(&mut Vec::new()).unwrap();
}
