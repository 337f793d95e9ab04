//! Exit status, wait, signals, and the end of a process.

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};

use childproof_host::audit::AuditEvent;
use childproof_host::policy::Tier;
use childproof_tests::{Case, Flavour, forget_collected_children, isolated, isolated_by, killed_at, program};
use rustix::process::{Pid, WaitOptions, wait};

crate::succeed! {
    row01_exit_137_is_not_sigkill
    row01_exit_codes_round_trip
    row02_wait_is_idempotent
    row02_wait_timeout_waits_for_the_end
    row03_concurrent_waits_all_answer
    row05_a_stopped_child_has_not_ended
    row09_four_ends_are_told_apart
    row20_signals_after_the_end
    row21_stop_says_what_ended_it
    row22_kill_reaches_the_group
    row23_drop_kills_the_group
}

/// Runs the guest with each confinement that there is.
fn succeeds_confined(case: Case) {
    for tier in [Tier::Full, Tier::Reduced] {
        case.again().tier(tier).grants(&["python3"]).succeeds();
    }
}

pub(crate) fn row22_kill_reaches_what_left_the_group(case: Case) {
    succeeds_confined(case);
}

pub(crate) fn row23_drop_kills_what_left_the_group(case: Case) {
    succeeds_confined(case);
}

pub(crate) fn row23_the_tree_ends_with_the_process(case: Case) {
    succeeds_confined(case);
}

pub(crate) fn row26_the_end_of_the_host_ends_the_tree(case: Case) {
    let name = case.test().to_owned();
    for tier in [Tier::Full, Tier::Reduced] {
        let case = case.again().tier(tier).grants(&["python3"]);
        killed_at("up\n", &name, tier.name(), || {
            // The processes have the standard output that the host was started with.
            let stdout = std::io::stdout().as_fd().try_clone_to_owned().unwrap();
            case.processes_stdout(stdout).run();
        });
    }
}

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

/// Runs `body` in a host that ignores SIGCHLD from its start, so that the kernel keeps no child for anybody to collect.
fn isolated_without_sigchld(name: &str, body: impl FnOnce()) {
    isolated_by(&["env".as_ref(), "--ignore-signal=CHLD".as_ref()], name, body);
}

pub(crate) fn row06_a_lost_status_is_an_error(case: Case) {
    let name = case.test().to_owned();
    isolated_without_sigchld(&name, || drop(case.before(forget_collected_children).succeeds()));
}

pub(crate) fn row07_a_host_that_ignores_sigchld(case: Case) {
    let name = case.test().to_owned();
    isolated_without_sigchld(&name, || drop(case.arg(fate()).succeeds()));
}

pub(crate) fn row07_a_host_that_collects_every_child(case: Case) {
    let name = case.test().to_owned();
    isolated(&name, || {
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
        case.arg(fate()).succeeds();
        drop(anchor.stdin.take());
        collector.join().unwrap();
    });
}

pub(crate) fn row04_wait_answers_while_a_grandchild_holds_the_pipes(case: Case) {
    // In a confinement the grandchild ends with its parent.
    case.tier(Tier::None).succeeds();
}

pub(crate) fn row08_a_traced_child_has_not_ended(case: Case) {
    // In a confinement no process sees another of the guest's.
    case.tier(Tier::None).grants(&["python3"]).succeeds();
}

pub(crate) fn row10_usage_is_of_the_own_child(case: Case) {
    // The memory of a host that runs other tests beside would not be known.
    let name = case.test().to_owned();
    isolated(&name, || drop(case.grants(&["python3"]).succeeds()));
}

pub(crate) fn row23_the_end_of_the_guest_kills(case: Case) {
    let run = |how: &str, tier: Tier| {
        let (mut output, processes) = std::io::pipe().unwrap();
        let is_the_sign =
            |event: &AuditEvent| matches!(event, AuditEvent::Ended { status, .. } if status == "exited 99");
        let case = case.again().tier(tier).grants(&["python3"]).arg(how);
        let case = case.processes_stdout(processes).stop_at(is_the_sign);
        match how {
            // WASI 0.2 has no other code than this for what is no success, and std ends a guest of either flavour by it.
            "exit" => case.exits(1),
            "trap" | "spin" | "wait" => case.traps(),
            _ => case.succeeds(),
        };
        // The pipe is at its end once the processes and what they started are gone.
        let mut said = String::new();
        output.read_to_string(&mut said).unwrap();
        assert_eq!(said, "up\nup\nup\n", "{how}");
    };
    let mut ways = vec!["return", "forget", "exit", "trap", "spin"];
    // A guest that waits inside of a synchronous host has the host's thread: nobody could drop its store.
    if case.flavour() != Flavour::P2Sync {
        ways.push("wait");
    }
    for tier in [Tier::Full, Tier::Reduced] {
        ways.iter().for_each(|how| run(how, tier));
    }
}
