//! The gate of the reduced tier watches over each child. One that it cannot watch, as its user has no watch left, is not
//! started, which changes nothing for the others.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;

use childproof_launch::{Child, Profile, SpawnError, Stage, Stdio, Termination, Tier};

use super::{Run, as_each_user, assert_serves, profile, until_all_has_ended};
use crate::support::{Refusal, block_on, line, name, null, refuse};

/// A power of two. The gate can watch no descriptor that has this bit in its number.
const BIT: u32 = 64;

/// A profile whose gate cannot watch as many descriptors as it likes: to it, and to what it creates, the kernel says that there
/// is no watch left where the number of the descriptor has the bit. A gate has as many descriptors as it has children, with
/// numbers one after the other.
fn profile_with_few_watches() -> Profile {
    let profile = profile(Tier::Reduced, |_| {});
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            refuse(Refusal {
                call: libc::SYS_epoll_ctl,
                argument: Some((2, BIT)),
                errno: libc::ENOSPC,
            });
            // The host itself has fewer open.
            runtime.block_on(assert_serves(&profile, "the first one, with which the gate is made"));
        });
    });
    profile
}

/// A child that has a tree, and goes on until its input ends.
struct Running {
    child: Child,
    input: PipeWriter,
    said: PipeReader,
}

impl Running {
    fn start(profile: &Profile) -> Result<Running, SpawnError> {
        let (reader, input) = io::pipe().unwrap();
        let (mut said, writer) = io::pipe().unwrap();
        let null = null();
        let stdio = Stdio {
            stdin: reader.as_fd(),
            stdout: writer.as_fd(),
            stderr: null.as_fd(),
        };
        let script = "(sleep 60; echo survived) & echo started; read end; echo ends; exit 7";
        let child = Run::shell(profile, script).spawn_with(stdio)?;
        drop(writer);
        assert_eq!(line(&mut said), "started");
        Ok(Running { child, input, said })
    }

    /// Has the child end, and answers what still comes from its tree. To drop the child would end that in another way.
    async fn end(self) -> (Child, PipeReader) {
        drop(self.input);
        assert_eq!(self.child.wait().await.unwrap().termination, Termination::Exited(7));
        (self.child, self.said)
    }
}

fn assert_says_so(result: Result<Running, SpawnError>) {
    let error = result.err().unwrap();
    let said = (error.stage(), error.errno());
    assert_eq!(said, (Stage::Clone, Some(libc::ENOSPC)), "{error}");
}

/// Starts children until one cannot be watched, and answers those that run.
fn start_all(profile: &Profile) -> Vec<Running> {
    let mut running = Vec::new();
    let failed = loop {
        match Running::start(profile) {
            Ok(one) => running.push(one),
            failed => break failed,
        }
        assert_run(&running);
        assert!(running.len() <= BIT as usize);
    };
    assert_says_so(failed);
    running
}

fn assert_run(running: &[Running]) {
    for one in running {
        assert_eq!(one.child.try_wait().unwrap(), None);
    }
}

#[test]
fn a_child_that_cannot_be_watched_is_not_started_and_the_others_go_on() {
    as_each_user(
        name!(a_child_that_cannot_be_watched_is_not_started_and_the_others_go_on),
        || {
            let profile = profile_with_few_watches();
            block_on(async {
                let mut running = start_all(&profile);
                assert!(running.len() > BIT as usize / 2, "{}", running.len());
                for ending in [1, 5, running.len()] {
                    for _ in 0..10 {
                        assert_says_so(Running::start(&profile));
                        assert_run(&running);
                    }
                    for one in running.drain(..ending) {
                        let (_child, said) = one.end().await;
                        assert_eq!(io::read_to_string(said).unwrap(), "ends\n");
                    }
                    let again = Running::start(&profile).expect("watches are free again");
                    assert_run(&running);
                    running.push(again);
                    running.extend(start_all(&profile));
                }
            });
        },
    );
}

#[test]
fn a_tree_ends_with_its_child_also_while_the_next_one_cannot_be_watched() {
    as_each_user(
        name!(a_tree_ends_with_its_child_also_while_the_next_one_cannot_be_watched),
        || {
            for _ in 0..5 {
                let profile = profile_with_few_watches();
                block_on(async {
                    let mut running = start_all(&profile);
                    for one in running.drain(..5) {
                        let (_child, said) = one.end().await;
                        assert_eq!(io::read_to_string(said).unwrap(), "ends\n");
                    }
                    assert_serves(&profile, "with a watch that is free again").await;
                    running.extend(start_all(&profile));
                });
                drop(profile);
                until_all_has_ended();
            }
        },
    );
}
