//! A grandchild that holds the pipes cannot hang `communicate`, which says that it did not see their ends.

use std::time::Duration;

use childproof_test_guests::piped;
use childproof_test_guests::sdk::CommunicateOptions;

childproof_test_guests::program!(guest);

fn guest() {
    let holding = || piped("echo out; echo err >&2; sleep 1000 & exit 4");
    for drain in [Duration::ZERO, Duration::from_millis(20)] {
        let options = CommunicateOptions::new().drain(drain);
        let output = holding().spawn().unwrap().communicate_with(b"", &options).unwrap();
        assert_eq!((output.status.code(), output.complete), (Some(4), false));
        assert_eq!(
            (output.stdout.unwrap(), output.stderr.unwrap()),
            (b"out\n".to_vec(), b"err\n".to_vec())
        );

        let output = holding().spawn_hosted().unwrap().communicate(None, &options).unwrap();
        assert_eq!((output.status.code(), output.complete), (Some(4), false));
        assert_eq!(
            (output.stdout.unwrap(), output.stderr.unwrap()),
            (b"out\n".to_vec(), b"err\n".to_vec())
        );
    }

    // One pipe is at its end by then, and only the other is held.
    let options = CommunicateOptions::new().drain(Duration::from_millis(20));
    for (script, stdout, stderr) in [
        ("sleep 1000 2>/dev/null & echo out", "out\n", ""),
        ("sleep 1000 >/dev/null & echo err >&2", "", "err\n"),
    ] {
        let mut child = piped(script).spawn().unwrap();
        let output = child.communicate_with(b"", &options).unwrap();
        assert!(output.status.success() && !output.complete, "{script}");
        assert_eq!(output.stdout.unwrap(), stdout.as_bytes(), "{script}");
        assert_eq!(output.stderr.unwrap(), stderr.as_bytes(), "{script}");

        let mut child = piped(script).spawn_hosted().unwrap();
        let output = child.communicate(None, &options).unwrap();
        assert!(output.status.success() && !output.complete, "{script}");
        assert_eq!(output.stdout.unwrap(), stdout.as_bytes(), "{script}");
        assert_eq!(output.stderr.unwrap(), stderr.as_bytes(), "{script}");
    }

    // The policy's own deadline holds where the guest says nothing.
    let output = holding()
        .spawn_hosted()
        .unwrap()
        .communicate(None, &CommunicateOptions::new())
        .unwrap();
    assert_eq!((output.status.code(), output.complete), (Some(4), false));

    // Without anybody who holds them, the ends are seen.
    let output = piped("echo out").spawn().unwrap().communicate(b"").unwrap();
    assert!(output.complete);
}
