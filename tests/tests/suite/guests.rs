//! Guests that misbehave, and those that ask for a lot. That nothing is left of their processes is for every run.

use std::sync::atomic::{AtomicUsize, Ordering};

use childproof_host::audit::AuditEvent;
use childproof_tests::Case;

use crate::start::descriptors_at_each_spawn;

pub(crate) fn guest_gives_away_a_stream_it_watched(case: Case) {
    case.isolated(|case| {
        let counts = descriptors_at_each_spawn(case);
        assert_eq!(counts.len(), 400);
        // The first round opens what is kept. What is left of a round may be closed during the next, but a descriptor
        // that stayed would be there 200 times.
        assert!(counts[399] <= counts[3] + 20, "{counts:?}");
    });
}

pub(crate) fn guest_spawns_for_ever(case: Case) {
    let refusals = AtomicUsize::new(0);
    let enough = move |event: &AuditEvent| match event {
        AuditEvent::Refused { .. } => refusals.fetch_add(1, Ordering::Relaxed) == 1_000,
        _ => false,
    };
    let outcome = case.stop_at(enough).traps();
    let started = outcome
        .events
        .iter()
        .filter(|event| matches!(event, AuditEvent::Started { .. }))
        .count();
    assert_eq!(started, 20);
}
