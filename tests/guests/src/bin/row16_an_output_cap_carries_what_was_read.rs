//! Past the cap of a call there is an error with what was read, and the next call goes on behind it.

use std::fs;
use std::io;
use std::time::Duration;

use childproof_test_guests::sdk::{Captured, Command, CommunicateOptions, Communicated, Error, Stdio};
use childproof_test_guests::{cause, pattern, printed, run_piped, sh};

const ALL: usize = 300_000;
const CAP: usize = 100_000;

childproof_test_guests::program!(guest);

fn guest() {
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
    assert!(
        rest.status.success() && rest.stdout.unwrap() == input[2 * CAP..],
        "just as much as the cap is not past it"
    );

    let mut child = run_piped("cat").spawn_hosted().unwrap();
    assert!(carried(cause(child.communicate(Some(&input), &capped))) == input[..CAP]);
    assert!(carried(cause(child.communicate(None, &capped))) == input[CAP..2 * CAP]);
    let rest = child.communicate(None, &capped).unwrap();
    assert!(rest.status.success() && rest.stdout.unwrap() == input[2 * CAP..]);

    // The policy's cap, which is 250,000 here, holds for the one call whatever the guest asks for.
    for asked in [free, CommunicateOptions::new().output_limit(ALL as u64)] {
        let mut child = run_piped("cat").spawn_hosted().unwrap();
        assert!(carried(cause(child.communicate(Some(&input), &asked))) == input[..250_000]);
        assert!(child.communicate(None, &asked).unwrap().stdout.unwrap() == input[250_000..]);
    }

    capped_together();

    let mut gated = sh("cat; echo err >&2; : > written; read line < gate; echo last");
    gated
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    capped_after_a_timeout(&mut gated, |command| {
        let mut child = command.spawn().unwrap();
        move |input, options| child.communicate_with(input, options)
    });
    capped_after_a_timeout(&mut gated, |command| {
        let mut child = command.spawn_hosted().unwrap();
        move |input, options| child.communicate(Some(input).filter(|input| !input.is_empty()), options)
    });
}

/// The cap is for both outputs together.
fn capped_together() {
    let capped = CommunicateOptions::new().output_limit(CAP as u64);
    let mut both = sh("head -c 60000 /dev/zero; head -c 60000 /dev/zero >&2");
    both.stdout(Stdio::piped()).stderr(Stdio::piped());
    let carried = |error| match error {
        Error::OutputLimitReached(captured) => captured.stdout.unwrap().len() + captured.stderr.unwrap().len(),
        other => panic!("{other:?}"),
    };

    let mut child = both.spawn().unwrap();
    assert_eq!(carried(cause(child.communicate_with(b"", &capped))), CAP);
    let rest = child.communicate_with(b"", &capped).unwrap();
    assert_eq!(rest.stdout.unwrap().len() + rest.stderr.unwrap().len(), 120_000 - CAP);

    let mut child = both.spawn_hosted().unwrap();
    assert_eq!(carried(cause(child.communicate(None, &capped))), CAP);
    let rest = child.communicate(None, &capped).unwrap();
    assert_eq!(rest.stdout.unwrap().len() + rest.stderr.unwrap().len(), 120_000 - CAP);
}

/// What a call without a cap has read before it timed out does not exceed the cap of the next one.
fn capped_after_a_timeout<C>(gated: &mut Command, spawn: impl FnOnce(&mut Command) -> C)
where
    C: FnMut(&[u8], &CommunicateOptions) -> io::Result<Communicated>,
{
    const CAP: usize = 50_000;
    printed("rm -f gate written; mkfifo gate");
    let mut communicate = spawn(gated);
    let all = pattern(4 * CAP);
    let capped = CommunicateOptions::new().output_limit(CAP as u64);
    let short = CommunicateOptions::new().timeout(Duration::from_millis(20));
    let mut input = all.as_slice();
    while !fs::exists("/data/written").unwrap() {
        assert_eq!(cause(communicate(std::mem::take(&mut input), &short)), Error::TimedOut);
    }
    // All of it is written, and this call reads what those before it have not.
    assert_eq!(cause(communicate(b"", &short)), Error::TimedOut);
    for part in all.chunks(CAP) {
        match cause(communicate(b"", &capped)) {
            Error::OutputLimitReached(Captured { stdout, stderr }) => {
                assert!(stdout.unwrap() == part);
                assert_eq!(stderr.unwrap(), b"");
            }
            other => panic!("{other:?}"),
        }
    }
    printed("echo > gate");
    let rest = communicate(b"", &capped).unwrap();
    assert!(rest.status.success() && rest.complete);
    assert_eq!(
        (rest.stdout.unwrap(), rest.stderr.unwrap()),
        (b"last\n".to_vec(), b"err\n".to_vec())
    );
}
