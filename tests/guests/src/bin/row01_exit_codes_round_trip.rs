//! All 256 exit codes arrive as they are.

use childproof::EndedBy;
use childproof_test_guests::status_of;

fn main() {
    for code in 0..=255 {
        let status = status_of(&format!("exit {code}"));
        assert_eq!((status.code(), status.signal(), status.ended_by()), (Some(code), None, EndedBy::Itself));
        assert_eq!(status.success(), code == 0);
    }
}
