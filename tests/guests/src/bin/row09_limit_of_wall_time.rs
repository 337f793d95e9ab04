//! The policy's wall time ends a process, whatever longer time the guest asks for.

use std::io::Read;
use std::time::Duration;

use childproof_test_guests::sdk::{EndedBy, Limit, Signal, Stdio};
use childproof_test_guests::{run, sh};

childproof_test_guests::program!(guest);

fn guest() {
    let mut sleep = run("sleep");
    sleep.arg("1000").timeout(Duration::from_secs(1000));
    let status = sleep.status().unwrap();
    assert_eq!(
        (status.signal(), status.ended_by()),
        (Some(Signal::Kill), EndedBy::Limit(Limit::WallTime))
    );

    // One that ends in time does not hear of it.
    assert!(sh("exit 0").status().unwrap().success());

    // What it left behind does.
    let mut command = sh("sleep 1000 & exit 0");
    command.timeout(Duration::from_millis(50));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(child.stdout.take().unwrap().read(&mut [0]).unwrap(), 0);
}
