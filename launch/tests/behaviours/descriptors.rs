//! A child has descriptors 0, 1 and 2, and no other.

use std::os::fd::AsRawFd;

use childproof_launch::{Command, Resource, Rlimit};

use crate::support::{PATH, Refusal, block_on, in_own_process, name, null, refuse, text};

/// Duplicates a descriptor so that exec leaves it open, to `lowest` or above.
fn leak(lowest: i32) -> i32 {
    // SAFETY: the call takes numbers; the new descriptor is nobody's and stays open on purpose.
    let fd = unsafe { libc::fcntl(null().as_raw_fd(), libc::F_DUPFD, lowest) };
    assert!(fd >= lowest);
    fd
}

async fn descriptors_of_child(set_up: impl FnOnce(&mut Command<'_>)) -> String {
    // The shell's own are looked at while ls runs, so ls's do not show.
    text("/bin/sh", |command| {
        command.args(["-c", "ls /proc/$$/fd; exit 0"]).env("PATH", PATH);
        set_up(command);
    })
    .await
}

#[tokio::test]
async fn a_descriptor_that_the_host_left_open_for_exec_does_not_leak() {
    leak(3);
    leak(500);
    assert_eq!(descriptors_of_child(|_| {}).await, "0\n1\n2\n");
}

#[test]
fn nor_does_it_on_a_kernel_that_cannot_close_a_range() {
    in_own_process(name!(nor_does_it_on_a_kernel_that_cannot_close_a_range), || {
        block_on(async {
            for errno in [libc::ENOSYS, libc::EINVAL, libc::EPERM] {
                refuse(Refusal {
                    call: libc::SYS_close_range,
                    argument: None,
                    errno,
                });
                // More than one read of the directory lists.
                for _ in 0..300 {
                    leak(3);
                }
                assert_eq!(descriptors_of_child(|_| {}).await, "0\n1\n2\n");
            }
        });
    });
}

#[test]
fn nor_does_it_there_under_a_limit_that_leaves_no_descriptor_to_list_them_with() {
    in_own_process(
        name!(nor_does_it_there_under_a_limit_that_leaves_no_descriptor_to_list_them_with),
        || {
            block_on(async {
                refuse(Refusal {
                    call: libc::SYS_close_range,
                    argument: None,
                    errno: libc::ENOSYS,
                });
                leak(3);
                leak(500);
                // As many as the loader needs to start a program.
                let least = Rlimit::new(Resource::OpenFiles, 4);
                let descriptors = descriptors_of_child(|command| {
                    command.rlimit(least);
                });
                assert_eq!(descriptors.await, "0\n1\n2\n");
            });
        },
    );
}
