//! Exit status, wait, signals, and the end of a process.

use std::io::Read as _;

use childproof_host::audit::AuditEvent;
use childproof_tests::{Case, Flavour, isolated};

crate::succeed! {
    row01_exit_137_is_not_sigkill
    row01_exit_codes_round_trip
    row02_wait_is_idempotent
    row02_wait_timeout_waits_for_the_end
    row03_concurrent_pollables_all_become_ready
    row04_wait_answers_while_a_grandchild_holds_the_pipes
    row05_a_stopped_child_has_not_ended
    row09_four_ends_are_told_apart
    row20_signals_after_the_end
    row21_stop_says_what_ended_it
    row22_kill_reaches_the_group
    row23_drop_kills_the_group
}

pub(crate) fn row10_usage_is_of_the_own_child(case: Case) {
    // The memory of a host that runs other tests beside would not be known.
    let name = case.test().to_owned();
    isolated(&name, || drop(case.grants(&["python3"]).succeeds()));
}

pub(crate) fn row23_the_end_of_the_guest_kills(case: Case) {
    let run = |how: &str| {
        let (mut output, processes) = std::io::pipe().unwrap();
        let is_the_sign =
            |event: &AuditEvent| matches!(event, AuditEvent::Ended { status, .. } if status == "exited 99");
        let case = case.again().arg(how).processes_stdout(processes).stop_at(is_the_sign);
        match how {
            // WASI 0.2 has no other code than this for what is no success.
            "exit" => case.exits(1),
            "trap" | "spin" | "wait" => case.traps(),
            _ => case.succeeds(),
        };
        // The pipe is at its end once the processes and what they started are gone.
        let mut said = String::new();
        output.read_to_string(&mut said).unwrap();
        assert_eq!(said, "up\nup\nup\n", "{how}");
    };
    for how in ["return", "forget", "exit", "trap", "spin"] {
        run(how);
    }
    // A guest that waits inside of a synchronous host has the host's thread: nobody could drop its store.
    if case.flavour() == Flavour::P2Async {
        run("wait");
    }
}
