//! Children come from processes that stand by: gates, what these have created and nobody has wanted yet, and the first processes
//! of rooms. It shows in nothing, whatever becomes of them.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use childproof_launch::{
    Child, Profile, Signal, SpawnError, SpawnErrorKind, Stage, Stdio, Termination, Tier, WaitError,
};

use super::{Run, TIERS, as_each_user, assert_serves, children, profile, serve_at_once, until_all_has_ended};
use crate::foreign_wait::kernel_keeps_status;
use crate::support::{Refusal, block_on, line, name, open_descriptors, peek, refuse, until};

/// What stands by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    Gate,
    /// What a gate created, before anybody wanted it.
    Candidate,
    /// The first process of a room.
    First,
}

/// The value of a line of a process's status; none if the process is gone.
fn status(process: &str, key: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    value.map(|value| value.trim().to_owned())
}

fn role(pid: u32) -> Option<Role> {
    let process = pid.to_string();
    match status(&process, "Name")?.as_str() {
        "childproof-init" => Some(Role::First),
        // A gate leads a session, which its candidate is in until it has a request.
        "childproof-gate" => match status(&process, "NSsid")?.split_whitespace().next() == Some(&process) {
            true => Some(Role::Gate),
            false => Some(Role::Candidate),
        },
        _ => None,
    }
}

/// The processes that stand by, with their states.
fn standing() -> Vec<(u32, Role, String)> {
    let of = |pid: u32| Some((pid, role(pid)?, status(&pid.to_string(), "State")?));
    children().into_iter().filter_map(of).collect()
}

/// Waits until there are so many rooms or gates, each with a candidate, and all of them wait.
pub(super) fn until_at_rest(tier: Tier, count: usize) {
    until(|| {
        let all = standing();
        let of = |wanted| all.iter().filter(|(_, role, _)| *role == wanted).count();
        let first = if tier == Tier::Full { count } else { 0 };
        (of(Role::Gate), of(Role::Candidate), of(Role::First)) == (count, count, first)
            && all.len() == children().len()
            && all.iter().all(|(_, _, state)| state.starts_with('S'))
    });
}

/// Waits until beside this child all wait that there is for one child.
fn until_at_rest_beside(child: &Child, tier: Tier) {
    let expected = match tier {
        Tier::Full => [Role::Gate, Role::First],
        Tier::Reduced => [Role::Gate, Role::Candidate],
    };
    until(|| {
        let all = standing();
        let roles: Vec<_> = all.iter().map(|(_, role, _)| *role).collect();
        roles.len() == 2
            && expected.iter().all(|role| roles.contains(role))
            && all
                .iter()
                .all(|(pid, _, state)| *pid != child.id() && state.starts_with('S'))
    });
}

/// Kills all that stand by as one of these, and waits for their ends. Answers how many there were.
fn kill(roles: &[Role]) -> usize {
    let all = standing();
    let is_victim = |role: &Role| roles.contains(role);
    for (pid, ..) in all.iter().filter(|(_, role, _)| is_victim(role)) {
        // SAFETY: the call takes numbers; the process is this one's child, and was not collected.
        assert_eq!(unsafe { libc::kill(*pid as i32, libc::SIGKILL) }, 0);
    }
    // With a first process go all others of its room. It is the last to end: when they have been collected.
    let takes_all = is_victim(&Role::First);
    let ends = |role: &Role| *role != Role::First && (takes_all || is_victim(role));
    for (pid, ..) in all.iter().filter(|(_, role, _)| ends(role)) {
        peek(*pid, libc::WEXITED).unwrap();
    }
    all.iter().filter(|(_, role, _)| is_victim(role)).count()
}

#[test]
fn whichever_of_them_is_killed_the_next_child_starts_as_usual() {
    as_each_user(
        name!(whichever_of_them_is_killed_the_next_child_starts_as_usual),
        || {
            block_on(async {
                let victims: [&[Role]; 5] = [
                    &[Role::Gate],
                    &[Role::Candidate],
                    &[Role::First],
                    &[Role::Gate, Role::Candidate],
                    &[Role::Gate, Role::Candidate, Role::First],
                ];
                for tier in TIERS {
                    for roles in victims {
                        if tier == Tier::Reduced && roles == [Role::First] {
                            continue;
                        }
                        println!("{tier}: {roles:?}");
                        let profile = profile(tier, |_| {});
                        for word in ["first", "second"] {
                            assert_serves(&profile, word).await;
                            until_at_rest(tier, 1);
                            assert!(kill(roles) > 0);
                        }
                        assert_serves(&profile, "third").await;
                        assert_serves(&profile, "fourth").await;
                        drop(profile);
                        until_all_has_ended();
                    }
                }
            });
        },
    );
}

#[test]
fn with_several_rooms_all_of_them_can_be_killed() {
    as_each_user(name!(with_several_rooms_all_of_them_can_be_killed), || {
        block_on(async {
            let profile = profile(Tier::Full, |_| {});
            serve_at_once(&profile, 3).await;
            until_at_rest(Tier::Full, 3);
            assert_eq!(kill(&[Role::Gate, Role::Candidate, Role::First]), 9);
            assert_serves(&profile, "hello").await;
            drop(profile);
            until_all_has_ended();
        });
    });
}

/// A child that runs, leaves a process behind once its input ends, and then ends; with all that it and that process say.
fn leaving(profile: &Profile) -> (Child, io::PipeWriter, io::PipeReader) {
    let (input, writer) = io::pipe().unwrap();
    let (mut said, output) = io::pipe().unwrap();
    let stdio = Stdio {
        stdin: input.as_fd(),
        stdout: output.as_fd(),
        stderr: output.as_fd(),
    };
    let child = Run::shell(profile, "echo ready; read end; (sleep 60; echo survived) & exit 7")
        .spawn_with(stdio)
        .unwrap();
    drop(output);
    assert_eq!(line(&mut said), "ready");
    (child, writer, said)
}

#[test]
fn a_child_goes_on_when_the_gate_that_it_came_from_is_killed() {
    as_each_user(name!(a_child_goes_on_when_the_gate_that_it_came_from_is_killed), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let (child, input, said) = leaving(&profile);
                until_at_rest_beside(&child, tier);
                assert_eq!(kill(&[Role::Gate]), 1);
                assert_eq!(child.try_wait().unwrap(), None);
                drop(input);
                let end = child.wait().await.unwrap().termination;
                assert_eq!(end, Termination::Exited(7), "{tier}");
                if tier == Tier::Reduced {
                    // Its group has lost its guard. The host itself ends it.
                    child.kill_tree().unwrap();
                }
                assert_eq!(io::read_to_string(said).unwrap(), "", "{tier}");
                assert_serves(&profile, "hello").await;
                drop((child, profile));
                until_all_has_ended();
            }
        });
    });
}

#[test]
fn a_child_ends_with_the_first_process_of_its_room() {
    as_each_user(name!(a_child_ends_with_the_first_process_of_its_room), || {
        block_on(async {
            let profile = profile(Tier::Full, |_| {});
            let (child, _input, said) = leaving(&profile);
            until_at_rest_beside(&child, Tier::Full);
            assert_eq!(kill(&[Role::First]), 1);
            let end = child.wait().await.unwrap().termination;
            assert_eq!(end, Termination::Signaled(Signal::Kill));
            assert_eq!(io::read_to_string(said).unwrap(), "");
            assert_serves(&profile, "hello").await;
            drop((child, profile));
            until_all_has_ended();
        });
    });
}

#[test]
fn killed_at_any_moment_they_hang_nothing_and_leave_nothing_behind() {
    as_each_user(
        name!(killed_at_any_moment_they_hang_nothing_and_leave_nothing_behind),
        || {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let done = AtomicBool::new(false);
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        while !done.load(Ordering::Relaxed) {
                            for (pid, ..) in standing() {
                                // SAFETY: the call takes numbers. The number is, or was just now, that of a child.
                                unsafe { libc::kill(pid as i32, libc::SIGKILL) };
                            }
                        }
                    });
                    block_on(async {
                        let run = Run::program(&profile, "/bin/true", &[]);
                        for _ in 0..200 {
                            // Most are killed, some before they are children.
                            if let Ok((child, _)) = run.try_spawn() {
                                let end = child.wait().await.unwrap().termination;
                                let ends = [Termination::Exited(0), Termination::Signaled(Signal::Kill)];
                                assert!(ends.contains(&end), "{tier}: {end:?}");
                            }
                        }
                    });
                    done.store(true, Ordering::Relaxed);
                });
                block_on(assert_serves(&profile, "hello"));
                drop(profile);
                until_all_has_ended();
            }
        },
    );
}

/// What the gate of the reduced tier waits for, as the kernel lists it.
fn watched() -> usize {
    let gate = standing()
        .into_iter()
        .find(|(_, role, _)| *role == Role::Gate)
        .unwrap()
        .0;
    let all = fs::read_dir(format!("/proc/{gate}/fdinfo")).unwrap();
    let count = |entry: io::Result<fs::DirEntry>| {
        let info = fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
        info.lines().filter(|line| line.starts_with("tfd:")).count()
    };
    all.map(count).sum()
}

#[test]
fn the_gate_of_the_reduced_tier_watches_over_nobody_who_has_ended() {
    as_each_user(
        name!(the_gate_of_the_reduced_tier_watches_over_nobody_who_has_ended),
        || {
            block_on(async {
                let profile = profile(Tier::Reduced, |_| {});
                for _ in 0..3 {
                    let (child, input, _said) = leaving(&profile);
                    // The next one was created while this one works: its copies of the gate's descriptors are open.
                    until_at_rest_beside(&child, Tier::Reduced);
                    // The host and its socket, the child, and the next one.
                    assert_eq!(watched(), 4);
                    drop(input);
                    child.wait().await.unwrap();
                    until(|| watched() == 3);
                }
            });
        },
    );
}

#[test]
fn a_host_that_collects_whatever_ends_learns_the_status_and_nothing_is_left() {
    as_each_user(
        name!(a_host_that_collects_whatever_ends_learns_the_status_and_nothing_is_left),
        || {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let (done, collected) = (AtomicBool::new(false), AtomicUsize::new(0));
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        while !done.load(Ordering::Relaxed) {
                            // SAFETY: no status is asked for.
                            let pid = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL) };
                            collected.fetch_add(usize::from(pid > 0), Ordering::Relaxed);
                        }
                    });
                    block_on(async {
                        for _ in 0..100 {
                            let (child, _said) = Run::shell(&profile, "exit 7").spawn();
                            match child.wait().await {
                                Ok(exit) => assert_eq!(exit.termination, Termination::Exited(7), "{tier}"),
                                Err(WaitError::StatusLost) => assert!(!kernel_keeps_status(), "{tier}"),
                                Err(error) => panic!("{tier}: {error}"),
                            }
                            let too_long = "a".repeat(200_000);
                            let error = Run::program(&profile, "/bin/true", &[&too_long])
                                .try_spawn()
                                .unwrap_err();
                            assert_eq!(error.kind(), &SpawnErrorKind::ArgumentsTooLong, "{tier}");
                        }
                    });
                    done.store(true, Ordering::Relaxed);
                });
                assert!(collected.load(Ordering::Relaxed) > 0);
                drop(profile);
                until_all_has_ended();
            }
        },
    );
}

/// Fails to start a child, again and again, and each time there are soon as few processes and descriptors as before.
fn fail_and_leave_nothing(profile: &Profile, check: impl Fn(&SpawnError)) {
    let fail = || block_on(async { check(&Run::program(profile, "/bin/true", &[]).try_spawn().unwrap_err()) });
    // What is made once.
    fail();
    // Two rooms, or what a gate of the reduced tier creates meanwhile.
    let (processes, descriptors) = (children().len() + 6, open_descriptors() + 20);
    for _ in 0..50 {
        fail();
        until(|| children().len() <= processes && open_descriptors() <= descriptors);
    }
}

/// The kernel refuses what candidates take on before they wait.
fn refuse_landlock() {
    for call in [libc::SYS_landlock_create_ruleset, libc::SYS_landlock_restrict_self] {
        refuse(Refusal {
            call,
            argument: None,
            errno: libc::ENOMEM,
        });
    }
}

#[test]
fn where_no_candidate_can_be_prepared_failed_starts_leave_nothing_behind() {
    as_each_user(
        name!(where_no_candidate_can_be_prepared_failed_starts_leave_nothing_behind),
        || {
            let serve_once = |tier| {
                block_on(assert_serves(&profile(tier, |_| {}), "hello"));
                until_all_has_ended();
            };
            for tier in TIERS {
                // What is made once.
                serve_once(tier);
                let before = open_descriptors();
                let profile = profile(tier, |_| {});
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        refuse_landlock();
                        fail_and_leave_nothing(&profile, |_| {});
                    });
                });
                if tier == Tier::Full {
                    // The refusal was for that thread, and for the rooms that it made.
                    block_on(assert_serves(&profile, "hello"));
                }
                drop(profile);
                until_all_has_ended();
                until(|| open_descriptors() <= before);
            }
        },
    );
}

#[test]
fn a_gate_that_is_short_of_descriptors_says_so_and_leaves_nothing_and_goes_on() {
    as_each_user(
        name!(a_gate_that_is_short_of_descriptors_says_so_and_leaves_nothing_and_goes_on),
        || {
            let profile = profile(Tier::Reduced, |_| {});
            block_on(assert_serves(&profile, "hello"));
            until_at_rest(Tier::Reduced, 1);
            let gate = standing()
                .into_iter()
                .find(|(_, role, _)| *role == Role::Gate)
                .unwrap()
                .0;
            let mut limit = libc::rlimit {
                rlim_cur: 0,
                rlim_max: 0,
            };
            let set = |new: *const libc::rlimit, old: *mut libc::rlimit| {
                // SAFETY: each is null or a limit that lives during the call.
                assert_eq!(unsafe { libc::prlimit(gate as i32, libc::RLIMIT_NOFILE, new, old) }, 0);
            };
            set(std::ptr::null(), &raw mut limit);
            let few = libc::rlimit { rlim_cur: 3, ..limit };
            set(&raw const few, std::ptr::null_mut());
            // The one that waits already.
            block_on(assert_serves(&profile, "hello"));
            fail_and_leave_nothing(&profile, |error| {
                let said = (error.stage(), error.kind());
                assert_eq!(said, (Stage::Clone, &SpawnErrorKind::TooManyOpenFiles), "{error}");
            });
            set(&raw const limit, std::ptr::null_mut());
            block_on(assert_serves(&profile, "hello"));
            until_at_rest(Tier::Reduced, 1);
            drop(profile);
            until_all_has_ended();
        },
    );
}

#[test]
fn why_no_candidate_can_be_prepared_is_told_each_time() {
    as_each_user(name!(why_no_candidate_can_be_prepared_is_told_each_time), || {
        for tier in TIERS {
            let profile = profile(tier, |_| {});
            let said = std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    refuse_landlock();
                    let fail = |_| Run::program(&profile, "/bin/true", &[]).try_spawn().unwrap_err();
                    let error = |number| block_on(async { fail(number) });
                    (0..50)
                        .map(error)
                        .map(|error| (error.stage(), error.errno()))
                        .collect::<Vec<_>>()
                });
                thread.join().unwrap()
            });
            let right = (Stage::Landlock, Some(libc::ENOMEM));
            let wrong: Vec<_> = said.iter().filter(|&&said| said != right).collect();
            assert!(wrong.is_empty(), "{tier}: {} of {}: {wrong:?}", wrong.len(), said.len());
        }
    });
}
