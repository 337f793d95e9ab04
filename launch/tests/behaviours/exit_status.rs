//! Exit codes and deaths by signal are distinct, and all of them arrive.

use childproof_launch::{Signal, Termination};

use crate::support::{output, shell};

async fn end_of(script: &str) -> Termination {
    shell(script).wait().await.unwrap().termination
}

#[tokio::test]
async fn all_256_exit_codes_arrive() {
    for code in 0..=255 {
        assert_eq!(end_of(&format!("exit {code}")).await, Termination::Exited(code));
    }
}

#[tokio::test]
async fn an_exit_code_of_137_is_not_sigkill() {
    assert_eq!(end_of("exit 137").await, Termination::Exited(137));
    assert_eq!(end_of("kill -KILL $$").await, Termination::Signaled(Signal::Kill));
}

#[tokio::test]
async fn each_signal_that_ends_a_process_is_named() {
    let harmless = [Signal::Chld, Signal::Cont, Signal::Urg, Signal::Winch];
    let stops = [Signal::Stop, Signal::Tstp, Signal::Ttin, Signal::Ttou];
    let realtime = (0..=30).map(Signal::Realtime);
    for signal in Signal::NAMED.iter().copied().chain(realtime) {
        if harmless.contains(&signal) || stops.contains(&signal) {
            continue;
        }
        // cat waits for an end of its input that does not come.
        let (child, _input) = waiting_cat();
        child.signal(signal).unwrap();
        assert_eq!(child.wait().await.unwrap().termination, Termination::Signaled(signal));
    }
}

#[tokio::test]
async fn a_signal_without_a_name_is_told_by_its_number() {
    let (child, _input) = waiting_cat();
    child.signal(Signal::Other(32)).unwrap();
    assert_eq!(
        child.wait().await.unwrap().termination,
        Termination::Signaled(Signal::Other(32))
    );
}

fn waiting_cat() -> (childproof_launch::Child, std::io::PipeWriter) {
    use std::os::fd::AsFd;
    let (reader, writer) = std::io::pipe().unwrap();
    let (cat, null) = (crate::support::program("/bin/cat"), crate::support::null());
    let stdio = childproof_launch::Stdio {
        stdin: reader.as_fd(),
        stdout: null.as_fd(),
        stderr: null.as_fd(),
    };
    let mut command = childproof_launch::Command::new(&cat, stdio);
    // The signals that write a core dump shall not.
    command.rlimit(childproof_launch::Rlimit::new(childproof_launch::Resource::Core, 0));
    (command.spawn().unwrap(), writer)
}

#[tokio::test]
async fn a_process_that_ends_a_thread_early_is_told_by_its_last_end() {
    let script = "import threading, os, time\n\
                  threading.Thread(target=lambda: os._exit(41)).start()\n\
                  time.sleep(1000)";
    let (exit, _) = output("/usr/bin/python3", |command| {
        command.args(["-c", script]);
    })
    .await;
    assert_eq!(exit.termination, Termination::Exited(41));
}
