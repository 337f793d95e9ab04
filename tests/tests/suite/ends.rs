//! Exit status, wait, signals, and the end of a process.

use std::io::Read as _;
use std::process::{Command, Stdio};

use childproof_host::audit::AuditEvent;
use childproof_tests::{Case, Flavour, forget_collected_children, program};
use rustix::process::{Pid, WaitOptions, wait};

/// Whether the kernel keeps the status of a child that somebody else collected: Linux 6.15 and later.
fn kernel_keeps_status() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release
        .split(['.', '-'])
        .map(|part| part.trim().parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap(), numbers.next().unwrap()) >= (6, 15)
}

/// What a guest is told about statuses that others collect.
fn fate() -> &'static str {
    if kernel_keeps_status() { "kept" } else { "lost" }
}

pub(crate) fn row06_a_lost_status_is_an_error(case: Case) {
    case.isolated(|case| drop(case.before(forget_collected_children).meets()));
}

pub(crate) fn row07_a_host_that_ignores_sigchld(case: Case) {
    case.isolated(|case| drop(case.again(&[fate()]).meets()));
}

pub(crate) fn row07_a_host_that_collects_every_child(case: Case) {
    case.isolated(|case| {
        // One child that stays, so that there is always one to wait for.
        #[expect(clippy::zombie_processes, reason = "the collector collects it")]
        let mut anchor = Command::new(program("cat"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let anchor_pid = Pid::from_child(&anchor);
        let collector = std::thread::spawn(
            move || {
                while wait(WaitOptions::empty()).unwrap().unwrap().0 != anchor_pid {}
            },
        );
        case.again(&[fate()]).meets();
        drop(anchor.stdin.take());
        collector.join().unwrap();
    });
}

pub(crate) fn row23_the_end_of_the_guest_kills(case: Case) {
    let run = |case: Case, run: &dyn Fn(Case)| {
        let (mut output, processes) = std::io::pipe().unwrap();
        let is_the_sign =
            |event: &AuditEvent| matches!(event, AuditEvent::Ended { status, .. } if status == "exited 99");
        run(case.processes_stdout(processes).stop_at(is_the_sign));
        // The pipe is at its end once the processes and what they started are gone.
        let mut said = String::new();
        output.read_to_string(&mut said).unwrap();
        assert_eq!(said, "up\nup\nup\n");
    };
    let mut tiers = Vec::new();
    for case in case.every() {
        if !tiers.contains(&case.tier()) {
            tiers.push(case.tier());
            run(case.again(&["spin"]), &|case| drop(case.traps()));
            // A guest that waits inside of a synchronous host has the host's thread: nobody could drop its store.
            if case.flavour() != Flavour::P2Sync {
                run(case.again(&["wait"]), &|case| drop(case.traps()));
            }
        }
        run(case, &|case| drop(case.meets()));
    }
    assert_eq!(tiers.len(), 2);
}
