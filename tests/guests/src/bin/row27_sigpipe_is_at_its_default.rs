//! The host ignores SIGPIPE; its children do not.

use childproof_test_guests::sdk::Signal;
use childproof_test_guests::{run, run_piped, sdk, sh};

childproof_test_guests::program!(guest);

fn guest() {
    let status = run_piped("cat").arg("/proc/self/status").output().unwrap().stdout;
    let status = String::from_utf8(status).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    assert_eq!(u64::from_str_radix(ignored.trim(), 16).unwrap(), 0, "{status}");

    let mut writer = run("yes").stdout(sdk::Stdio::piped()).spawn().unwrap();
    drop(writer.stdout.take());
    assert_eq!(writer.wait().unwrap().signal(), Some(Signal::Pipe));
    assert!(sh("yes | head -n 1").status().unwrap().success());
}
