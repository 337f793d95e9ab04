//! More than the system takes is an error that says so, and the host does not suffer.

use childproof::Error;
use childproof_test_guests::{cause, run, sh};

fn main() {
    assert_eq!(
        cause(run("true").arg("x".repeat(2 << 20)).spawn()),
        Error::ArgumentsTooLong
    );
    assert_eq!(
        cause(run("true").arg("x".repeat(64 << 20)).spawn()),
        Error::ArgumentsTooLong
    );
    assert_eq!(
        cause(run("true").args((0..1_000_000).map(|_| "y")).spawn()),
        Error::ArgumentsTooLong
    );

    let mut many = sh("exit 0");
    many.envs((0..100_000).map(|index| (format!("KEY_{index}"), "value of some length to be sure")));
    assert_eq!(cause(many.spawn()), Error::ArgumentsTooLong);

    // The host takes these. The system does not, with the stack that it was given.
    let parts = std::iter::repeat_n("x".repeat(64 << 10), 80);
    assert_eq!(cause(run("true").args(parts).spawn()), Error::ArgumentsTooLong);

    let mut some = sh("exit 0");
    some.envs((0..1_000).map(|index| (format!("KEY_{index}"), "value")));
    assert!(some.status().unwrap().success());
}
