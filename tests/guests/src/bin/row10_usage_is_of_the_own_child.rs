//! What a process used is known after its end, and is that of no other process.

use std::time::Duration;

use childproof_test_guests::{run, sh, sleeper};

fn main() {
    let mut heavy = sh("i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done").spawn().unwrap();
    heavy.wait().unwrap();
    let heavy = heavy.usage().unwrap();
    assert!(heavy.user_time + heavy.system_time > Duration::ZERO);
    assert!(heavy.peak_memory > 0);

    let mut light = run("true").spawn().unwrap();
    light.wait().unwrap();
    let light = light.usage().unwrap();
    assert!(light.user_time + light.system_time < heavy.user_time + heavy.system_time);
    // The host, which compiles this guest, holds far more.
    assert!(light.peak_memory < 32 << 20, "{} bytes are those of the host", light.peak_memory);

    let mut alive = sleeper();
    assert_eq!(alive.usage(), None);
    alive.kill().unwrap();
    alive.wait().unwrap();
    assert!(alive.usage().is_some());
}
