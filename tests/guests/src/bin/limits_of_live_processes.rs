//! No more processes live at once than the policy allows, for the guest and for each grant.

use childproof_test_guests::sdk::{Child, Error, Quota};
use childproof_test_guests::{cause, run, sleeper};

const FULL: Error = Error::QuotaExceeded(Quota::LiveProcesses);

childproof_test_guests::program!(guest);

fn guest() {
    let mut alive: Vec<Child> = (0..4).map(|_| sleeper()).collect();
    assert_eq!(cause(run("true").spawn()), FULL);
    // The end of one, seen or brought about, makes room for one.
    alive[0].kill().unwrap();
    alive[0].wait().unwrap();
    let mut another = run("true").spawn().unwrap();
    another.wait().unwrap();
    drop(alive.pop());
    let single = run("single").arg("1000").spawn().unwrap();
    assert_eq!(
        cause(run("single").arg("1000").spawn()),
        FULL,
        "the grant has one of its own"
    );
    assert!(run("true").status().unwrap().success());
    drop(single);
    assert!(run("single").arg("0").status().unwrap().success());

    // A spawn that fails takes no place.
    for _ in 0..10 {
        assert_eq!(cause(run("interpreter-missing").spawn()), Error::InterpreterNotFound);
    }
    alive.push(sleeper());
    alive.push(sleeper());
    assert_eq!(cause(run("true").spawn()), FULL);
}
