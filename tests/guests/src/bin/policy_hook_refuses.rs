//! A hook of the host can refuse what the policy allows, and its reason reaches the guest.

use childproof_test_guests::sdk::Error;
use childproof_test_guests::{cause, sh};

childproof_test_guests::program!(guest);

fn guest() {
    assert!(sh("exit 0").status().unwrap().success());
    match cause(sh("echo forbidden").spawn()) {
        Error::Refused(problem) => {
            assert!(problem.message.contains("not on a Sunday"), "{problem:?}");
        }
        other => panic!("{other:?}"),
    }
    assert!(sh("exit 0").status().unwrap().success());
}
