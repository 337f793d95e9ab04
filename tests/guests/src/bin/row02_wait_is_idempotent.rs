//! `wait` and `try_wait` answer the same, however often they are asked.

use childproof_test_guests::sh;

childproof_test_guests::program!(guest);

fn guest() {
    let mut child = sh("exit 5").spawn().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(5));
    for _ in 0..10 {
        assert_eq!(child.wait().unwrap(), status);
        assert_eq!(child.try_wait().unwrap(), Some(status));
    }
}
