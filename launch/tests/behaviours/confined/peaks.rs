//! The peak of memory that is told of a child is its own, not that of another child, or of the gate that both came from.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use childproof_launch::{Profile, Termination, Tier};

use super::{Run, TIERS, as_each_user, profile};
use crate::support::{block_on, name};

/// More than `/bin/true` needs, and less than [`large`] takes.
const FEW: u64 = 4 << 20;

/// Lets the kernel take as many arguments as it ever does: a quarter of this limit, but not more than 6 MiB.
fn allow_many_arguments() {
    let limit = libc::rlimit {
        rlim_cur: 64 << 20,
        rlim_max: 64 << 20,
    };
    // SAFETY: the limit lives during the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_STACK, &raw const limit) }, 0);
}

/// Arguments that are about as large, together, as the kernel takes. With these first.
fn large<'a>(first: &[&'a str], one: &'a str) -> Vec<&'a str> {
    assert!(one.len() * 45 > FEW as usize + (1 << 20));
    [first, &[one; 45]].concat()
}

fn one() -> String {
    "x".repeat(128_000)
}

/// What is told of a child that needs little.
async fn peak(profile: &Profile) -> Option<u64> {
    let (exit, said) = Run::program(profile, "/bin/true", &[]).output().await;
    assert_eq!((exit.termination, &*said), (Termination::Exited(0), ""));
    exit.usage.unwrap().peak_memory
}

#[track_caller]
fn assert_own(peak: Option<u64>, context: &str) {
    assert!(peak.is_none_or(|peak| peak < FEW), "{context}: {peak:?}");
}

#[track_caller]
fn assert_known(peak: Option<u64>, context: &str) {
    assert!(peak.is_some(), "{context}");
    assert_own(peak, context);
}

#[test]
fn large_arguments_of_one_child_are_not_told_as_memory_of_another() {
    as_each_user(
        name!(large_arguments_of_one_child_are_not_told_as_memory_of_another),
        || {
            allow_many_arguments();
            let one = one();
            block_on(async {
                for tier in TIERS {
                    let profile = profile(tier, |_| {});
                    for _ in 0..3 {
                        // The second one comes from where the first one came from.
                        assert_known(peak(&profile).await, &format!("{tier}, before"));
                        assert_known(peak(&profile).await, &format!("{tier}, before"));
                        let script = "[ ${#45} = 128000 ] && read end";
                        let arguments = large(&["-c", script, "sh"], &one);
                        let (input, writer) = io::pipe().unwrap();
                        let child = Run::program(&profile, "/bin/sh", &arguments).spawn_reading(&input);
                        for _ in 0..3 {
                            assert_known(peak(&profile).await, &format!("{tier}, while it runs"));
                        }
                        assert_eq!(child.try_wait().unwrap(), None);
                        drop(writer);
                        // The end of its input.
                        assert_eq!(child.wait().await.unwrap().termination, Termination::Exited(1));
                    }
                    for _ in 0..6 {
                        assert_known(peak(&profile).await, &format!("{tier}, after"));
                    }
                }
            });
        },
    );
}

#[test]
fn large_arguments_that_are_refused_are_not_told_as_memory_of_another() {
    as_each_user(
        name!(large_arguments_that_are_refused_are_not_told_as_memory_of_another),
        || {
            // Here the kernel takes two of six MiB.
            let one = one();
            block_on(async {
                for tier in TIERS {
                    let profile = profile(tier, |_| {});
                    for _ in 0..3 {
                        assert_known(peak(&profile).await, &format!("{tier}, before"));
                        let (running, _said) = Run::program(&profile, "/bin/sleep", &["1000"]).spawn();
                        Run::program(&profile, "/bin/true", &large(&[], &one))
                            .try_spawn()
                            .unwrap_err();
                        assert_known(peak(&profile).await, &format!("{tier}, afterwards"));
                        running.kill_tree().unwrap();
                        let exit = running.wait().await.unwrap();
                        assert_own(exit.usage.unwrap().peak_memory, &format!("{tier}, meanwhile"));
                    }
                }
            });
        },
    );
}
#[test]
fn memory_of_many_that_run_is_not_told_as_that_of_one_more() {
    as_each_user(name!(memory_of_many_that_run_is_not_told_as_that_of_one_more), || {
        // Not large, but many of them.
        let one = "x".repeat(50_000);
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let (input, writer) = io::pipe().unwrap();
                let run = Run::program(&profile, "/bin/sh", &["-c", "read end", "sh", &one]);
                let mut running = Vec::new();
                for _ in 0..150 {
                    running.push(run.spawn_reading(&input));
                    assert_own(peak(&profile).await, &format!("{tier}, beside {}", running.len()));
                }
                drop(writer);
                for child in running {
                    let exit = child.wait().await.unwrap();
                    assert_own(exit.usage.unwrap().peak_memory, &format!("{tier}, one of them"));
                }
                assert_own(peak(&profile).await, &format!("{tier}, after"));
            }
        });
    });
}

#[test]
fn large_arguments_are_not_told_as_memory_of_what_starts_at_the_same_moment() {
    as_each_user(
        name!(large_arguments_are_not_told_as_memory_of_what_starts_at_the_same_moment),
        || {
            allow_many_arguments();
            let one = one();
            for tier in TIERS {
                let (profile, done) = (profile(tier, |_| {}), AtomicBool::new(false));
                let (profile, done, one) = (&profile, &done, &*one);
                std::thread::scope(|scope| {
                    let run_large = move || {
                        block_on(async {
                            let arguments = large(&[], one);
                            // In the full tier, each has a room of its own, which takes longer.
                            for _ in 0..if tier == Tier::Full { 10 } else { 80 } {
                                let (exit, _) = Run::program(profile, "/bin/true", &arguments).output().await;
                                assert_eq!(exit.termination, Termination::Exited(0), "{tier}");
                            }
                        });
                    };
                    let run_small = move || {
                        block_on(async {
                            while !done.load(Ordering::Relaxed) {
                                assert_own(peak(profile).await, &format!("{tier}"));
                            }
                        });
                    };
                    let large: Vec<_> = (0..2).map(|_| scope.spawn(run_large)).collect();
                    let small: Vec<_> = (0..2).map(|_| scope.spawn(run_small)).collect();
                    let ends: Vec<_> = large.into_iter().map(|thread| thread.join()).collect();
                    done.store(true, Ordering::Relaxed);
                    let ends = ends.into_iter().chain(small.into_iter().map(|thread| thread.join()));
                    assert!(ends.filter(Result::is_err).count() == 0);
                });
                block_on(async {
                    for _ in 0..6 {
                        assert_known(peak(profile).await, &format!("{tier}, after"));
                    }
                });
            }
        },
    );
}
