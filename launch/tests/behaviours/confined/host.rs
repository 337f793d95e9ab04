//! The host is as it was, whatever it starts confined.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use childproof_launch::{Profile, Resource, Rlimit, SpawnErrorKind, Stage, Tier};

use super::{Run, TIERS, as_each_user, children, directory, profile, until_all_has_ended};
use crate::support::{block_on, name, open_descriptors, shell, until, write_file};

/// What of its threads the host would miss, and its namespaces.
fn state() -> (BTreeSet<String>, Vec<String>) {
    let kept = [
        "NoNewPrivs",
        "Seccomp",
        "Cap",
        "Sig",
        "Shd",
        "Uid",
        "Gid",
        "Groups",
        "Umask",
        "NSpid",
        "TracerPid",
    ];
    let mut lines = BTreeSet::new();
    for thread in fs::read_dir("/proc/self/task").unwrap() {
        // One that was only just there has ended.
        let Ok(status) = fs::read_to_string(thread.unwrap().path().join("status")) else {
            continue;
        };
        // The reaper takes no signals, before and after.
        if status.contains("childproof-reap") {
            continue;
        }
        let is_kept = |line: &&str| kept.iter().any(|key| line.starts_with(key)) && !line.starts_with("SigQ");
        lines.extend(status.lines().filter(is_kept).map(str::to_owned));
    }
    let namespaces = fs::read_dir("/proc/self/ns").unwrap();
    let mut namespaces: Vec<_> = namespaces
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap().display().to_string())
        .collect();
    namespaces.extend(["cwd", "root"].map(|link| {
        fs::read_link(format!("/proc/self/{link}"))
            .unwrap()
            .display()
            .to_string()
    }));
    namespaces.push(fs::read_to_string("/proc/self/mountinfo").unwrap());
    (lines, namespaces)
}

/// Whether the reaper has its name.
fn has_reaper() -> bool {
    let mut threads = fs::read_dir("/proc/self/task").unwrap();
    threads.any(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).is_ok_and(|name| name == REAPER))
}

const REAPER: &str = "childproof-reap\n";

fn dumpable() -> i32 {
    // SAFETY: the call takes numbers.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE) }
}

#[test]
fn its_threads_and_namespaces_are_as_they_were_and_it_is_dumpable_at_every_moment() {
    as_each_user(
        name!(its_threads_and_namespaces_are_as_they_were_and_it_is_dumpable_at_every_moment),
        || {
            block_on(async { shell("exit").wait().await.unwrap() });
            until(has_reaper);
            assert_eq!(dumpable(), 1);
            let before = state();
            assert!(before.0.contains("NoNewPrivs:\t0"), "{before:?}");
            let (done, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
            std::thread::scope(|scope| {
                let watcher = scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        if dumpable() != 1 {
                            return false;
                        }
                        looks.fetch_add(1, Ordering::Relaxed);
                    }
                    true
                });
                block_on(async {
                    for tier in TIERS {
                        for _ in 0..10 {
                            profile(tier, |_| {});
                        }
                        let profile = profile(tier, |_| {});
                        for _ in 0..200 {
                            Run::program(&profile, "/bin/true", &[]).text().await;
                        }
                    }
                });
                done.store(true, Ordering::Relaxed);
                assert!(watcher.join().unwrap(), "it was not dumpable");
            });
            assert!(looks.load(Ordering::Relaxed) > 1000);
            // A thread that was joined can be seen for a moment more.
            until(|| state() == before);
        },
    );
}

/// Descriptors, threads, tens of mappings, and processes that this one started.
fn count() -> [usize; 4] {
    let threads = fs::read_dir("/proc/self/task").unwrap().count();
    let mappings = fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    [open_descriptors(), threads, mappings / 10, children().len()]
}

#[test]
fn a_thousand_children_leave_no_descriptor_process_thread_or_mapping() {
    as_each_user(
        name!(a_thousand_children_leave_no_descriptor_process_thread_or_mapping),
        || {
            block_on(async {
                for tier in TIERS {
                    let profile = profile(tier, |_| {});
                    let run = async |count| {
                        for _ in 0..count {
                            Run::program(&profile, "/bin/true", &[]).text().await;
                        }
                    };
                    // As many namespaces and stacks as it keeps.
                    run(50).await;
                    let before = count();
                    run(1_000).await;
                    // What was not collected yet is. A profile keeps some of what it made, more or less of it.
                    until(|| count().iter().zip(before).all(|(after, before)| *after <= before + 20));
                    drop(profile);
                    until_all_has_ended();
                }
            });
        },
    );
}

#[test]
fn failed_starts_leave_no_descriptor_process_thread_or_mapping() {
    as_each_user(
        name!(failed_starts_leave_no_descriptor_process_thread_or_mapping),
        || {
            block_on(async {
                let host = tempfile::tempdir().unwrap();
                let at = |name: &str| host.path().join(name).to_str().unwrap().to_owned();
                fs::copy("/bin/true", at("busy")).unwrap();
                fs::copy("/bin/true", at("program")).unwrap();
                write_file(host.path().join("lost").as_path(), "#!/no/such/interpreter\n", 0o755);
                let _writer = File::options().write(true).open(at("busy")).unwrap();
                let elsewhere = tempfile::tempdir().unwrap();
                fs::copy("/bin/true", elsewhere.path().join("program")).unwrap();
                let outside = elsewhere.path().join("program").to_str().unwrap().to_owned();
                let opened = File::open(host.path()).unwrap();
                for tier in TIERS {
                    let profile = profile(tier, |confinement| {
                        confinement.directories = vec![directory(host.path(), host.path(), true)];
                    });
                    let fail =
                        |profile: &Profile, program: &str, set_up: &dyn for<'a> Fn(Run<'a>, &'a File) -> Run<'a>| {
                            let error = set_up(Run::program(profile, program, &[]), &opened)
                                .try_spawn()
                                .unwrap_err();
                            (error.stage(), error.kind().clone())
                        };
                    let all = |times: usize| {
                        for _ in 0..times {
                            let said = fail(&profile, &at("lost"), &|run, _| run);
                            assert_eq!(said, (Stage::Exec, SpawnErrorKind::InterpreterNotFound));
                            let said = fail(&profile, &outside, &|run, _| run);
                            assert_ne!(said.1, SpawnErrorKind::Other);
                            let said = fail(&profile, "/bin/true", &|run, _| {
                                run.rlimit(Rlimit {
                                    resource: Resource::Core,
                                    soft: 2,
                                    hard: 1,
                                })
                            });
                            assert_eq!(said.0, Stage::Rlimit(Resource::Core));
                            let said = fail(&profile, &at("program"), &|mut run, _| {
                                run.arguments.push("a".repeat(200_000));
                                run
                            });
                            assert_eq!(said.1, SpawnErrorKind::ArgumentsTooLong);
                            if tier == Tier::Full {
                                let said = fail(&profile, "/bin/true", &|run, opened| {
                                    run.current_dir(opened.as_fd()).inside("/usr")
                                });
                                assert_eq!(said.0, Stage::WorkingDirectory);
                            }
                        }
                        for _ in 0..times.div_ceil(20) {
                            let said = fail(&profile, &at("busy"), &|run, _| run);
                            assert_eq!(said, (Stage::Exec, SpawnErrorKind::ProgramBusy));
                        }
                    };
                    Run::program(&profile, "/bin/true", &[]).text().await;
                    all(3);
                    let before = count();
                    all(50);
                    until(|| count().iter().zip(before).all(|(after, before)| *after <= before + 20));
                    drop(profile);
                    until_all_has_ended();
                }
            });
        },
    );
}
