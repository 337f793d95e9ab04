//! What calls of `communicate` leave behind is bounded, and what no call needs any more is not kept.

use std::fs;
use std::time::Duration;

use childproof_test_guests::sdk::{CommunicateOptions, Error, HostedChild, Quota, Stdio};
use childproof_test_guests::{cause, run, sh};

childproof_test_guests::program!(guest);

fn guest() {
    let input = vec![b'x'; 40 << 20];
    let short = CommunicateOptions::new().timeout(Duration::from_millis(1));
    let unread = || run("sleep").arg("1000").stdin(Stdio::piped()).spawn_hosted().unwrap();
    let begin = |child: &mut HostedChild| cause(child.communicate(Some(&input), &short));

    let (mut first, mut second, mut third) = (unread(), unread(), unread());
    assert_eq!(begin(&mut first), Error::TimedOut);
    assert_eq!(begin(&mut second), Error::TimedOut);
    assert_eq!(begin(&mut third), Error::QuotaExceeded(Quota::HeldBytes));
    assert_eq!(cause(first.communicate(None, &short)), Error::TimedOut, "it goes on");
    drop(first);
    assert_eq!(begin(&mut third), Error::TimedOut);
    drop((second, third));

    // To have begun before the others is no way around it.
    let mut writers: Vec<HostedChild> = (0..3)
        .map(|index| {
            // The last one writes nothing: how much a call reads before its time is over is not known.
            let size = if index < 2 { input.len() } else { 0 };
            let script = format!("head -c {size} /dev/zero; : > written{index}; sleep 1000");
            let mut child = sh(&script).stdout(Stdio::piped()).spawn_hosted().unwrap();
            let at_once = CommunicateOptions::new().timeout(Duration::ZERO);
            assert_eq!(cause(child.communicate(None, &at_once)), Error::TimedOut);
            child
        })
        .collect();
    for (index, writer) in writers.iter_mut().take(2).enumerate() {
        while !fs::exists(format!("/data/written{index}")).unwrap() {
            assert_eq!(cause(writer.communicate(None, &short)), Error::TimedOut);
        }
        // All of it is written, and this call reads what those before it have not.
        assert_eq!(cause(writer.communicate(None, &short)), Error::TimedOut);
    }
    assert_eq!(
        cause(writers[2].communicate(None, &short)),
        Error::QuotaExceeded(Quota::HeldBytes)
    );
    assert_eq!(
        cause(writers[1].communicate(None, &short)),
        Error::TimedOut,
        "it grew last"
    );
    drop(writers);

    // A process that took its input, or wants none of it, and is held, keeps nothing.
    let finished: Vec<HostedChild> = (0..4)
        .map(|index| {
            let program = if index % 2 == 0 { "cat" } else { "true" };
            let mut child = run(program).stdin(Stdio::piped()).spawn_hosted().unwrap();
            let answer = child.communicate(Some(&input), &CommunicateOptions::new());
            assert!(answer.unwrap().status.success());
            child
        })
        .collect();
    assert_eq!(begin(&mut unread()), Error::TimedOut);
    drop(finished);
}
