//! A code above 128 is a code, and a death by signal is none.

use childproof::Signal;
use childproof_test_guests::status_of;

fn main() {
    let exited = status_of("exit 137");
    assert_eq!((exited.code(), exited.signal()), (Some(137), None));

    let killed = status_of("kill -KILL $$");
    assert_eq!((killed.code(), killed.signal()), (None, Some(Signal::Kill)));
    assert!(!killed.success());
    assert_ne!(exited, killed);
}
