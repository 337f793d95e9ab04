//! A host with another thread that waits for any child neither hangs nor makes a status up.

use childproof_test_guests::every_end_is_told_or_lost;

childproof_test_guests::program!(guest);

fn guest() {
    every_end_is_told_or_lost();
}
