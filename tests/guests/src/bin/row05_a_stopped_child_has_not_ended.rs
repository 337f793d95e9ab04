//! SIGSTOP does not end a process, and SIGCONT lets it go on.

use std::io::{BufRead, BufReader, Write};

use childproof::{Signal, Stdio};
use childproof_test_guests::{printed, sh, until};

fn main() {
    let mut command = sh("echo $$; read line; echo heard $line");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    let pid = stdout.next().unwrap().unwrap();
    let is_stopped = || printed(&format!("read -r stat < /proc/{pid}/stat; echo \"$stat\"")).contains(") T ");

    child.send_signal(Signal::Stop).unwrap();
    until(|| is_stopped().then_some(()));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"you\n").unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    assert!(is_stopped(), "input does not wake a stopped process");

    child.send_signal(Signal::Cont).unwrap();
    assert_eq!(stdout.next().unwrap().unwrap(), "heard you");
    assert!(child.wait().unwrap().success());
}
