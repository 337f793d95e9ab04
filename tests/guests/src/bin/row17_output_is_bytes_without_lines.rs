//! No line is too long, and nothing is decoded on the way.

use childproof_test_guests::{cat, piped};

childproof_test_guests::program!(guest);

fn guest() {
    let input: Vec<u8> = (0..=u8::MAX)
        .filter(|byte| *byte != b'\n')
        .cycle()
        .take(10 << 20)
        .collect();
    let output = cat().communicate(&input).unwrap();
    assert!(output.stdout.unwrap() == input);

    let output = piped(r"printf '\000\377\200\r\n'; printf '\303' >&2").output().unwrap();
    assert_eq!(output.stdout, b"\x00\xff\x80\r\n");
    assert_eq!(output.stderr, b"\xc3");
}
