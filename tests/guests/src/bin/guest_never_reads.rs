//! A guest that starts what writes for ever and reads none of it.

use childproof_test_guests::run;
use childproof_test_guests::sdk::Stdio;

childproof_test_guests::program!(guest);

fn guest() {
    for _ in 0..10 {
        let child = run("yes")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::mem::forget(child);
    }
}
