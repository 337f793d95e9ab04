//! A process that uses up its CPU time is ended, and its status says why.

use childproof::{EndedBy, Limit, Signal};
use childproof_test_guests::status_of;

fn main() {
    let status = status_of("while :; do :; done");
    assert_eq!((status.signal(), status.ended_by()), (Some(Signal::Xcpu), EndedBy::Limit(Limit::CpuTime)));

    // One that ignores the warning is killed, and the reason is the same.
    let status = status_of("trap '' XCPU; while :; do :; done");
    assert_eq!((status.signal(), status.ended_by()), (Some(Signal::Kill), EndedBy::Limit(Limit::CpuTime)));
}
