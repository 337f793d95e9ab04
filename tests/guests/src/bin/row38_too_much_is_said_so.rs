//! More than the system takes is an error that says so, and the host does not suffer.

use childproof_test_guests::sdk::{Command, Error};
use childproof_test_guests::{cause, raw, run, sh};

childproof_test_guests::program!(guest);

fn guest() {
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
    let part = "x".repeat(64 << 10);
    let large: Vec<Command> = (0..13)
        .map(|_| {
            let mut command = run("true");
            assert_eq!(cause(command.args([&part; 80]).spawn()), Error::ArgumentsTooLong);
            command
        })
        .collect();
    // What the guest holds of such commands is bounded as a whole. Without them there is room again.
    assert_eq!(cause(run("true").arg(&part).spawn()), Error::ArgumentsTooLong);
    drop(large);
    assert!(run("true").arg(&part).status().unwrap().success());

    // An environment that was too large is none any more once it is cleared.
    let command = raw::sh("exit 0");
    for index in 0..1_000 {
        command.env(&format!("KEY_{index}"), &part);
    }
    assert!(matches!(command.spawn(), Err(raw::Error::ArgumentsTooLong)));
    command.clear_env();
    command.spawn().unwrap();

    let mut some = sh("exit 0");
    some.envs((0..1_000).map(|index| (format!("KEY_{index}"), "value")));
    assert!(some.status().unwrap().success());
}
