//! A guest that starts processes for ever. The host stops it.

use childproof_test_guests::run;

fn main() {
    loop {
        if let Ok(child) = run("sleep").arg("1000").spawn() {
            std::mem::forget(child);
        }
    }
}
