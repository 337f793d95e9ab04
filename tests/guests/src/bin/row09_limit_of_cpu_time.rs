//! A process that uses up its CPU time is ended, and its status says why.

use childproof_test_guests::sdk::{EndedBy, Limit, Signal};
use childproof_test_guests::status_of;

childproof_test_guests::program!(guest);

fn guest() {
    let status = status_of("while :; do :; done");
    assert_eq!(
        (status.signal(), status.ended_by()),
        (Some(Signal::Xcpu), EndedBy::Limit(Limit::CpuTime))
    );

    // One that ignores the warning is killed, and the reason is the same.
    let status = status_of("trap '' XCPU; while :; do :; done");
    assert_eq!(
        (status.signal(), status.ended_by()),
        (Some(Signal::Kill), EndedBy::Limit(Limit::CpuTime))
    );
}
