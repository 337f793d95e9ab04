//! Feeding a process and reading what it writes.

use std::time::Duration;

use childproof_host::policy::{Limits, Tier};
use childproof_tests::Case;

crate::succeed! {
    row11_a_hosted_process_gives_its_pipes_back
    row11_communicate_call_moves_64_mib_each_way
    row11_communicate_pumps_64_mib_each_way
    row12_a_broken_pipe_is_for_raw_writes
    row13_stdin_is_closed_without_input
    row14_what_was_not_piped_answers_none
    row15_communicate_goes_on_after_a_timeout
    row16_back_pressure_reaches_the_child
    row17_output_is_bytes_without_lines
    row18_output_stays_readable_after_the_exit
}

pub(crate) fn row16_an_output_cap_carries_what_was_read(case: Case) {
    case.limits(Limits {
        capture: Some(250_000),
        ..Limits::default()
    })
    .succeeds();
}

pub(crate) fn row19_a_drain_deadline_ends_communicate(case: Case) {
    // In a confinement the grandchild ends with its parent.
    case.tier(Tier::None)
        .limits(Limits {
            drain: Some(Duration::from_millis(50)),
            ..Limits::default()
        })
        .succeeds();
}
