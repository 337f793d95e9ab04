//! Children start the same whatever the host is like: large, short of descriptors, with signals that it ignores; and however
//! much it gives them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use childproof_launch::{Command, Profile, Signal, SpawnErrorKind, Stage, Stdio, Termination, Tier};

use super::{Run, TIERS, as_each_user, assert_serves, profile, until_all_has_ended};
use crate::support::{block_on, name, null, program, quiet};

/// Text of this length that says something else at every place.
fn text(length: usize, seed: usize) -> String {
    let letter = |place: usize| char::from(b'a' + ((place * 7 + place / 26 * 11 + seed) % 26) as u8);
    (0..length).map(letter).collect()
}

#[test]
fn arguments_and_environment_arrive_however_large_they_are() {
    as_each_user(name!(arguments_and_environment_arrive_however_large_they_are), || {
        block_on(async {
            const LARGEST: usize = (128 << 10) - 1;
            let (python, null) = (program("/usr/bin/python3"), null());
            let script = "import os, sys
sys.stdout.write('\\n'.join(sys.argv[1:] + [os.environ[f'V{number}'] for number in range(4)]))";
            let arguments: Vec<_> = (0..8).map(|seed| text(LARGEST, seed)).collect();
            let variables: Vec<_> = (8..12).map(|seed| text(LARGEST - 3, seed)).collect();
            let expected = [&arguments[..], &variables].concat().join("\n");
            assert!(expected.len() > 1_500_000);
            let start = |profile: &Profile, arguments: &[String], output: &dyn AsFd| {
                let stdio = Stdio {
                    stdin: null.as_fd(),
                    stdout: output.as_fd(),
                    stderr: null.as_fd(),
                };
                let mut command = Command::new(&python, stdio);
                command.args(["-c", script]).args(arguments).confine(profile);
                for (number, value) in variables.iter().enumerate() {
                    command.env(format!("V{number}"), value);
                }
                command.spawn()
            };
            let too_large = [
                vec![text(LARGEST + 1, 0)],
                // Together with the environment, more than a quarter of the usual limit on the stack.
                [&arguments[..], &arguments].concat(),
            ];
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                for arguments_too_large in &too_large {
                    let (mut said, output) = io::pipe().unwrap();
                    let child = start(&profile, &arguments, &output).unwrap();
                    drop(output);
                    let mut text = String::new();
                    said.read_to_string(&mut text).unwrap();
                    assert_eq!(
                        child.wait().await.unwrap().termination,
                        Termination::Exited(0),
                        "{tier}"
                    );
                    assert!(text == expected, "{tier}: {} instead of {}", text.len(), expected.len());

                    let error = start(&profile, arguments_too_large, &null).unwrap_err();
                    assert_eq!(
                        (error.stage(), error.kind()),
                        (Stage::Exec, &SpawnErrorKind::ArgumentsTooLong),
                        "{tier}"
                    );
                    assert_serves(&profile, "hello").await;
                }
            }
        });
    });
}

/// Takes all descriptors below the limit but these.
fn all_descriptors_but(free: usize, null: &File) -> Vec<OwnedFd> {
    let mut taken = Vec::new();
    let full = loop {
        match null.as_fd().try_clone_to_owned() {
            Ok(one) => taken.push(one),
            Err(error) => break error,
        }
    };
    assert_eq!(full.raw_os_error(), Some(libc::EMFILE));
    taken.truncate(taken.len() - free);
    taken
}

#[test]
fn where_the_host_has_few_descriptors_left_a_start_works_or_says_so() {
    as_each_user(
        name!(where_the_host_has_few_descriptors_left_a_start_works_or_says_so),
        || {
            let limit = libc::rlimit {
                rlim_cur: 100,
                rlim_max: 200,
            };
            // SAFETY: the limit lives during the call.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
            let (true_program, null) = (program("/bin/true"), null());
            block_on(async {
                let try_to = async |profile: &Profile| {
                    let mut command = Command::new(&true_program, quiet(&null));
                    match command.confine(profile).spawn() {
                        Ok(child) => {
                            let end = child.wait().await.unwrap().termination;
                            assert_eq!(end, Termination::Exited(0), "{}", profile.tier());
                            true
                        }
                        Err(error) => {
                            assert_eq!(
                                error.kind(),
                                &SpawnErrorKind::TooManyOpenFiles,
                                "{}: {error}",
                                profile.tier()
                            );
                            false
                        }
                    }
                };
                for tier in TIERS {
                    let used = profile(tier, |_| {});
                    let (mut worked, mut failed) = (0, 0);
                    for free in 0..30 {
                        let unused = profile(tier, |_| {});
                        for profile in [&unused, &used] {
                            let taken = all_descriptors_but(free, &null);
                            for _ in 0..3 {
                                match try_to(profile).await {
                                    true => worked += 1,
                                    false => failed += 1,
                                }
                            }
                            drop(taken);
                            assert!(try_to(profile).await, "{tier}: {free}");
                        }
                    }
                    assert!(worked > 0 && failed > 0, "{tier}: {worked} and {failed}");
                    drop(used);
                    until_all_has_ended();
                }
            });
        },
    );
}

#[test]
fn peak_memory_is_the_childs_own_and_known_however_large_the_host_is() {
    as_each_user(
        name!(peak_memory_is_the_childs_own_and_known_however_large_the_host_is),
        || {
            let ballast = vec![1u8; 200 << 20];
            std::hint::black_box(&ballast);
            block_on(async {
                for tier in TIERS {
                    let profile = profile(tier, |_| {});
                    for _ in 0..3 {
                        let (exit, _) = Run::program(&profile, "/bin/true", &[]).output().await;
                        let peak = exit.usage.unwrap().peak_memory.unwrap();
                        assert!((100 << 10..50 << 20).contains(&peak), "{tier}: {peak}");
                        let (exit, _) = Run::python(&profile, "b'x' * (100 << 20)").output().await;
                        let peak = exit.usage.unwrap().peak_memory.unwrap();
                        assert!((100 << 20..150 << 20).contains(&peak), "{tier}: {peak}");
                    }
                }
            });
            drop(ballast);
        },
    );
}

/// Sets what this process does on a signal, all of them but the two that cannot be changed.
fn on_all_signals(handler: libc::sighandler_t) {
    for signal in (1..=64).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal)) {
        // SAFETY: neither to ignore a signal nor its default runs code. Those that the C library keeps for itself are refused.
        unsafe { libc::signal(signal, handler) };
    }
}

#[test]
fn a_child_blocks_and_ignores_no_signal_whatever_the_host_does() {
    as_each_user(
        name!(a_child_blocks_and_ignores_no_signal_whatever_the_host_does),
        || {
            block_on(async {
                // Python itself changes SIGPIPE and SIGXFSZ, and has a handler for SIGINT unless that is ignored.
                let script = "import signal
others = set(signal.valid_signals()) - {signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT}
print([number for number in others if signal.getsignal(number) != signal.SIG_DFL])
print(signal.getsignal(signal.SIGINT) == signal.default_int_handler, signal.pthread_sigmask(signal.SIG_BLOCK, []))";
                for tier in TIERS {
                    let profile = profile(tier, |_| {});
                    // When the gate is started, and later.
                    for handler in [libc::SIG_IGN, libc::SIG_IGN, libc::SIG_DFL, libc::SIG_IGN] {
                        on_all_signals(handler);
                        // SAFETY: the set is initialised before it is read.
                        unsafe {
                            let mut all = std::mem::zeroed();
                            libc::sigfillset(&raw mut all);
                            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
                        }
                        let (_, said) = Run::python(&profile, script).output().await;
                        assert_eq!(said, "[]\nTrue set()\n", "{tier}");
                        for (name, signal) in [("PIPE", Signal::Pipe), ("XFSZ", Signal::Xfsz)] {
                            let (exit, _) = Run::shell(&profile, &format!("kill -{name} $$; exit 1")).output().await;
                            assert_eq!(exit.termination, Termination::Signaled(signal), "{tier}");
                        }
                        if tier == Tier::Full {
                            let (_, status) = Run::program(&profile, "/bin/cat", &["/proc/self/status"])
                                .output()
                                .await;
                            for key in ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"] {
                                assert!(status.contains(&format!("{key}:\t0000000000000000\n")), "{status}");
                            }
                        }
                    }
                    drop(profile);
                    until_all_has_ended();
                }
            });
        },
    );
}

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

#[test]
fn a_host_of_many_mappings_starts_children_and_has_as_many_afterwards() {
    as_each_user(
        name!(a_host_of_many_mappings_starts_children_and_has_as_many_afterwards),
        || {
            const MANY: usize = 20_000;
            const PAGE: usize = 4096;
            // SAFETY: the mapping is new and its pages are used by nobody. Where neighbours differ, each is a mapping.
            unsafe {
                let (none, anonymous) = (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
                let base = libc::mmap(std::ptr::null_mut(), MANY * PAGE, none, anonymous, -1, 0);
                assert_ne!(base, libc::MAP_FAILED);
                for page in (0..MANY).step_by(2) {
                    let readable = libc::PROT_READ | libc::PROT_WRITE;
                    assert_eq!(libc::mprotect(base.byte_add(page * PAGE), PAGE, readable), 0);
                    base.byte_add(page * PAGE).cast::<u8>().write(1);
                }
            }
            block_on(async {
                for tier in TIERS {
                    let profile = profile(tier, |_| {});
                    // What is made once.
                    assert_serves(&profile, "hello").await;
                    let before = mappings();
                    assert!(before >= MANY);
                    for _ in 0..50 {
                        assert_eq!(Run::shell(&profile, "echo hello").text().await, "hello\n");
                    }
                    // A thread more or less of the runtime is no matter, one mapping a child would be.
                    assert!(mappings() < before + 20, "{tier}: {before} and {}", mappings());
                }
            });
        },
    );
}

#[test]
fn a_child_has_the_hosts_limit_on_descriptors_and_not_its_gates() {
    as_each_user(
        name!(a_child_has_the_hosts_limit_on_descriptors_and_not_its_gates),
        || {
            let limit = libc::rlimit {
                rlim_cur: 300,
                rlim_max: 400,
            };
            // SAFETY: the limit lives during the call.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
            block_on(async {
                for tier in TIERS {
                    let profile = profile(tier, |_| {});
                    for _ in 0..2 {
                        let said = Run::shell(&profile, "ulimit -Sn; ulimit -Hn").text().await;
                        assert_eq!(said, "300\n400\n", "{tier}");
                    }
                }
            });
        },
    );
}
