//! The SDK feeds and drains at the same time: neither side ever waits for the other for good.

use childproof_test_guests::{cat, pattern};

childproof_test_guests::program!(guest);

fn guest() {
    let input = pattern(64 << 20);
    let output = cat().communicate(&input).unwrap();
    assert!(output.status.success() && output.complete);
    assert!(output.stdout.unwrap() == input, "what came back is not what was sent");
}
