//! What only WASI 0.3 has: many calls under way, cancelled anywhere, and streams that are dropped and passed on in any order.

use childproof_host::audit::AuditEvent;
use childproof_host::policy::{Limits, Tier};
use childproof_tests::{Case, End, isolated};

use crate::start::descriptors_at_each_spawn;

crate::succeed! {
    async_a_busy_stream_starves_nobody
    async_a_cancelled_communicate_goes_on
    async_a_cancelled_read_loses_nothing
    async_a_cancelled_stop_kills_nobody_later
    async_a_cancelled_wait_loses_nothing
    async_a_cancelled_write_says_how_much
    async_drops_in_every_order
    async_many_waiters_all_get_the_status
    async_what_is_begun_by_polls_is_written
    async_zero_length_reads_and_writes
}

pub(crate) fn async_a_drain_of_no_time_sees_the_ends(case: Case) {
    // In a confinement, what starts a process may hold its pipes a moment longer than the process itself; and so may any child
    // of this host that another test is just starting.
    let name = case.test().to_owned();
    isolated(&name, || drop(case.tier(Tier::None).succeeds()));
}

pub(crate) fn async_what_is_dropped_makes_room_at_once(case: Case) {
    case.limits(Limits {
        live: Some(4),
        held: Some(20),
        ..Limits::default()
    })
    .succeeds();
}

pub(crate) fn async_a_crowd_of_calls_is_bounded(case: Case) {
    // What the host once held would count as the peak of the processes that other tests start.
    let name = case.test().to_owned();
    isolated(&name, || drop(case.succeeds()));
}

pub(crate) fn async_a_plain_main_may_spawn_and_kill(case: Case) {
    case.again().arg("all").succeeds();
    for what in ["wait", "communicate", "stop", "read"] {
        let outcome = case.again().arg(what).traps();
        let End::Trap(why) = &outcome.end else { unreachable!() };
        assert!(
            why.contains("cannot block a synchronous task before returning"),
            "{what}: {why}"
        );
    }
}

pub(crate) fn async_a_spawn_is_never_half(case: Case) {
    let outcome = case.succeeds();
    let count = |is_it: &dyn Fn(&AuditEvent) -> bool| outcome.events.iter().filter(|event| is_it(event)).count();
    // Those of the 20 rounds, and three that say where they are to another.
    assert_eq!(
        count(&|event| matches!(event, AuditEvent::Started { .. })),
        2 * 20 + 3 * 2
    );
    let was_killed = |event: &AuditEvent| match event {
        AuditEvent::Ended { status, by, .. } => status == "signaled SIGKILL" && by == "guest",
        _ => false,
    };
    assert_eq!(count(&was_killed), 2 * 20 + 3, "{:#?}", outcome.events);
}

pub(crate) fn async_a_thousand_children_at_once(case: Case) {
    case.limits(Limits {
        live: Some(1_000),
        ..Limits::default()
    })
    .succeeds();
}

pub(crate) fn async_any_stream_can_be_stdin(case: Case) {
    case.grants(&["wc"]).stdin("given to the guest\n").succeeds();
}

pub(crate) fn async_both_flavours_in_one_guest(case: Case) {
    case.limits(Limits {
        live: Some(2),
        ..Limits::default()
    })
    .succeeds();
}

pub(crate) fn async_leaves_nothing_open(case: Case) {
    let name = case.test().to_owned();
    isolated(&name, || {
        let counts = descriptors_at_each_spawn(case);
        // The first rounds open what is kept. What is left of a round may be closed during the next, but a descriptor that
        // stayed would be there 25 times.
        let (early, late) = (&counts[10..30], &counts[counts.len() - 20..]);
        assert!(
            late.iter().max() <= early.iter().max().map(|early| early + 5).as_ref(),
            "{counts:?}"
        );
    });
}

pub(crate) fn async_returns_with_calls_pending(case: Case) {
    let is_the_sign = |event: &AuditEvent| matches!(event, AuditEvent::Ended { status, .. } if status == "exited 99");
    for how in ["return", "fail", "forget", "trap", "exit", "wait"] {
        let case = case.again().arg(how).stop_at(is_the_sign);
        match how {
            // WASI has no other code than this for what is no success.
            "fail" | "exit" => case.exits(1),
            "trap" | "wait" => case.traps(),
            _ => case.succeeds(),
        };
    }
}

pub(crate) fn async_streams_pass_from_process_to_process(case: Case) {
    case.grants(&["yes"]).succeeds();
}
