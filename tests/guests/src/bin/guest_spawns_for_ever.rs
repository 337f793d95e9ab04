//! A guest that starts processes for ever. The host stops it.

use childproof_test_guests::run;

childproof_test_guests::program!(guest);

fn guest() {
    loop {
        if let Ok(child) = run("sleep").arg("1000").spawn() {
            std::mem::forget(child);
        }
    }
}
