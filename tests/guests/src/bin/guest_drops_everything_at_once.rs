//! A guest that drops processes the moment they are started, with all that belongs to them.

use childproof_test_guests::{run_piped, sh};

fn main() {
    for _ in 0..50 {
        drop(run_piped("cat").spawn().unwrap());
        drop(sh("sleep 1000 & exec sleep 1000").spawn().unwrap());
        drop(run_piped("cat").spawn_hosted().unwrap());
    }
}
