//! No more processes are started over the guest's life than the policy allows; those that failed do not count.

use childproof_test_guests::sdk::{Error, Quota};
use childproof_test_guests::{cause, run, status_of};

const SPENT: Error = Error::QuotaExceeded(Quota::TotalSpawns);

childproof_test_guests::program!(guest);

fn guest() {
    for _ in 0..10 {
        assert_eq!(cause(run("interpreter-missing").spawn()), Error::InterpreterNotFound);
    }
    assert!(run("twice").status().unwrap().success());
    assert!(run("twice").status().unwrap().success());
    assert_eq!(cause(run("twice").spawn()), SPENT, "the grant has a quota of its own");
    for _ in 0..3 {
        assert!(status_of("exit 0").success());
    }
    for _ in 0..10 {
        assert_eq!(cause(run("true").spawn()), SPENT);
    }
}
