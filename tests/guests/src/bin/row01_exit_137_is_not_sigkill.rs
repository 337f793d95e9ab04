//! A code above 128 is a code, and a death by signal is none.

use childproof_test_guests::sdk::Signal;
use childproof_test_guests::status_of;

childproof_test_guests::program!(guest);

fn guest() {
    let exited = status_of("exit 137");
    assert_eq!((exited.code(), exited.signal()), (Some(137), None));

    let killed = status_of("kill -KILL $$");
    assert_eq!((killed.code(), killed.signal()), (None, Some(Signal::Kill)));
    assert!(!killed.success());
    assert_ne!(exited, killed);
}
