//! A guest that starts what reads, and neither writes nor closes the pipes.

use childproof_test_guests::cat;

childproof_test_guests::program!(guest);

fn guest() {
    for _ in 0..10 {
        std::mem::forget(cat());
    }
}
