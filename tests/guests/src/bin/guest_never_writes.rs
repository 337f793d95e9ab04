//! A guest that starts what reads, and neither writes nor closes the pipes.

use childproof_test_guests::cat;

fn main() {
    for _ in 0..10 {
        std::mem::forget(cat());
    }
}
