//! A guest that does not read stops the process that writes: the host buffers nothing.

use std::io::Read;

use childproof::Stdio;
use childproof_test_guests::{printed, sh, until};

/// The most that a pipe of the host holds.
const PIPE: usize = 1 << 20;

fn main() {
    let mut command = sh("echo $$; exec yes");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut read = vec![0; 64];
    let len = stdout.read(&mut read).unwrap();
    let said = String::from_utf8(read[..len].to_vec()).unwrap();
    let pid = said.lines().next().unwrap();

    // Writing to a full pipe is the one thing that `yes` sleeps for.
    let asleep = format!("read -r stat < /proc/{pid}/stat; echo \"$stat\"");
    let written = || -> usize {
        let io = printed(&format!("cat /proc/{pid}/io"));
        io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap().parse().unwrap()
    };
    let first = until(|| {
        let before = written();
        (printed(&asleep).contains("(yes) S ") && written() == before).then_some(before)
    });
    assert!(first <= len + PIPE + (64 << 10), "{first} bytes were written, but nobody read them");
    assert_eq!(child.try_wait().unwrap(), None);

    // It goes on as soon as somebody reads.
    let mut rest = vec![0; 4 * PIPE];
    stdout.read_exact(&mut rest).unwrap();
    assert!(written() > first);
}
