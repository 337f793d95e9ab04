//! Guests that misbehave, and those that ask for a lot. That nothing is left of their processes is for every run.

use std::sync::atomic::{AtomicUsize, Ordering};

use childproof_host::audit::AuditEvent;
use childproof_host::policy::Limits;
use childproof_tests::{Case, isolated};

use crate::start::descriptors_at_each_spawn;

crate::succeed! {
    guest_does_not_flush
    guest_drops_everything_at_once
    guest_drops_in_any_order
    guest_drops_stdin_with_bytes_in_it
    guest_never_writes
}

pub(crate) fn guest_gives_away_a_stream_it_watched(case: Case) {
    let name = case.test().to_owned();
    isolated(&name, || {
        let counts = descriptors_at_each_spawn(case);
        assert_eq!(counts.len(), 400);
        // The first round opens what is kept. What is left of a round may be closed during the next, but a descriptor
        // that stayed would be there 200 times.
        assert!(counts[399] <= counts[3] + 20, "{counts:?}");
    });
}

pub(crate) fn guest_never_reads(case: Case) {
    case.grants(&["yes"]).succeeds();
}

pub(crate) fn guest_traps_half_way(case: Case) {
    case.grants(&["yes"]).traps();
}

pub(crate) fn guest_spawns_for_ever(case: Case) {
    let refusals = AtomicUsize::new(0);
    let enough = move |event: &AuditEvent| match event {
        AuditEvent::Refused { .. } => refusals.fetch_add(1, Ordering::Relaxed) == 1_000,
        _ => false,
    };
    let outcome = case
        .limits(Limits {
            live: Some(20),
            ..Limits::default()
        })
        .stop_at(enough)
        .traps();
    let started = outcome
        .events
        .iter()
        .filter(|event| matches!(event, AuditEvent::Started { .. }))
        .count();
    assert_eq!(started, 20);
}

pub(crate) fn guest_has_a_thousand_children(case: Case) {
    case.limits(Limits {
        live: Some(1_000),
        ..Limits::default()
    })
    .succeeds();
}
