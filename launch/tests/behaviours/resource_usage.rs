//! What a process used is known after its end, and is its own.

use std::time::Duration;

use crate::support::{block_on, in_own_process, name, output};

#[test]
fn peak_memory_is_the_childs_and_never_the_hosts() {
    in_own_process(name!(peak_memory_is_the_childs_and_never_the_hosts), || {
        // A host of a size that no `true` has.
        let ballast = vec![1u8; 150 << 20];
        std::hint::black_box(&ballast);
        let usage_of = |path: &str, arguments: &[&str]| {
            block_on(output(path, |command| {
                command.args(arguments);
            }))
            .0
            .usage
            .unwrap()
        };
        assert_eq!(usage_of("/bin/true", &[]).peak_memory, None);
        let large = usage_of("/usr/bin/python3", &["-c", "b'x' * (300 << 20)"])
            .peak_memory
            .unwrap();
        assert!((300 << 20..500 << 20).contains(&large), "{large}");
        drop(ballast);
        // The host's peak stays what it was.
        assert_eq!(usage_of("/bin/true", &[]).peak_memory, None);
    });
}

#[tokio::test]
async fn cpu_time_is_counted_with_that_of_its_own_children() {
    let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    let script = format!("({script}) & wait; {script}");
    let (exit, _) = output("/bin/sh", |command| {
        command.args(["-c", &script]);
    })
    .await;
    let usage = exit.usage.unwrap();
    assert!(usage.user_time > Duration::from_millis(1), "{usage:?}");
    let (idle, _) = output("/bin/sleep", |command| {
        command.arg("0.2");
    })
    .await;
    let idle = idle.usage.unwrap();
    assert!(
        idle.user_time + idle.system_time < usage.user_time + usage.system_time,
        "{idle:?} {usage:?}"
    );
}
