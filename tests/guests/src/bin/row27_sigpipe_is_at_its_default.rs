//! The host ignores SIGPIPE; its children do not.

use childproof::Signal;
use childproof_test_guests::{printed, run, sh};

fn main() {
    let status = printed("cat /proc/$$/status");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    assert_eq!(u64::from_str_radix(ignored.trim(), 16).unwrap(), 0, "{status}");

    let mut writer = run("yes").stdout(childproof::Stdio::piped()).spawn().unwrap();
    drop(writer.stdout.take());
    assert_eq!(writer.wait().unwrap().signal(), Some(Signal::Pipe));
    assert!(sh("yes | head -n 1").status().unwrap().success());
}
