//! A child starts with every signal at its default and none blocked, and the host keeps its own.

use childproof_launch::{Signal, Termination};

use crate::support::{block_on, in_own_process, name, shell, text};

fn signal_lines(status: &str) -> Vec<String> {
    let kept = ["SigBlk:", "SigIgn:", "SigCgt:"];
    status
        .lines()
        .filter(|line| kept.iter().any(|key| line.starts_with(key)))
        .map(str::to_owned)
        .collect()
}

extern "C" fn handler(_: i32) {}

#[test]
fn nothing_of_the_hosts_signals_reaches_the_child() {
    in_own_process(name!(nothing_of_the_hosts_signals_reaches_the_child), || {
        // SAFETY: the handler does nothing, the set is initialised before it is read.
        unsafe {
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            libc::signal(libc::SIGRTMIN() + 3, libc::SIG_IGN);
            libc::signal(libc::SIGUSR1, handler as *const () as libc::sighandler_t);
            let mut all = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        }
        let before = signal_lines(&std::fs::read_to_string("/proc/thread-self/status").unwrap());
        assert!(
            before.iter().all(|line| !line.ends_with("0000000000000000")),
            "{before:?}"
        );
        let status = block_on(text("/bin/cat", |command| {
            command.arg("/proc/self/status");
        }));
        for line in signal_lines(&status) {
            assert!(line.ends_with("\t0000000000000000"), "{line}");
        }
        let after = signal_lines(&std::fs::read_to_string("/proc/thread-self/status").unwrap());
        // Tokio has no handler here, so the host's own state is as it was.
        assert_eq!(before, after);
    });
}

#[tokio::test]
async fn a_child_that_writes_to_a_pipe_nobody_reads_dies_of_sigpipe() {
    // Every Rust program ignores SIGPIPE, this one too.
    let child = shell("kill -PIPE $$; exit 1");
    assert_eq!(
        child.wait().await.unwrap().termination,
        Termination::Signaled(Signal::Pipe)
    );
}
