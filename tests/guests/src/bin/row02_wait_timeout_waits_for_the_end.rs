//! A wait with a timeout answers once the process has ended, or that it has not.

use std::time::Duration;

use childproof_test_guests::{PATIENCE, cat, status_of};

childproof_test_guests::program!(guest);

fn guest() {
    let mut child = cat();
    assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), None);
    assert_eq!(child.wait_timeout(Duration::from_millis(20)).unwrap(), None);
    assert!(child.stdin.is_some(), "a wait in vain closes nothing");
    assert_eq!(child.try_wait().unwrap(), None, "and ends nothing");

    // It ends when its input does, and nothing else would end this wait in time. Of many that end, most are still there
    // when the wait begins.
    for _ in 0..50 {
        let mut child = cat();
        drop(child.stdin.take());
        assert!(child.wait_timeout(PATIENCE * 10).unwrap().unwrap().success());
    }
    drop(child.stdin.take());
    let status = child.wait_timeout(PATIENCE * 10).unwrap().unwrap();
    assert!(status.success());
    assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), Some(status));
    assert_eq!(child.wait().unwrap(), status);
    assert_eq!(status, status_of("exit 0"));
}
