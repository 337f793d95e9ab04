//! What only WASI 0.3 has: many calls under way, cancelled anywhere, and streams that are dropped and passed on in any order.

use childproof_host::audit::AuditEvent;
use childproof_suite::Expect;
use childproof_tests::{Case, End};

use crate::start::descriptors_at_each_spawn;

pub(crate) fn async_a_plain_main_may_spawn_and_kill(case: Case) {
    for case in case.every() {
        let expected = case.expect();
        let outcome = case.meets();
        match &outcome.end {
            End::Trap(why) => assert!(
                why.contains("cannot block a synchronous task before returning"),
                "{why}"
            ),
            _ => assert_eq!(*expected, Expect::Success),
        }
    }
}

pub(crate) fn async_a_spawn_is_never_half(case: Case) {
    let outcome = case.meets();
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

pub(crate) fn async_leaves_nothing_open(case: Case) {
    case.isolated(|case| {
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
    for case in case.every() {
        case.stop_at(is_the_sign).meets();
    }
    case.again(&["wait"]).stop_at(is_the_sign).traps();
}
