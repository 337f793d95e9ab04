//! The operator is told what was granted, refused, started and ended, in order.

use std::time::Duration;

use childproof_test_guests::{cause, run, sh, sleeper};

childproof_test_guests::program!(guest);

fn guest() {
    assert_eq!(sh("exit 3").status().unwrap().code(), Some(3));
    cause(run("unheard-of").spawn());
    cause(run("bare").arg("push").spawn());
    sleeper().stop(Duration::from_secs(60)).unwrap();
    run("sleep")
        .arg("1000")
        .timeout(Duration::from_millis(20))
        .status()
        .unwrap();
    cause(run("interpreter-missing").spawn());

    let mut unsignalled = run("unsignalled").arg("1000").spawn().unwrap();
    cause(unsignalled.terminate());
    // Where it may not be asked, it is killed without being asked, and nothing is refused.
    unsignalled.stop(Duration::from_secs(60)).unwrap();
    cause(run("true").arg("x".repeat(7 << 20)).spawn());
    drop(sleeper());
}
