//! The one call to the host feeds and drains at the same time.

use childproof_test_guests::sdk::CommunicateOptions;
use childproof_test_guests::{pattern, run_piped};

childproof_test_guests::program!(guest);

fn guest() {
    let input = pattern(64 << 20);
    let mut cat = run_piped("cat").spawn_hosted().unwrap();
    let output = cat.communicate(Some(&input), &CommunicateOptions::new()).unwrap();
    assert!(output.status.success() && output.complete);
    assert!(output.stdout.unwrap() == input, "what came back is not what was sent");
    assert_eq!(output.stderr.unwrap(), b"");
}
