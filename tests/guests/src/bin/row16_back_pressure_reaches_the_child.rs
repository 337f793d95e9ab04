//! A guest that does not read stops the process that writes: the host buffers nothing.

use std::io::{BufRead, BufReader, Read, Write};

use childproof_test_guests::{piped, sdk, until};

/// The most that a pipe of the host holds.
const PIPE: usize = 1 << 20;

/// A program that writes, and a shell that says for each line of its input how much that has written, and what it does.
const WATCHED: &str = r#"
yes &
while read -r line; do
    while read -r key written; do
        case $key in wchar:) break ;; esac
    done < /proc/$!/io
    read -r stat < /proc/$!/stat
    echo "$written $stat" >&2
done
"#;

childproof_test_guests::program!(guest);

fn guest() {
    let mut child = piped(WATCHED).stdin(sdk::Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut look = || -> (usize, String) {
        stdin.write_all(b"\n").unwrap();
        let line = said.next().unwrap().unwrap();
        let (written, stat) = line.split_once(' ').unwrap();
        (written.parse().unwrap(), stat.to_owned())
    };

    // Writing to a full pipe is the one thing that `yes` sleeps for.
    let first = until(|| {
        let (before, _) = look();
        let (after, stat) = look();
        (stat.contains("(yes) S ") && after == before).then_some(after)
    });
    assert!(
        first <= PIPE + (64 << 10),
        "{first} bytes were written, but nobody read them"
    );
    assert_eq!(child.try_wait().unwrap(), None);

    // It goes on as soon as somebody reads.
    let mut rest = vec![0; 4 * PIPE];
    stdout.read_exact(&mut rest).unwrap();
    assert!(look().0 > first);
}
