//! A host that becomes another program, and a host that is copied while children start: nothing stays running that nobody
//! needs, and nobody waits for a copy.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use childproof_launch::{Child, Command, Profile, Tier};

use super::gates::until_at_rest;
use super::{Run, TIERS, as_each_user, assert_serves, children, profile, serve_at_once, until_all_has_ended};
use crate::support::{block_on, line, name, null, program, quiet, until};

/// What the host becomes: a program that collects what ends, as most do, until it has no children. It fails where there are
/// fewer than its argument, or after a minute.
const SUCCESSOR: &str = "
import os, signal, sys
me = f'/proc/self/task/{os.getpid()}/children'
def give_up(*_):
    for pid in open(me).read().split():
        status = open(f'/proc/{pid}/status').read().splitlines()
        print([line for line in status if line.startswith(('Name', 'State'))], file=sys.stderr)
    sys.exit('some stay')
signal.signal(signal.SIGALRM, give_up)
signal.alarm(60)
collected, every_kind = 0, 0x40000000
while open(me).read():
    # The end of any, also of one that an ordinary wait does not see.
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | every_kind)
    pid, _ = os.waitpid(-1, os.WNOHANG)
    if not pid: give_up()
    collected += 1
print(collected, 'were left and ended')
sys.exit(collected < int(sys.argv[1]))";

/// Becomes it.
fn succeed(left: usize) -> ! {
    let left = left.to_string();
    let error = std::process::Command::new("/usr/bin/python3")
        .args(["-c", SUCCESSOR, &left])
        .exec();
    panic!("{error}");
}

#[test]
fn what_stands_by_ends_when_the_host_becomes_another_program() {
    as_each_user(name!(what_stands_by_ends_when_the_host_becomes_another_program), || {
        let full = profile(Tier::Full, |_| {});
        block_on(serve_at_once(&full, 2));
        until_at_rest(Tier::Full, 2);
        let reduced = profile(Tier::Reduced, |_| {});
        block_on(serve_at_once(&reduced, 1));
        // Two rooms of three, and a gate with its candidate.
        until(|| children().len() == 8);
        succeed(8);
    });
}

/// A child that has started, and waits; and what says that all of its tree has ended.
fn waiting(profile: &Profile) -> (Child, PipeReader) {
    let (child, mut said) = block_on(async { Run::shell(profile, "sleep 100 & echo started; sleep 100").spawn() });
    assert_eq!(line(&mut said), "started");
    (child, said)
}

#[test]
fn children_of_the_reduced_tier_end_when_the_host_becomes_another_program() {
    as_each_user(
        name!(children_of_the_reduced_tier_end_when_the_host_becomes_another_program),
        || {
            let profile = profile(Tier::Reduced, |_| {});
            let (_child, _said) = waiting(&profile);
            until(|| children().len() == 3);
            succeed(3);
        },
    );
}

/// Starts children, some of which are killed, so that there are rooms to be made.
fn start_many(profile: &Profile, started: &AtomicUsize) {
    let (program, null) = (program("/bin/true"), null());
    block_on(async {
        for number in 0..20 {
            let mut command = Command::new(&program, quiet(&null));
            let child = command.confine(profile).spawn().unwrap();
            started.fetch_add(1, Ordering::Relaxed);
            if number % 2 != 0 {
                child.kill_tree().unwrap();
            }
            child.wait().await.unwrap();
        }
    });
}

#[test]
fn nothing_stays_of_what_starts_while_the_host_becomes_another_program() {
    for _ in 0..10 {
        as_each_user(
            name!(nothing_stays_of_what_starts_while_the_host_becomes_another_program),
            || {
                let (profiles, started) = (TIERS.map(|tier| profile(tier, |_| {})), AtomicUsize::new(0));
                std::thread::scope(|scope| {
                    for profile in profiles.iter().chain(&profiles) {
                        scope.spawn(|| start_many(profile, &started));
                    }
                    // Each time at another moment.
                    until(|| started.load(Ordering::Relaxed) >= std::process::id() as usize % 40);
                    succeed(0);
                });
            },
        );
    }
}

#[test]
fn children_in_rooms_end_when_the_host_becomes_another_program() {
    as_each_user(
        name!(children_in_rooms_end_when_the_host_becomes_another_program),
        || {
            let profile = profile(Tier::Full, |_| {});
            let (_child, _said) = waiting(&profile);
            until(|| children().len() == 3);
            succeed(3);
        },
    );
}

/// Copies of the host, which hold all that it has open until they are told to end.
struct Copies {
    reader: PipeReader,
    writer: PipeWriter,
    pids: Vec<libc::pid_t>,
}

impl Copies {
    fn new() -> Copies {
        let (reader, writer) = io::pipe().unwrap();
        Copies {
            reader,
            writer,
            pids: Vec::new(),
        }
    }

    fn make(&mut self) {
        let (reader, writer) = (self.reader.as_raw_fd(), self.writer.as_raw_fd());
        let mut byte = 0u8;
        // SAFETY: the copy has one thread, makes system calls alone, of which one writes a byte to a variable, and ends.
        let pid = unsafe {
            let pid = libc::fork();
            if pid == 0 {
                libc::close(writer);
                libc::read(reader, (&raw mut byte).cast(), 1);
                libc::_exit(0);
            }
            pid
        };
        assert!(pid > 0);
        self.pids.push(pid);
    }

    /// Waits until the host has no other children.
    #[track_caller]
    fn until_nothing_else_is_left(&self) {
        until(|| children().iter().all(|&child| self.pids.contains(&(child as i32))));
        assert_eq!(children().len(), self.pids.len());
    }

    fn end(self) {
        drop(self.writer);
        for pid in self.pids {
            // SAFETY: no status is asked for.
            assert_eq!(unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) }, pid);
        }
    }
}

#[test]
fn copies_of_the_host_keep_nothing_alive_and_let_nobody_wait() {
    as_each_user(name!(copies_of_the_host_keep_nothing_alive_and_let_nobody_wait), || {
        for tier in TIERS {
            let mut copies = Copies::new();
            let (used, started) = (Arc::new(profile(tier, |_| {})), Arc::new(AtomicUsize::new(0)));
            // Not scoped, so that one that hangs is not waited for.
            let start = || {
                let (used, started) = (used.clone(), started.clone());
                std::thread::spawn(move || start_many(&used, &started))
            };
            let threads = [start(), start(), start()];
            while !threads.iter().all(JoinHandle::is_finished) && copies.pids.len() < 100 {
                copies.make();
            }
            until(|| threads.iter().all(JoinHandle::is_finished));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert!(copies.pids.len() > 3);
            // With all of its children gone, and with one that runs.
            let unused = profile(tier, |_| {});
            block_on(serve_at_once(&unused, 2));
            let (child, said) = waiting(&unused);
            copies.make();
            drop((child, used, unused));
            assert_eq!(io::read_to_string(said).unwrap(), "");
            copies.until_nothing_else_is_left();
            let fresh = profile(tier, |_| {});
            block_on(serve_at_once(&fresh, 2));
            drop(fresh);
            copies.until_nothing_else_is_left();
            copies.end();
            block_on(assert_serves(&profile(tier, |_| {}), "hello"));
            until_all_has_ended();
        }
    });
}
