//! All 256 exit codes arrive as they are.

use childproof_test_guests::sdk::EndedBy;
use childproof_test_guests::status_of;

childproof_test_guests::program!(guest);

fn guest() {
    for code in 0..=255 {
        let status = status_of(&format!("exit {code}"));
        assert_eq!(
            (status.code(), status.signal(), status.ended_by()),
            (Some(code), None, EndedBy::Itself)
        );
        assert_eq!(status.success(), code == 0);
    }
}
