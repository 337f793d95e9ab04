//! The host ignores SIGPIPE; its children do not.

use childproof::Signal;
use childproof_test_guests::{run, run_piped, sh};

fn main() {
    let status = run_piped("cat").arg("/proc/self/status").output().unwrap().stdout;
    let status = String::from_utf8(status).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    assert_eq!(u64::from_str_radix(ignored.trim(), 16).unwrap(), 0, "{status}");

    let mut writer = run("yes").stdout(childproof::Stdio::piped()).spawn().unwrap();
    drop(writer.stdout.take());
    assert_eq!(writer.wait().unwrap().signal(), Some(Signal::Pipe));
    assert!(sh("yes | head -n 1").status().unwrap().success());
}
