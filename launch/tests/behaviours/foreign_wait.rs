//! A host that ignores SIGCHLD, or collects whatever ends, neither hangs nor makes a status up.

use childproof_launch::{Signal, SignalError, Termination, WaitError};

use crate::support::{Refusal, block_on, in_own_process, name, refuse, shell};

/// Whether the kernel keeps the status of a process that was collected: Linux 6.15 and later.
pub(crate) fn kernel_keeps_status() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release
        .split(['.', '-'])
        .map(|part| part.trim().parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap(), numbers.next().unwrap()) >= (6, 15)
}

/// What a wait must answer when somebody else collected the child.
async fn assert_told(script: &str, termination: Termination) {
    let child = shell(script);
    for _ in 0..2 {
        match child.wait().await {
            Ok(exit) => {
                assert!(kernel_keeps_status());
                assert_eq!((exit.termination, exit.usage), (termination, None));
            }
            Err(WaitError::StatusLost) => assert!(!kernel_keeps_status()),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(matches!(child.signal(Signal::Term), Err(SignalError::Ended)));
    child.kill_tree().unwrap();
}

async fn assert_all_told() {
    for code in [0, 1, 42, 137, 255] {
        assert_told(&format!("exit {code}"), Termination::Exited(code)).await;
    }
    // The thread that leads the process ends first, with another code than the process later.
    let script = r#"
import ctypes, os, threading
libc = ctypes.CDLL(None)
def end():
    while open(f"/proc/{os.getpid()}/stat").read().rsplit(")", 1)[1].split()[0] != "Z":
        pass
    os._exit(41)
threading.Thread(target=end).start()
libc.pthread_exit(None)
"#;
    assert_told(&format!("exec /usr/bin/python3 -c '{script}'"), Termination::Exited(41)).await;
    assert_told("kill -TERM $$", Termination::Signaled(Signal::Term)).await;
    assert_told("kill -KILL $$", Termination::Signaled(Signal::Kill)).await;
}

fn ignore_sigchld() {
    // SAFETY: ignoring a signal runs no code.
    assert_ne!(unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) }, libc::SIG_ERR);
}

#[test]
fn a_host_that_ignores_sigchld_learns_the_status() {
    in_own_process(name!(a_host_that_ignores_sigchld_learns_the_status), || {
        ignore_sigchld();
        block_on(assert_all_told());
    });
}

#[test]
fn a_host_that_collects_every_child_learns_the_status() {
    in_own_process(name!(a_host_that_collects_every_child_learns_the_status), || {
        // One child that stays, so that there is always one to wait for.
        #[expect(clippy::zombie_processes, reason = "the collector collects it")]
        let mut anchor = std::process::Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        let anchor_pid = anchor.id() as i32;
        let (collected, children) = std::sync::mpsc::channel();
        let collector = std::thread::spawn(move || {
            loop {
                // SAFETY: no status is asked for.
                let pid = unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) };
                if pid == anchor_pid {
                    return;
                }
                collected.send(pid).unwrap();
            }
        });
        block_on(async {
            // A child whose handle asks only when the other was first.
            let child = shell("exit 33");
            while children.recv().unwrap() != child.id() as i32 {}
            match child.try_wait() {
                Ok(exit) => assert_eq!(exit.unwrap().termination, Termination::Exited(33)),
                Err(WaitError::StatusLost) => assert!(!kernel_keeps_status()),
                Err(error) => panic!("{error}"),
            }
            // Children for which both ask at the same time: either may be first.
            for code in 0..100 {
                match shell(&format!("exit {code}")).wait().await {
                    Ok(exit) => assert_eq!(exit.termination, Termination::Exited(code)),
                    Err(WaitError::StatusLost) => assert!(!kernel_keeps_status()),
                    Err(error) => panic!("{error}"),
                }
            }
        });
        anchor.kill().unwrap();
        collector.join().unwrap();
    });
}

#[test]
fn a_status_that_the_kernel_did_not_keep_is_lost() {
    in_own_process(name!(a_status_that_the_kernel_did_not_keep_is_lost), || {
        ignore_sigchld();
        block_on(async {
            let children = [shell("exit 7"), shell("kill -TERM $$")];
            // As a kernel before 6.13 answers.
            refuse(Refusal {
                call: libc::SYS_ioctl,
                argument: None,
                errno: libc::ENOTTY,
            });
            for child in &children {
                assert!(matches!(child.wait().await, Err(WaitError::StatusLost)));
                assert!(matches!(child.try_wait(), Err(WaitError::StatusLost)));
                assert!(matches!(child.signal(Signal::Term), Err(SignalError::Ended)));
                child.kill_tree().unwrap();
            }
        });
    });
}
