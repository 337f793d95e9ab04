//! A host that has the kernel collect its children neither hangs nor makes a status up.

use childproof_test_guests::every_end_is_told_or_lost;

fn main() {
    every_end_is_told_or_lost();
}
