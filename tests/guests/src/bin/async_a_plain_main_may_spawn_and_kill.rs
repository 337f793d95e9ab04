//! What does not wait is for any function, the `main` of a command of WASI 0.2 included, to call: it starts processes, looks at
//! them and ends them. What waits is not. What it is to do is its argument.

use childproof_test_guests::asynchronous::{piped, stdin_of};
use childproof_test_guests::raw::{Command, DEFAULTS, Error, Process, Signal, Termination, sh};
use childproof_test_guests::until;
use wit_bindgen::block_on;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("all") => all(),
        // None of these comes back.
        Some("wait") => drop(block_on(sleeper().wait())),
        Some("communicate") => drop(block_on(sleeper().communicate(None, DEFAULTS))),
        Some("stop") => drop(block_on(sleeper().stop(1_000_000_000_000))),
        Some("read") => drop(block_on(async {
            sleeper().take_stdout().unwrap().0.read(Vec::with_capacity(1)).await
        })),
        other => panic!("nothing to do: {other:?}"),
    }
}

fn sleeper() -> Process {
    let command = sh("trap '' TERM; while :; do sleep 1000; done");
    piped(command).spawn().unwrap()
}

fn all() {
    assert!(matches!(Command::new("nothing").spawn(), Err(Error::UnknownGrant(_))));
    let killed = sleeper();
    let _streams = (stdin_of(&killed), killed.take_stdout().unwrap());
    assert!(killed.try_wait().unwrap().is_none());
    assert!(killed.usage().is_none());
    killed.kill().unwrap();
    let status = until(|| killed.try_wait().unwrap());
    assert!(
        matches!(status.termination, Termination::Signaled(Signal::Kill)),
        "{status:?}"
    );
    assert!(killed.usage().is_some());
    assert!(matches!(killed.send_signal(Signal::Term), Err(Error::NoSuchProcess)));
    killed.terminate().unwrap();

    let signaled = Command::new("cat");
    let signaled = piped(signaled).spawn().unwrap();
    signaled.send_signal(Signal::Hup).unwrap();
    let status = until(|| signaled.try_wait().unwrap());
    assert!(
        matches!(status.termination, Termination::Signaled(Signal::Hup)),
        "{status:?}"
    );

    let terminated = piped(Command::new("cat")).spawn().unwrap();
    terminated.terminate().unwrap();
    until(|| terminated.try_wait().unwrap());
    assert_ne!(signaled.id(), terminated.id());

    // One that is dropped alive ends with that.
    drop(sleeper());
}
