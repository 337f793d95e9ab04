//! The gate: the process that creates the children of a host. They come from its few pages, not from the host's many.
//!
//! It creates each child before there is one to be: a *candidate*, which is the host's own child (CLONE_PARENT), and waits to
//! be told what to execute (`child`). The gate tells the host of each that it creates, by descriptor 0, whatever has become of
//! it: nobody else can, and what is not known is never collected. In descriptor 2 it has what they are held to. The filter of
//! system calls it takes on itself, and so they have it, too.
//!
//! In a room, it has itself entered the namespaces but that of processes, which what it creates is in. It creates a candidate,
//! and when the first process says by descriptor 3 that the room is clean again, the next one, until the host lets go of its
//! socket, or the first process has ended, of which descriptor 1 is a pidfd. From descriptor 5 on it has the directories that
//! may be written to.
//!
//! Outside of rooms it creates one candidate at once and then one each time that it is asked to; descriptor 3 is the Landlock
//! ruleset of all. It is also the guard of their process groups: when a child ends, it kills that group, and when the host ends,
//! of which descriptor 1 is a pidfd, or nobody is to ask it any more, all of them.

use crate::arena::Arena;
use crate::call::{EINTR, ESRCH, call, clone, close, common, exit, number, read, send, wait};
use crate::child::{self, Candidate, Held};
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
/// The first of the directories that a room shows.
pub const DIRECTORIES: usize = 5;
/// The first descriptor that is not for something else, outside of rooms.
const OWN: usize = 4;

/// CLONE_PARENT, CLONE_PIDFD and CLONE_VM.
const CANDIDATE: usize = 0x8000 | 0x1000 | 0x100;
const AF_UNIX: usize = 1;
const SOCK_STREAM_CLOEXEC: usize = 0x8_0001;
const EPOLLIN: u32 = 1;
const EPOLL_CTL_ADD: usize = 1;
const EPOLL_CTL_DEL: usize = 2;
const RLIMIT_NOFILE: usize = 7;
const SIGKILL: usize = 9;
const PIDFD_SIGNAL_PROCESS_GROUP: usize = 4;

/// Serves one child after the other. What cannot be done ends it, a candidate that failed included: then the host makes another
/// room.
pub fn serve_room() -> ! {
    let setup = take_setup();
    let limit = allow_most_descriptors();
    let arena = Arena::new().unwrap_or_else(|errno| give_up(Step::FirstProcess, errno));
    while create(&setup, Held::InRoom, limit, arena) {
        // SAFETY: it is the arena; its process closed what it had of this.
        close(unsafe { (*arena).pidfd });
        // Whether the room has ended, or nobody wants it any more.
        let [_, has_ended, is_left] = wait([CLEAN, OTHER, SOCKET]);
        if has_ended || is_left || read(CLEAN, &mut [0]) != Ok(1) {
            break;
        }
        // SAFETY: the room is clean: its process has ended.
        unsafe { Arena::clear(arena) };
    }
    exit()
}

/// Creates children for whoever asks, and watches over their groups. What cannot be done ends it, and with it all groups; but
/// that there can be no further child now is no reason.
pub fn serve_outside() -> ! {
    let setup = take_setup();
    let limit = allow_most_descriptors();
    let events = watch_host().unwrap_or_else(|errno| give_up(Step::FirstProcess, errno));
    let mut last = events;
    // That of a child that has ended, for the next one.
    let mut spare = None;
    let mut is_asked = true;
    loop {
        if is_asked {
            last = last.max(create_outside(&setup, limit, events, spare.take()));
        }
        is_asked = false;
        let mut event = Event { events: 0, data: 0 };
        // SAFETY: the kernel writes at most one event, to a variable that lives during the call, and takes null for the mask.
        match unsafe { call(number::EPOLL_PWAIT, [events, (&raw mut event) as usize, 1, usize::MAX]) } {
            Ok(1) => {}
            Err(EINTR) => continue,
            _ => break,
        }
        match event.data as usize {
            SOCKET => match read(SOCKET, &mut [0]) {
                Ok(1) => is_asked = true,
                _ => break,
            },
            OTHER => break,
            arena => {
                let arena = arena as *mut Arena;
                // SAFETY: it is that of a process that has ended.
                unsafe {
                    let child = (*arena).pidfd;
                    kill(child, PIDFD_SIGNAL_PROCESS_GROUP);
                    unwatch(events, child);
                    close(child);
                    Arena::clear(arena);
                    if let Some(other) = spare.replace(arena) {
                        Arena::free(other);
                    }
                }
            }
        }
    }
    // The descriptors are the list of children. To the others the signals mean nothing. What has no group yet is to have none.
    (OWN..=last).for_each(|child| {
        kill(child, 0);
        kill(child, PIDFD_SIGNAL_PROCESS_GROUP);
    });
    exit()
}

/// An epoll that tells what the host says, and its end.
fn watch_host() -> Result<usize, i32> {
    // SAFETY: the call takes a number.
    let events = unsafe { call(number::EPOLL_CREATE1, [0]) }?;
    watch(events, SOCKET, SOCKET)?;
    watch(events, OTHER, OTHER)?;
    Ok(events)
}

/// Creates a candidate that is watched, and answers its pidfd; zero if there is none.
fn create_outside(setup: &Setup, limit: Option<[u64; 2]>, events: usize, spare: Option<*mut Arena>) -> usize {
    match spare.map_or_else(Arena::new, Ok) {
        // SAFETY: it is an arena, which is freed only once its process has ended.
        Ok(arena) if create(setup, Held::Outside(events), limit, arena) => unsafe { (*arena).pidfd },
        Ok(arena) => {
            // SAFETY: its process has ended, or there is none.
            unsafe { Arena::free(arena) };
            0
        }
        Err(errno) => {
            offer(0, failure(Step::Clone, errno), None);
            0
        }
    }
}

/// What children are held to. Its filter is on from here on, and so they have it, too.
fn take_setup() -> Setup {
    let setup = Setup::map(SETUP).unwrap_or_else(|errno| give_up(Step::FirstProcess, errno));
    restrict::filter(&setup).unwrap_or_else(|errno| give_up(Step::Seccomp, errno));
    setup
}

/// Creates a candidate, and tells the host. Whether there is one that waits for a request, or has; then its pidfd is in the arena,
/// and outside of rooms it is watched with it.
fn create(setup: &Setup, held: Held, limit: Option<[u64; 2]>, arena: *mut Arena) -> bool {
    let mut pair = [0i32; 2];
    // SAFETY: the kernel writes two numbers to the array, which lives during the call.
    let made = unsafe { call(number::SOCKETPAIR, [AF_UNIX, SOCK_STREAM_CLOEXEC, 0, (&raw mut pair) as usize]) };
    if let Err(errno) = made {
        offer(0, failure(Step::Clone, errno), None);
        return false;
    }
    let [of_host, socket] = pair.map(|fd| fd as usize);
    let mut candidate = Candidate { setup, held, limit, arena, socket, of_host };
    let mut pidfd = 0;
    let token = setup.token();
    // SAFETY: the candidate has access to the arena, which nobody else uses, to what is read-only, and to the variable until
    // this process is told that it is ready, or has ended.
    let created = unsafe {
        clone(CANDIDATE, token, Arena::stack(arena), &mut pidfd, child::begin, (&raw mut candidate).cast())
    };
    close(socket);
    let pid = match created {
        Ok(pid) => pid as i32,
        Err(errno) => {
            close(of_host);
            offer(0, failure(Step::Clone, errno), None);
            return false;
        }
    };
    let pidfd = pidfd as usize;
    let mut report = Report::default();
    if read(of_host, report.as_bytes_mut()) != Ok(size_of::<Report>()) {
        // It was killed.
        report = failure(Step::Clone, ESRCH);
    }
    // What cannot be watched is not to be: its group would outlive the host.
    let is_good = |report: &Report| report.step == Step::None as u32;
    if let (Held::Outside(events), true) = (held, is_good(&report)) {
        if let Err(errno) = watch(events, pidfd, arena as usize) {
            report = failure(Step::Clone, errno);
            // It would wait until somebody takes the offer.
            kill(pidfd, 0);
        }
    }
    let is_there = offer(pid, report, Some([pidfd, of_host])) && is_good(&report);
    close(of_host);
    // SAFETY: it is an arena, of which the candidate does not touch this.
    unsafe { (*arena).pidfd = pidfd };
    if !is_there {
        // It has ended, or does: nobody has the other end of its socket, or the host ends it.
        wait([pidfd]);
        if let Held::Outside(events) = held {
            unwatch(events, pidfd);
        }
        close(pidfd);
    }
    is_there
}

/// Tells the host why there will be no candidate from here.
fn give_up<T>(step: Step, errno: i32) -> T {
    offer(0, failure(step, errno), None);
    exit()
}

/// Whether the host was told.
fn offer(pid: i32, report: Report, descriptors: Option<[usize; 2]>) -> bool {
    match send(SOCKET, &Offer { pid, report }, descriptors) {
        Ok(()) => true,
        Err(errno) => {
            // The host can collect it by its number.
            let _ = send(SOCKET, &Offer { pid, report: failure(Step::Clone, errno) }, None);
            false
        }
    }
}

fn failure(step: Step, errno: i32) -> Report {
    Report { step: step as u32, errno, ..Report::default() }
}

/// One descriptor a child: as many as there may be. Answers the limit there was.
fn allow_most_descriptors() -> Option<[u64; 2]> {
    let mut before = [0; 2];
    // SAFETY: the kernel writes the limit to the variable, which lives during the call.
    unsafe { call(number::PRLIMIT64, [0, RLIMIT_NOFILE, 0, (&raw mut before) as usize]) }.ok()?;
    let [_, most] = before;
    limit_descriptors([most, most]).ok()?;
    Some(before)
}

/// Sets the limit of this process.
pub fn limit_descriptors(limit: [u64; 2]) -> Result<(), i32> {
    // SAFETY: the kernel reads the limit, which lives during the call.
    unsafe { call(number::PRLIMIT64, [0, RLIMIT_NOFILE, (&raw const limit) as usize]) }.map(drop)
}

/// Kills a child, or the group that it leads.
fn kill(child: usize, flags: usize) {
    // SAFETY: the call takes numbers, and null for the information that the kernel makes itself. That nobody is left is what is
    // wanted.
    let _ = unsafe { call(common::PIDFD_SEND_SIGNAL, [child, SIGKILL, 0, flags]) };
}

/// struct epoll_event, which is packed on x86-64 alone.
#[cfg_attr(target_arch = "x86_64", repr(C, packed))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C))]
struct Event {
    events: u32,
    data: u64,
}

fn watch(events: usize, fd: usize, data: usize) -> Result<(), i32> {
    control(events, EPOLL_CTL_ADD, fd, data)
}

/// To close the descriptor is not enough: a candidate has a copy until it executes something, and the host another one.
fn unwatch(events: usize, fd: usize) {
    // It may not have been watched.
    let _ = control(events, EPOLL_CTL_DEL, fd, 0);
}

fn control(events: usize, operation: usize, fd: usize, data: usize) -> Result<(), i32> {
    let event = Event { events: EPOLLIN, data: data as u64 };
    // SAFETY: the kernel reads the struct, which lives during the call.
    unsafe { call(number::EPOLL_CTL, [events, operation, fd, (&raw const event) as usize]) }.map(drop)
}
