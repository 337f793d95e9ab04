//! The gate: the process that creates the children of a host. They come from its few pages, not from the host's many.
//!
//! It creates each child before there is one to be: a *candidate*, which is the host's own child (CLONE_PARENT), and waits to
//! be told what to execute (`child`). The gate tells the host of each that it creates, by descriptor 0, whatever has become of
//! it: nobody else can, and what is not known is never collected. In descriptor 2 it has what they are held to. The filter of
//! system calls it takes on itself, and so they have it, too.
//!
//! In a room, it has itself entered the namespaces but that of processes, which what it creates is in. It creates a candidate,
//! and when the first process says by descriptor 3 that the room is clean again, the next one, until the first process has
//! ended, of which descriptor 1 is a pidfd.
//!
//! Outside of rooms it creates one candidate at once and then one each time that it is asked to; descriptor 3 is the Landlock
//! ruleset of all. It is also the guard of their process groups: when a child ends, it kills that group, and when the host ends,
//! of which descriptor 1 is a pidfd, or nobody is to ask it any more, all of them.

use crate::call::{Awaited, EINTR, call, close, common, exit, number, read, send, wait};
use crate::child::{self, Held};
use crate::message::{Offer, Plain, Report, Step};
use crate::restrict::{self, Setup};

const SOCKET: usize = 0;
/// In a room, the first process; the host elsewhere.
const OTHER: usize = 1;
const SETUP: usize = 2;
/// What the first process says that the room is clean by.
const CLEAN: usize = 3;
/// The Landlock ruleset that is the same for all.
pub const RULESET: usize = 3;
/// Where the first process learns of a child.
pub const CONTROL: usize = 4;
/// The first descriptor that is not for something else.
const OWN: usize = 5;

const CLONE_PARENT: usize = 0x8000;
const CLONE_PIDFD: usize = 0x1000;
const AF_UNIX: usize = 1;
const SOCK_STREAM_CLOEXEC: usize = 0x8_0001;
const EPOLLIN: u32 = 1;
const EPOLL_CTL_ADD: usize = 1;
const EPOLL_CTL_DEL: usize = 2;
const RLIMIT_NOFILE: usize = 7;
const SIGKILL: usize = 9;
const PIDFD_SIGNAL_PROCESS_GROUP: usize = 4;

/// Serves one child after the other. What cannot be done ends it, and then the host makes another room.
pub fn serve_room() -> ! {
    let setup = take_setup();
    while let Some(pidfd) = create(&setup, Held::InRoom) {
        close(pidfd);
        if wait(CLEAN, OTHER) == Awaited::Ended || read(CLEAN, &mut [0]) != Ok(1) {
            break;
        }
    }
    exit()
}

/// Creates children for whoever asks, and watches over their groups. What cannot be done ends it, and with it all groups; but
/// that there can be no further child now is no reason.
pub fn serve_outside() -> ! {
    let setup = take_setup();
    let held = Held::Outside { descriptors: allow_most_descriptors() };
    // SAFETY: the call takes a number.
    let Ok(events) = (unsafe { call(number::EPOLL_CREATE1, [0]) }) else { exit() };
    let mut last = events;
    if !watch(events, SOCKET) || !watch(events, OTHER) {
        exit()
    }
    let mut is_asked = true;
    loop {
        if is_asked && let Some(pidfd) = create(&setup, held) {
            if !watch(events, pidfd) {
                break;
            }
            last = last.max(pidfd);
        }
        is_asked = false;
        let mut event = Event { events: 0, fd: 0 };
        // SAFETY: the kernel writes at most one event, to a variable that lives during the call, and takes null for the mask.
        match unsafe { call(number::EPOLL_PWAIT, [events, (&raw mut event) as usize, 1, usize::MAX]) } {
            Ok(1) => {}
            Err(EINTR) => continue,
            _ => break,
        }
        match event.fd as usize {
            SOCKET => match read(SOCKET, &mut [0]) {
                Ok(1) => is_asked = true,
                _ => break,
            },
            OTHER => break,
            child => {
                kill_group(child);
                // Closing it is not enough: the candidate has a copy until it executes something.
                control(events, EPOLL_CTL_DEL, child);
                close(child);
            }
        }
    }
    // The descriptors are the list of children. To the others the signal means nothing.
    (OWN..=last).for_each(kill_group);
    exit()
}

/// What children are held to. Its filter is on from here on, and so they have it, too.
fn take_setup() -> Setup {
    let report = match Setup::map(SETUP) {
        Ok(setup) => match restrict::filter(&setup) {
            Ok(()) => return setup,
            Err(errno) => failure(Step::Seccomp, errno),
        },
        Err(errno) => failure(Step::FirstProcess, errno),
    };
    let _ = send(SOCKET, &Offer { pid: 0, report }, None);
    exit()
}

/// Creates a candidate, and tells the host. Its pidfd, if there is one that leads a process group of its own.
fn create(setup: &Setup, held: Held) -> Option<usize> {
    let mut pair = [0i32; 2];
    // SAFETY: the kernel writes two numbers to the array, which lives during the call.
    let made = unsafe { call(number::SOCKETPAIR, [AF_UNIX, SOCK_STREAM_CLOEXEC, 0, (&raw mut pair) as usize]) };
    let [of_host, of_child] = pair.map(|fd| fd as usize);
    let mut pidfd = 0i32;
    let flags = CLONE_PARENT | CLONE_PIDFD;
    // SAFETY: the kernel writes a number to the variable, which lives during the call. What it creates has a copy of this
    // process's memory, stack included, and goes on in it: there is one thread.
    match made.and_then(|_| unsafe { call(number::CLONE, [flags, 0, (&raw mut pidfd) as usize]) }) {
        Ok(0) => {
            close(of_host);
            child::wait_for_request(setup, of_child, held)
        }
        Ok(pid) => {
            close(of_child);
            let (pid, pidfd) = (pid as i32, pidfd as usize);
            let mut report = failure(Step::Clone, EINTR);
            let is_read = read(of_host, report.as_bytes_mut()) == Ok(size_of::<Report>());
            if let Err(errno) = send(SOCKET, &Offer { pid, report }, Some([pidfd, of_host])) {
                // The host can collect it by its number.
                let _ = send(SOCKET, &Offer { pid, report: failure(Step::Clone, errno) }, None);
            }
            close(of_host);
            match is_read {
                true => Some(pidfd),
                // It may not have come as far as to have a group, and then it was in the group of this process.
                false => {
                    close(pidfd);
                    None
                }
            }
        }
        Err(errno) => {
            if made.is_ok() {
                close(of_host);
                close(of_child);
            }
            let _ = send(SOCKET, &Offer { pid: 0, report: failure(Step::Clone, errno) }, None);
            None
        }
    }
}

fn failure(step: Step, errno: i32) -> Report {
    Report { step: step as u32, errno, limit: 0 }
}

/// One descriptor a child: as many as there may be. Answers the limit that there was.
fn allow_most_descriptors() -> Option<[u64; 2]> {
    let mut before = [0u64; 2];
    // SAFETY: the kernel writes the limit to the variable, which lives during the call.
    unsafe { call(number::PRLIMIT64, [0, RLIMIT_NOFILE, 0, (&raw mut before) as usize]) }.ok()?;
    let [_, hard] = before;
    // If it cannot be raised, it stays.
    let _ = limit_descriptors([hard, hard]);
    Some(before)
}

/// Sets the soft and the hard limit on the descriptors of this process.
pub fn limit_descriptors(bounds: [u64; 2]) -> Result<(), i32> {
    // SAFETY: the kernel reads the two numbers, which live during the call.
    unsafe { call(number::PRLIMIT64, [0, RLIMIT_NOFILE, (&raw const bounds) as usize]) }.map(drop)
}

fn kill_group(child: usize) {
    // SAFETY: the call takes numbers, and null for the information that the kernel makes itself. A group with nobody left is
    // what is wanted.
    let _ = unsafe { call(common::PIDFD_SEND_SIGNAL, [child, SIGKILL, 0, PIDFD_SIGNAL_PROCESS_GROUP]) };
}

/// struct epoll_event, which is packed on x86-64 alone.
#[cfg_attr(target_arch = "x86_64", repr(C, packed))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C))]
struct Event {
    events: u32,
    fd: u64,
}

fn watch(events: usize, fd: usize) -> bool {
    control(events, EPOLL_CTL_ADD, fd)
}

fn control(events: usize, operation: usize, fd: usize) -> bool {
    let event = Event { events: EPOLLIN, fd: fd as u64 };
    // SAFETY: the kernel reads the struct, which lives during the call.
    unsafe { call(number::EPOLL_CTL, [events, operation, fd, (&raw const event) as usize]) }.is_ok()
}
