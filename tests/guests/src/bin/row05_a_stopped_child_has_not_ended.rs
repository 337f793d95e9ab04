//! SIGSTOP does not end a process, and SIGCONT lets it go on.

use std::io::{BufRead, BufReader, Write};

use childproof_test_guests::sdk::{Signal, Stdio};
use childproof_test_guests::sh;

/// A shell that reads a line, and a process of its own that sees it stop, reads a line, and looks again.
const WATCHED: &str = r#"
is_stopped() { read -r stat < /proc/$$/stat; case $stat in *") T "*) ;; *) return 1 ;; esac; }
exec 3<&0
{ echo watching; until is_stopped; do :; done; echo stopped; read -r line <&3; is_stopped && echo "still, with $line"; } &
read -r line
echo "heard $line"
"#;

childproof_test_guests::program!(guest);

fn guest() {
    let mut child = sh(WATCHED)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = || stdout.next().unwrap().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    assert_eq!(said(), "watching");

    child.send_signal(Signal::Stop).unwrap();
    assert_eq!(said(), "stopped");
    assert_eq!(child.try_wait().unwrap(), None);
    stdin.write_all(b"input\n").unwrap();
    assert_eq!(said(), "still, with input", "input does not wake a stopped process");
    assert_eq!(child.try_wait().unwrap(), None);

    stdin.write_all(b"you\n").unwrap();
    child.send_signal(Signal::Cont).unwrap();
    assert_eq!(said(), "heard you");
    assert!(child.wait().unwrap().success());
}
