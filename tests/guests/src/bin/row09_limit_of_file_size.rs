//! A process that writes too large a file is ended, and its status says why.

use childproof_test_guests::sdk::{EndedBy, Limit, Signal};
use childproof_test_guests::status_of;

childproof_test_guests::program!(guest);

fn guest() {
    let status = status_of("exec head -c 1000000 /dev/zero > large");
    assert_eq!(
        (status.signal(), status.ended_by()),
        (Some(Signal::Xfsz), EndedBy::Limit(Limit::FileSize))
    );
    assert!(std::fs::metadata("/data/large").unwrap().len() <= 65_536);

    assert!(status_of("head -c 1000 /dev/zero > small").success());
}
