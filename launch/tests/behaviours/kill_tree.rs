//! Killing reaches the process and the rest of its group, also when the process itself has ended.

use std::io::{PipeReader, Read};

use childproof_launch::{Child, Command, Signal, SpawnErrorKind, Stage, Termination};

use crate::support::{
    Refusal, block_on, in_own_process, line, name, null, program, quiet, refuse, shell, shell_with_output,
    until_collected,
};

/// A shell with a child that holds its pipe. The end of the pipe is the end of both.
fn family(after: &str) -> (Child, PipeReader) {
    let (child, mut output) = shell_with_output(&format!("sleep 1000 & echo started; {after}"));
    assert_eq!(line(&mut output), "started");
    (child, output)
}

fn assert_ended(mut output: PipeReader) {
    assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
}

async fn assert_kills_all() {
    let (child, output) = family("wait");
    child.kill_tree().unwrap();
    assert_eq!(
        child.wait().await.unwrap().termination,
        Termination::Signaled(Signal::Kill)
    );
    assert_ended(output);
}

async fn assert_kills_what_outlived_the_leader() {
    let (child, output) = family("exit 3");
    assert_eq!(child.wait().await.unwrap().termination, Termination::Exited(3));
    child.kill_tree().unwrap();
    assert_ended(output);
    // Nobody is left, which is no error.
    child.kill_tree().unwrap();
    assert_eq!(child.wait().await.unwrap().termination, Termination::Exited(3));
    let pid = child.id();
    drop(child);
    until_collected(pid);
}

async fn assert_drop_kills_what_outlived_the_leader() {
    let (child, output) = family("exit 3");
    child.wait().await.unwrap();
    drop(child);
    assert_ended(output);
}

#[tokio::test]
async fn a_kill_reaches_the_whole_group() {
    assert_kills_all().await;
}

#[tokio::test]
async fn a_kill_reaches_the_group_of_a_leader_that_was_waited_for() {
    assert_kills_what_outlived_the_leader().await;
}

#[tokio::test]
async fn a_drop_reaches_the_group_of_a_leader_that_was_waited_for() {
    assert_drop_kills_what_outlived_the_leader().await;
}

#[tokio::test]
async fn a_kill_leaves_the_groups_of_others_alone() {
    let other = shell("sleep 0.1; exit 21");
    let (child, output) = family("wait");
    child.kill_tree().unwrap();
    assert_ended(output);
    assert_eq!(other.wait().await.unwrap().termination, Termination::Exited(21));
}

#[test]
fn all_of_it_holds_on_a_kernel_that_cannot_signal_a_group_by_pidfd() {
    in_own_process(
        name!(all_of_it_holds_on_a_kernel_that_cannot_signal_a_group_by_pidfd),
        || assert_holds_without_group_signals(libc::EINVAL),
    );
}

#[test]
fn all_of_it_holds_under_a_filter_that_forbids_to_signal_a_group_by_pidfd() {
    in_own_process(
        name!(all_of_it_holds_under_a_filter_that_forbids_to_signal_a_group_by_pidfd),
        || assert_holds_without_group_signals(libc::EPERM),
    );
}

/// Does for good what an older kernel, or a filter, would do to the signals to groups.
fn assert_holds_without_group_signals(errno: i32) {
    refuse(Refusal {
        call: libc::SYS_pidfd_send_signal,
        argument: Some((3, u32::MAX)),
        errno,
    });
    block_on(async {
        assert_kills_all().await;
        assert_kills_what_outlived_the_leader().await;
        assert_drop_kills_what_outlived_the_leader().await;
        let child = shell("exit 1");
        child.wait().await.unwrap();
        assert!(matches!(
            child.signal(Signal::Term),
            Err(childproof_launch::SignalError::Ended)
        ));
    });
}

#[test]
fn where_a_child_could_not_be_killed_none_is_started() {
    in_own_process(name!(where_a_child_could_not_be_killed_none_is_started), || {
        let (shell, null) = (program("/bin/sh"), null());
        block_on(async {
            // The filter that was added last answers.
            for errno in [libc::EPERM, libc::ENOSYS] {
                refuse(Refusal {
                    call: libc::SYS_pidfd_send_signal,
                    argument: None,
                    errno,
                });
                let error = Command::new(&shell, quiet(&null)).spawn().unwrap_err();
                assert_eq!(
                    (error.stage(), error.kind(), error.errno()),
                    (Stage::Reaper, &SpawnErrorKind::Unsupported, Some(errno))
                );
            }
            // SAFETY: no status is asked for.
            assert_eq!(unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL) }, -1);
        });
    });
}

#[test]
fn on_such_a_kernel_a_leader_that_somebody_else_collected_is_no_way_to_a_group() {
    in_own_process(
        name!(on_such_a_kernel_a_leader_that_somebody_else_collected_is_no_way_to_a_group),
        || {
            refuse(Refusal {
                call: libc::SYS_pidfd_send_signal,
                argument: Some((3, u32::MAX)),
                errno: libc::EINVAL,
            });
            block_on(async {
                let (child, output) = family("exit 3");
                // SAFETY: no status is asked for.
                let collected = unsafe { libc::waitpid(child.id() as i32, std::ptr::null_mut(), 0) };
                assert_eq!(collected, child.id() as i32);
                // From here on the number may be anybody's.
                refuse(Refusal {
                    call: libc::SYS_kill,
                    argument: None,
                    errno: libc::EIO,
                });
                child.kill_tree().unwrap();
                drop(child);
                drop(output);
            });
        },
    );
}
