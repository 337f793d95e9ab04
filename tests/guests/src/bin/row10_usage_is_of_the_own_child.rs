//! What a process used is known after its end, and is that of no other process.

use std::time::Duration;

use childproof_test_guests::{run, sh, sleeper};

/// More than the host of this guest holds.
const LARGE: u64 = 512 << 20;

childproof_test_guests::program!(guest);

fn guest() {
    let mut busy = sh("i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done")
        .spawn()
        .unwrap();
    busy.wait().unwrap();
    let busy = busy.usage().unwrap();
    assert!(busy.user_time + busy.system_time > Duration::ZERO);

    let mut large = run("python3").args(["-c", &format!("b'x' * {LARGE}")]).spawn().unwrap();
    large.wait().unwrap();
    assert!(large.usage().unwrap().peak_memory.unwrap() >= LARGE);

    let mut idle = run("true").spawn().unwrap();
    idle.wait().unwrap();
    let idle = idle.usage().unwrap();
    assert!(idle.user_time + idle.system_time < busy.user_time + busy.system_time);
    assert!(idle.peak_memory.is_none_or(|peak| peak < LARGE), "{idle:?}");

    let mut alive = sleeper();
    assert_eq!(alive.usage(), None);
    alive.kill().unwrap();
    alive.wait().unwrap();
    assert!(alive.usage().is_some());
}
