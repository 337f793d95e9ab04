//! A child that a debugger holds is readable before its end can be had: `wait` goes on waiting.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process;
use std::sync::Arc;

use childproof_launch::{Command, Signal, Stdio, Termination};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::support::{line, null, program, quiet};

const TRACER: &str = "CHILDPROOF_LAUNCH_TRACER";

/// Not a test by itself: as the process that the test below starts, it takes hold of another one and lets go when told.
fn trace(pid: i32) {
    // SAFETY: the call takes numbers.
    let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0, 0) };
    println!("\nseized: {}", seized == 0);
    // The end of a tracer lets go of what it traced.
    std::io::stdin().read_exact(&mut [0]).unwrap();
    process::exit(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_on_a_traced_child_goes_on_until_the_end_can_be_had() {
    if let Ok(pid) = std::env::var(TRACER) {
        trace(pid.parse().unwrap());
    }
    let (_input, null, cat) = (std::io::pipe().unwrap(), null(), program("/bin/cat"));
    let stdio = Stdio {
        stdin: _input.0.as_fd(),
        ..quiet(&null)
    };
    let child = Arc::new(Command::new(&cat, stdio).spawn().unwrap());

    let test = "traced_child::a_wait_on_a_traced_child_goes_on_until_the_end_can_be_had";
    let mut tracer = process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(TRACER, child.id().to_string())
        .stdin(process::Stdio::piped())
        .stdout(process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = tracer.stdout.take().unwrap();
    let seized = loop {
        if let Some(answer) = line(&mut said).strip_prefix("seized: ") {
            break answer == "true";
        }
    };
    if !seized {
        // Past the test harness, which keeps what is printed to itself.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: traced_child: this system lets no process trace another of the same user"
        );
        tracer.stdin.take().unwrap().write_all(b".").unwrap();
        tracer.wait().unwrap();
        return;
    }

    let waiter = tokio::spawn({
        let child = Arc::clone(&child);
        async move { child.wait().await }
    });
    child.signal(Signal::Kill).unwrap();
    let pidfd = pidfd_open(Pid::from_raw(child.id() as i32).unwrap(), PidfdFlags::empty()).unwrap();
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], None).unwrap();
    // The pidfd is readable, and the end belongs to the tracer.
    for _ in 0..100 {
        assert_eq!(child.try_wait().unwrap(), None);
        tokio::task::yield_now().await;
    }
    assert!(!waiter.is_finished());

    tracer.stdin.take().unwrap().write_all(b".").unwrap();
    assert_eq!(
        waiter.await.unwrap().unwrap().termination,
        Termination::Signaled(Signal::Kill)
    );
    tracer.wait().unwrap();
}
