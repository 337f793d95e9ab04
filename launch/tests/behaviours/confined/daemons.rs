//! A host that builds a profile and then becomes a copy of itself, as a daemon does. It is the copy that starts the children,
//! and it is with the copy that they end.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use childproof_launch::{Child, Profile, Stdio, Termination};

use super::{Run, TIERS, as_each_user, assert_serves, profile, until_all_has_ended};
use crate::support::{block_on, line, name, null, until};

/// A copy of this process that does this, and ends.
fn copy(work: impl FnOnce()) -> libc::pid_t {
    // SAFETY: no other thread of this process does anything: the harness waits for this test, and runs no other one.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let result = catch_unwind(AssertUnwindSafe(work));
        // SAFETY: the call takes a number.
        unsafe { libc::_exit(result.is_err().into()) };
    }
    assert!(pid > 0);
    pid
}

/// Collects a copy, and answers what waitpid(2) says of it.
fn collect(pid: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: the kernel writes one number, which lives during the call.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status
}

fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

/// A child that reads its input, and ends with it; and what its input is.
fn reading(profile: &Profile) -> (Child, PipeWriter) {
    let (input, writer) = io::pipe().unwrap();
    (Run::shell(profile, "cat; exit 7").spawn_reading(&input), writer)
}

/// What the copy does: its maker ends before its first child starts, or while that runs.
fn serve_as_daemon(profile: &Profile, maker: u32, has_first_before: bool, mut ready: PipeWriter) {
    block_on(async {
        let first = has_first_before.then(|| reading(profile));
        ready.write_all(b"ready\n").unwrap();
        until(|| parent() != maker);
        let (child, input) = first.unwrap_or_else(|| reading(profile));
        for word in ["one", "two", "three"] {
            assert_serves(profile, word).await;
        }
        assert_eq!(child.try_wait().unwrap(), None, "{}", profile.tier());
        drop(input);
        let end = child.wait().await.unwrap().termination;
        assert_eq!(end, Termination::Exited(7), "{}", profile.tier());
        let (child, _input) = reading(profile);
        child.kill_tree().unwrap();
        child.wait().await.unwrap();
    });
}

#[test]
fn children_of_a_daemon_start_and_end_as_usual() {
    as_each_user(name!(children_of_a_daemon_start_and_end_as_usual), || {
        for (tier, has_first_before) in TIERS.into_iter().flat_map(|tier| [(tier, false), (tier, true)]) {
            let (mut said, output) = io::pipe().unwrap();
            let maker = copy(|| {
                let (mut is_ready, ready) = io::pipe().unwrap();
                let profile = profile(tier, |_| {});
                let maker = std::process::id();
                copy(|| {
                    serve_as_daemon(&profile, maker, has_first_before, ready);
                    drop(profile);
                    until_all_has_ended();
                    (&output).write_all(b"served\n").unwrap();
                });
                assert_eq!(line(&mut is_ready), "ready");
            });
            drop(output);
            let mut text = String::new();
            said.read_to_string(&mut text).unwrap();
            assert_eq!(text, "served\n", "{tier}, {has_first_before}");
            assert_eq!(collect(maker), 0);
        }
    });
}

/// A copy that starts a child, which has a tree, and waits to be killed; and what the tree writes. A copy of the copy has open
/// what that had, until `end` is at its end, which `hold` holds off.
fn copy_with_tree(profile: &Profile, (end, hold): &(PipeReader, PipeWriter)) -> (libc::pid_t, PipeReader) {
    let (mut said, output) = io::pipe().unwrap();
    let started = copy(|| {
        // SAFETY: the call takes numbers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        let null = null();
        let stdio = Stdio {
            stdin: null.as_fd(),
            stdout: output.as_fd(),
            stderr: null.as_fd(),
        };
        let script = "(sleep 60; echo survived) & echo started; sleep 60; echo survived";
        let _child = block_on(async { Run::shell(profile, script).spawn_with(stdio).unwrap() });
        copy(|| {
            for fd in [output.as_raw_fd(), hold.as_raw_fd()] {
                // SAFETY: this process uses them no more: it ends without dropping what owns them.
                unsafe { libc::close(fd) };
            }
            let mut end = end;
            end.read_to_end(&mut Vec::new()).unwrap();
        });
        (&output).write_all(b"copied\n").unwrap();
        loop {
            // SAFETY: the call takes nothing.
            unsafe { libc::pause() };
        }
    });
    drop(output);
    // They come in any order.
    let lines = line(&mut said) + &line(&mut said);
    assert!(["startedcopied", "copiedstarted"].contains(&&*lines), "{lines}");
    (started, said)
}

#[test]
fn children_end_with_the_copy_that_started_them_whoever_else_goes_on() {
    as_each_user(
        name!(children_end_with_the_copy_that_started_them_whoever_else_goes_on),
        || {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let ends = io::pipe().unwrap();
                let copies = [copy_with_tree(&profile, &ends), copy_with_tree(&profile, &ends)];
                for (copy, mut said) in copies {
                    // SAFETY: the call takes numbers; the process was not collected.
                    assert_eq!(unsafe { libc::kill(copy, libc::SIGKILL) }, 0);
                    let mut text = String::new();
                    said.read_to_string(&mut text).unwrap();
                    assert_eq!(text, "", "{tier}");
                    assert_eq!(collect(copy), libc::SIGKILL);
                }
                // The maker of the profile has its own.
                block_on(assert_serves(&profile, "hello"));
                drop(profile);
                until_all_has_ended();
            }
        },
    );
}
