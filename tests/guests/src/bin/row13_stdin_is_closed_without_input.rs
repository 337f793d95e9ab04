//! No input closes standard input, and so does an empty one.

use childproof_test_guests::sdk::CommunicateOptions;
use childproof_test_guests::{cat, run_piped};

childproof_test_guests::program!(guest);

fn guest() {
    let output = cat().communicate(b"").unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout.unwrap(), b"");

    for input in [None, Some(&b""[..])] {
        let output = run_piped("cat")
            .spawn_hosted()
            .unwrap()
            .communicate(input, &CommunicateOptions::new())
            .unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout.unwrap(), b"");
    }

    // So does waiting, as std has it.
    let mut child = cat();
    assert!(child.wait().unwrap().success());
    assert!(cat().wait_with_output().unwrap().status.success());
}
