//! What fails after the child has started kills and collects it.

use std::io::Read;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use childproof_launch::{Command, SpawnErrorKind, Stage, Stdio};

use crate::support::{Refusal, block_on, in_own_process, name, null, program, refuse, shell, until};

fn until_childless() {
    // SAFETY: no status is asked for.
    until(|| unsafe { libc::waitid(libc::P_ALL, 0, std::ptr::null_mut(), libc::WEXITED | libc::WNOWAIT) } == -1);
}

/// Spawns a child that would run on and hold the pipe, has it fail, and returns when nothing is left of it.
fn assert_nothing_left(fail: impl FnOnce(&Command<'_>)) {
    let (mut output, writer) = std::io::pipe().unwrap();
    let (sleep, null) = (program("/bin/sleep"), null());
    let stdio = Stdio {
        stdin: null.as_fd(),
        stdout: writer.as_fd(),
        stderr: null.as_fd(),
    };
    let mut command = Command::new(&sleep, stdio);
    command.arg("1000");
    fail(&command);
    drop(writer);
    output.read_to_end(&mut Vec::new()).unwrap();
    until_childless();
}

#[test]
fn a_child_that_cannot_be_registered_is_killed_and_collected() {
    in_own_process(name!(a_child_that_cannot_be_registered_is_killed_and_collected), || {
        block_on(async {
            drop(shell("exit 0"));
            refuse(Refusal {
                call: libc::SYS_epoll_ctl,
                argument: Some((1, libc::EPOLL_CTL_ADD as u32)),
                errno: libc::ENOSPC,
            });
            assert_nothing_left(|command| {
                let error = command.spawn().unwrap_err();
                assert_eq!((error.stage(), error.errno()), (Stage::Register, Some(libc::ENOSPC)));
            });
        });
    });
}

#[test]
fn a_runtime_without_io_panics_and_leaves_no_child() {
    in_own_process(name!(a_runtime_without_io_panics_and_leaves_no_child), || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            assert_nothing_left(|command| {
                catch_unwind(AssertUnwindSafe(|| command.spawn())).unwrap_err();
            });
        });
    });
}

#[test]
fn without_a_runtime_nothing_is_started() {
    in_own_process(name!(without_a_runtime_nothing_is_started), || {
        assert_nothing_left(|command| {
            let error = command.spawn().unwrap_err();
            assert_eq!(
                (error.stage(), error.kind()),
                (Stage::Register, &SpawnErrorKind::NoRuntime)
            );
        });
    });
}
