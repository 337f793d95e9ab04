//! Dropping a child kills it and leaves no zombie, with a runtime, without one, and while one shuts down.

use std::sync::Arc;

use childproof_launch::Termination;

use crate::support::{block_on, in_own_process, name, open_descriptors, shell, until, until_collected};

#[tokio::test]
async fn a_dropped_child_is_killed_and_collected() {
    let child = shell("sleep 1000");
    let pid = child.id();
    drop(child);
    until_collected(pid);
}

#[tokio::test]
async fn a_stopped_child_is_killed_and_collected() {
    let child = shell("kill -STOP $$; sleep 1000");
    let pid = child.id();
    crate::support::peek(pid, libc::WSTOPPED).unwrap();
    drop(child);
    until_collected(pid);
}

#[tokio::test]
async fn a_child_that_ended_unnoticed_is_collected() {
    let child = shell("exit 0");
    let pid = child.id();
    crate::support::peek(pid, libc::WEXITED).unwrap();
    drop(child);
    until_collected(pid);
}

#[test]
fn a_child_that_outlives_its_runtime_is_collected() {
    let child = block_on(async { shell("sleep 1000") });
    let pid = child.id();
    drop(child);
    until_collected(pid);
}

#[test]
fn a_child_that_a_runtime_drops_as_it_shuts_down_is_collected() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (started, ids) = std::sync::mpsc::channel();
    for _ in 0..20 {
        let started = started.clone();
        runtime.spawn(async move {
            let child = Arc::new(shell("sleep 1000"));
            started.send(child.id()).unwrap();
            child.wait().await
        });
    }
    let ids: Vec<u32> = ids.iter().take(20).collect();
    runtime.shutdown_background();
    ids.into_iter().for_each(until_collected);
}

#[test]
fn hundreds_of_dropped_children_leave_no_descriptor() {
    in_own_process(name!(hundreds_of_dropped_children_leave_no_descriptor), || {
        block_on(async {
            shell("exit").wait().await.unwrap();
            let before = open_descriptors();
            for _ in 0..10 {
                let children: Vec<_> = (0..30).map(|_| shell("sleep 1000")).collect();
                let ids: Vec<u32> = children.iter().map(|child| child.id()).collect();
                drop(children);
                ids.into_iter().for_each(until_collected);
            }
            // The reaper closes the last descriptor after it collected the last child.
            until(|| open_descriptors() == before);
        });
    });
}

#[tokio::test]
async fn dropping_one_child_leaves_the_others_alone() {
    let other = shell("sleep 0.1; exit 12");
    for _ in 0..10 {
        drop(shell("sleep 1000"));
    }
    assert_eq!(other.wait().await.unwrap().termination, Termination::Exited(12));
}
