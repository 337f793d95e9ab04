//! Many at the same time: threads, children, profiles, and copies that the host makes of itself.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use childproof_launch::{Stdio, Termination, Tier};

use super::{Run, TIERS, as_each_user, profile};
use crate::support::{block_on, line, name, null};

#[test]
fn threads_start_children_of_one_profile_at_the_same_time() {
    as_each_user(name!(threads_start_children_of_one_profile_at_the_same_time), || {
        for tier in TIERS {
            let profile = profile(tier, |_| {});
            std::thread::scope(|scope| {
                for thread in 0..20 {
                    let profile = &profile;
                    scope.spawn(move || {
                        block_on(async {
                            for turn in 0..10 {
                                let said = Run::shell(profile, &format!("echo {thread} {turn}")).text().await;
                                assert_eq!(said, format!("{thread} {turn}\n"));
                            }
                        });
                    });
                }
            });
        }
    });
}

#[test]
fn profiles_are_built_at_the_same_time() {
    as_each_user(name!(profiles_are_built_at_the_same_time), || {
        let host = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let host = &host;
                scope.spawn(move || {
                    let source = host.path().join(thread.to_string());
                    std::fs::create_dir(&source).unwrap();
                    std::fs::write(source.join("text"), format!("{thread}\n")).unwrap();
                    for _ in 0..5 {
                        let profile = profile(Tier::Full, |confinement| {
                            confinement.directories = vec![super::directory(&source, "/work", false)];
                        });
                        let said = block_on(Run::shell(&profile, "cat /work/text").text());
                        assert_eq!(said, format!("{thread}\n"));
                    }
                });
            }
        });
    });
}

#[test]
fn three_hundred_children_run_at_once() {
    as_each_user(name!(three_hundred_children_run_at_once), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let (mut said, writer) = io::pipe().unwrap();
                let null = null();
                let stdio = Stdio {
                    stdin: null.as_fd(),
                    stdout: writer.as_fd(),
                    stderr: null.as_fd(),
                };
                let run = Run::shell(&profile, "echo .; exec sleep 1000");
                let children: Vec<_> = (0..300).map(|_| run.spawn_with(stdio).unwrap()).collect();
                drop(writer);
                let mut dots = [0; 600];
                said.read_exact(&mut dots).unwrap();
                assert!(
                    children.iter().all(|child| child.try_wait().unwrap().is_none()),
                    "{tier}"
                );
                drop(children);
                assert_eq!(said.read_to_end(&mut Vec::new()).unwrap(), 0);
            }
        });
    });
}

#[test]
fn children_outlive_their_profile() {
    as_each_user(name!(children_outlive_their_profile), || {
        block_on(async {
            for tier in TIERS {
                let (input, mut writer) = io::pipe().unwrap();
                let (mut reader, output) = io::pipe().unwrap();
                let child = {
                    let profile = profile(tier, |_| {});
                    let stdio = Stdio {
                        stdin: input.as_fd(),
                        stdout: output.as_fd(),
                        stderr: output.as_fd(),
                    };
                    Run::shell(&profile, "read word; echo $word; ls -d /usr; read end; exit 4")
                        .spawn_with(stdio)
                        .unwrap()
                };
                drop((input, output));
                writer.write_all(b"hello\n").unwrap();
                assert_eq!((line(&mut reader), line(&mut reader)), ("hello".into(), "/usr".into()));
                drop(writer);
                assert_eq!(
                    child.wait().await.unwrap().termination,
                    Termination::Exited(4),
                    "{tier}"
                );
            }
        });
    });
}

/// Held while there is a pipe with low numbers, which a copy would keep, and while one is made.
static LOW_PIPE: Mutex<()> = Mutex::new(());

/// A pipe whose ends have high numbers, so that copies of this process can close them.
fn high_pipe() -> (OwnedFd, OwnedFd) {
    let _no_copies = LOW_PIPE.lock().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let high = |fd: i32| {
        // SAFETY: the call takes numbers; the new descriptor is nobody else's.
        unsafe {
            let fd = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, HIGH);
            assert!(fd >= HIGH);
            OwnedFd::from_raw_fd(fd)
        }
    };
    (high(reader.as_raw_fd()), high(writer.as_raw_fd()))
}

const HIGH: i32 = 500;

/// A copy of this process that holds all its descriptors but the high ones until it is killed.
fn copy() -> libc::pid_t {
    let _no_pipe = LOW_PIPE.lock().unwrap();
    // SAFETY: the copy makes system calls and nothing else.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::close_range(HIGH as u32, u32::MAX, 0);
            loop {
                libc::pause();
            }
        }
        pid
    }
}

#[test]
fn copies_of_the_host_that_hold_its_descriptors_hold_up_neither_starts_nor_ends() {
    as_each_user(
        name!(copies_of_the_host_that_hold_its_descriptors_hold_up_neither_starts_nor_ends),
        || {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let done = AtomicBool::new(false);
                let mut copies = std::thread::scope(|scope| {
                    let copier = scope.spawn(|| {
                        let mut copies = Vec::new();
                        while !done.load(Ordering::Relaxed) && copies.len() < 400 {
                            copies.push(copy());
                        }
                        copies
                    });
                    block_on(async {
                        let mut ends = Vec::new();
                        for _ in 0..100 {
                            let (reader, writer) = high_pipe();
                            let null = null();
                            let stdio = Stdio {
                                stdin: null.as_fd(),
                                stdout: writer.as_fd(),
                                stderr: null.as_fd(),
                            };
                            // What it leaves behind ends with it, also while the copies live.
                            let run = Run::shell(&profile, "(sleep 60; echo survived) & exit 5");
                            let child = run.spawn_with(stdio).unwrap();
                            assert_eq!(child.wait().await.unwrap().termination, Termination::Exited(5));
                            ends.push((std::fs::File::from(reader), child));
                        }
                        for (reader, _child) in ends {
                            assert_eq!(io::read_to_string(reader).unwrap(), "", "{tier}");
                        }
                    });
                    done.store(true, Ordering::Relaxed);
                    copier.join().unwrap()
                });
                for copy in copies.drain(..) {
                    // SAFETY: the calls take numbers; the copy is this process's child and was not collected.
                    unsafe {
                        assert_eq!(libc::kill(copy, libc::SIGKILL), 0);
                        assert_eq!(libc::waitpid(copy, std::ptr::null_mut(), 0), copy);
                    }
                }
            }
        },
    );
}
