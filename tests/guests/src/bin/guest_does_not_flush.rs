//! What the guest wrote arrives without a flush: the host writes what it has accepted by itself.

use std::io::{Read, Write};

use childproof_test_guests::sdk::Stdio;
use childproof_test_guests::sh;

childproof_test_guests::program!(guest);

fn guest() {
    for len in [1, 100_000] {
        let mut child = sh(&format!("head -c {len} >/dev/null; echo ok"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&vec![b'x'; len]).unwrap();
        let mut answer = [0; 3];
        child.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"ok\n");
        assert!(child.wait().unwrap().success());
        drop(stdin);
    }
}
