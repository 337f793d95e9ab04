//! Past the cap of a call there is an error with what was read, and the next call goes on behind it.

use childproof::{CommunicateOptions, Error};
use childproof_test_guests::{cause, pattern, run_piped};

const ALL: usize = 300_000;
const CAP: usize = 100_000;

fn main() {
    let input = pattern(ALL);
    let capped = CommunicateOptions::new().output_limit(CAP as u64);
    let free = CommunicateOptions::new();
    let carried = |error| match error {
        Error::OutputLimitReached(captured) => captured.stdout.unwrap(),
        other => panic!("{other:?}"),
    };

    let mut child = run_piped("cat").spawn().unwrap();
    assert!(carried(cause(child.communicate_with(&input, &capped))) == input[..CAP]);
    assert!(carried(cause(child.communicate_with(b"", &capped))) == input[CAP..2 * CAP]);
    let rest = child.communicate_with(b"", &capped).unwrap();
    assert!(rest.status.success() && rest.stdout.unwrap() == input[2 * CAP..], "just as much as the cap is not past it");

    let mut child = run_piped("cat").spawn_hosted().unwrap();
    assert!(carried(cause(child.communicate(Some(&input), &capped))) == input[..CAP]);
    assert!(carried(cause(child.communicate(None, &capped))) == input[CAP..2 * CAP]);
    let rest = child.communicate(None, &capped).unwrap();
    assert!(rest.status.success() && rest.stdout.unwrap() == input[2 * CAP..]);

    // The policy's cap, which is 250,000 here, holds for the one call whatever the guest asks for.
    let mut child = run_piped("cat").spawn_hosted().unwrap();
    assert!(carried(cause(child.communicate(Some(&input), &free))) == input[..250_000]);
    assert!(child.communicate(None, &free).unwrap().stdout.unwrap() == input[250_000..]);
}
