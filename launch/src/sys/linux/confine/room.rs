//! Where a child of the full tier runs: a pid namespace with its first process, and a mount namespace with the `/proc` of the
//! one and a `/tmp` of its own.
//!
//! A room serves one child at a time. When that has ended, the first process kills what the child left behind, waits until
//! nothing is left, makes `/tmp` anew and says so; then another child of the same profile may have the room. So what a child
//! enters is as good as new, and most children do not wait until it is made. A room whose child is killed goes with it.

use std::ffi::{c_int, c_void};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::Timespec;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PidfdFlags, getpid, pidfd_open};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use super::super::process::{Started, Tree, end};
use super::super::raw::{self, Errno, SignalSet};
use super::super::sigmask::BlockedSignals;
use super::super::stack::Stack;
use super::super::steps::{At, Failure};
use super::super::{kill, reaper};
use super::first::{self, Role};
use super::gate::{self, AT_ONCE, Candidate, Gate, Offer, Outcome, killed};
use super::request::Request;
use super::{Inside, Profile, kernel};
use crate::Stage;

/// How many rooms a profile keeps while nobody is in them.
const KEPT: usize = 4;

/// How long to wait for a room to be cleaned before another one is made, which takes about as long.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 1_000_000,
};

/// The same, where as many are being cleaned as are kept: another one would put one of them out, so that a machine with much to
/// do would make and end rooms without end. A room with a process that does not die is never clean.
const PATIENCE_WITH_ALL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// The rooms of a profile that nobody is in. Those that were left last may still be cleaned.
#[derive(Debug, Default)]
pub(in super::super) struct Rooms(Mutex<Vec<Room>>);

/// A room. Dropping it ends every process in it.
#[derive(Debug)]
struct Room {
    /// The first process.
    first: ManuallyDrop<OwnedFd>,
    /// Who creates a child in it each time that it is clean.
    gate: Gate,
}

/// A child's hold on a room.
#[derive(Debug)]
pub(in super::super) struct Stay {
    room: Room,
    rooms: Arc<Rooms>,
    /// Whether the room can be made as good as new.
    can_be_cleaned: bool,
    was_killed: AtomicBool,
}

impl Rooms {
    /// Starts a child in a clean room: one that was kept, or a new one.
    pub(super) fn start(
        self: &Arc<Rooms>,
        profile: &Profile,
        inside: &Inside,
        request: &Request<'_>,
    ) -> Result<Started, Failure> {
        while let Some((room, candidate)) = self.take() {
            if let Some(result) = self.start_in(room, candidate, inside, request) {
                return result;
            }
        }
        let room = make(profile, inside)?;
        match room.gate.offer(None) {
            Offer::Candidate(candidate) => match self.start_in(room, candidate, inside, request) {
                Some(result) => result,
                None => killed(),
            },
            Offer::Failed(failure) => Err(failure),
            Offer::NotYet | Offer::Gone => killed(),
        }
    }

    /// None if the candidate had ended.
    fn start_in(
        self: &Arc<Rooms>,
        room: Room,
        candidate: Candidate,
        inside: &Inside,
        request: &Request<'_>,
    ) -> Option<Result<Started, Failure>> {
        let stay = Stay {
            room,
            rooms: Arc::clone(self),
            // A gate that has had much memory says so of every child.
            can_be_cleaned: inside.below_tmp.is_empty() && !request.is_large(),
            was_killed: AtomicBool::new(false),
        };
        match candidate.start(request) {
            Outcome::Started { pid, pidfd, peak } => Some(Ok(Started {
                pid,
                pidfd,
                tree: Tree::Room(stay),
                foreign_peak: peak,
            })),
            Outcome::Failed(failure) => {
                stay.leave();
                Some(Err(failure))
            }
            Outcome::Gone => None,
        }
    }

    fn take(&self) -> Option<(Room, Candidate)> {
        let mut not_yet = Vec::new();
        let found = loop {
            // Not in the head of the loop: the lock would be held in its body.
            let room = self.lock().pop();
            let Some(room) = room else { break None };
            match room.gate.offer(Some(&AT_ONCE)) {
                Offer::Candidate(candidate) => break Some((room, candidate)),
                Offer::NotYet => not_yet.push(room),
                Offer::Failed(_) | Offer::Gone => {}
            }
        };
        let patience = match not_yet.len() {
            // One more is made while the first is cleaned, so that they can take turns.
            _ if found.is_some() => None,
            0 | 1 => None,
            2..KEPT => Some(&PATIENCE),
            _ => Some(&PATIENCE_WITH_ALL),
        };
        let oldest = patience.and_then(|patience| Some((not_yet.pop()?, patience)));
        not_yet.into_iter().rev().for_each(|room| self.keep(room));
        let Some((room, patience)) = oldest else { return found };
        match room.gate.offer(Some(patience)) {
            Offer::Candidate(candidate) => Some((room, candidate)),
            Offer::NotYet => {
                self.keep(room);
                None
            }
            Offer::Failed(_) | Offer::Gone => None,
        }
    }

    fn keep(&self, room: Room) {
        let mut rooms = self.lock();
        rooms.push(room);
        // The oldest, which was not wanted for longest or cannot be cleaned, goes.
        if rooms.len() > KEPT {
            let oldest = rooms.remove(0);
            drop(rooms);
            drop(oldest);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Room>> {
        // Only whole values are put in and taken out.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stay {
    /// Ends every process in the room, and the room.
    pub(in super::super) fn kill(&self, child: BorrowedFd<'_>) -> raw::Result<()> {
        self.was_killed.store(true, Ordering::Relaxed);
        // The child is told first: the end of the first process reaches it some time later, and until then it could end by
        // something else, such as that nobody reads its output any more.
        let kill = |process| match kill::process(process, libc::SIGKILL) {
            Err(Errno(libc::ESRCH)) => Ok(()),
            result => result,
        };
        let child = kill(child);
        kill(self.room.first.as_fd()).and(child)
    }

    /// The child has ended and was collected: the room is cleaned for the next one.
    pub(in super::super) fn leave(self) {
        if self.can_be_cleaned && !self.was_killed.into_inner() {
            self.rooms.keep(self.room);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // It may have ended before, and was collected then.
        let _ = kill::process(self.first.as_fd(), libc::SIGKILL);
        // SAFETY: nothing uses the field after this: the value is being dropped.
        reaper::adopt(unsafe { ManuallyDrop::take(&mut self.first) });
    }
}

/// What the process that makes a room shares with the host.
struct Making<'a> {
    profile: &'a Profile,
    /// The host, for the first process to see its end.
    host: RawFd,
    inside: &'a Inside,
    stack: &'a Stack,
    /// What the first process and the gate tell each other by: where each reads, and where the other writes.
    control: (RawFd, RawFd),
    clean: (RawFd, RawFd),
    socket: RawFd,
    /// The descriptors of the gate: places for five, and the directories.
    of_gate: Vec<RawFd>,
    first: c_int,
    /// Whether the first process has left the host's memory.
    is_made: bool,
    failure: Option<Failure>,
}

/// Makes a room. A process enters the namespaces of the profile, makes a mount and a pid namespace, creates the first process,
/// a child of the host, in them, and becomes the gate. It shares the host's descriptors until then, so that the pidfd of the
/// first process is the host's, whatever becomes of it.
fn make(profile: &Profile, inside: &Inside) -> Result<Room, Failure> {
    let blocked = BlockedSignals::new(SignalSet::FULL).at(Stage::FirstProcess)?;
    let (outer, inner) = (Stack::new().at(Stage::Stack)?, Stack::new().at(Stage::Stack)?);
    let control = pipe_with(PipeFlags::CLOEXEC).at(Stage::FirstProcess)?;
    let clean = pipe_with(PipeFlags::CLOEXEC).at(Stage::FirstProcess)?;
    let (socket, of_gate) = gate::sockets().at(Stage::FirstProcess)?;
    let ends = |(reader, writer): &(OwnedFd, OwnedFd)| (reader.as_raw_fd(), writer.as_raw_fd());
    // Not that of the profile's maker: a host may have become a copy of itself since, as a daemon does.
    let host = pidfd_open(getpid(), PidfdFlags::empty()).at(Stage::FirstProcess)?;
    let mut making = Making {
        profile,
        host: host.as_raw_fd(),
        inside,
        stack: &inner,
        control: ends(&control),
        clean: ends(&clean),
        socket: of_gate.as_raw_fd(),
        of_gate: vec![-1; 5]
            .into_iter()
            .chain(inside.writable.iter().map(AsRawFd::as_raw_fd))
            .collect(),
        first: -1,
        is_made: false,
        failure: None,
    };
    let shared = (&raw mut making).cast::<c_void>();
    let (flags, mut pidfd) = (libc::CLONE_FILES | libc::CLONE_PIDFD, -1);
    // SAFETY: the maker has access to `making` alone, and all signals are blocked.
    let maker = unsafe { raw::clone(maker, outer.top(), flags, shared, &raw mut pidfd) };
    drop(blocked);
    let maker = maker.at(Stage::FirstProcess)?;
    // SAFETY: the kernel made the descriptor for this call, and nothing else owns it.
    let gate = Gate::new(maker, unsafe { OwnedFd::from_raw_fd(pidfd) }, socket);
    // SAFETY: the kernel made the descriptor for this call, in the table that the maker shares, and nothing else owns it.
    let first = (making.first >= 0).then(|| unsafe { OwnedFd::from_raw_fd(making.first) });
    match first {
        Some(first) if making.is_made && making.failure.is_none() => Ok(Room {
            first: ManuallyDrop::new(first),
            gate,
        }),
        first => {
            // A maker leaves without a word only when it is killed. What it made may still be at work here.
            first.iter().for_each(end);
            making.failure.map_or_else(killed, Err)
        }
    }
}

extern "C" fn maker(making: *mut c_void) -> c_int {
    // SAFETY: the host passes a pointer to a `Making` that it does not touch until this process has left its memory.
    let making = unsafe { &mut *making.cast::<Making<'_>>() };
    let made = enter(making.inside).and_then(|()| create_first(making));
    making.failure = Some(match made {
        Ok(()) => {
            let ((_, number), (clean, _)) = (making.control, making.clean);
            let setup = making.profile.setup.as_raw_fd();
            let own = [making.socket, making.first, setup, clean, number];
            making.of_gate.iter_mut().zip(own).for_each(|(place, own)| *place = own);
            first::execute(making.profile, Role::Gate(&mut making.of_gate))
        }
        Err(failure) => failure,
    });
    raw::exit(127)
}

fn enter(inside: &Inside) -> Result<(), Failure> {
    // Groups are given up while that can be done: within the user namespace it is forbidden. Only a privileged host can.
    let _ = kernel::clear_groups();
    let namespaces = &inside.namespaces;
    let into =
        |namespace: &OwnedFd, kind| move_into_link_name_space(namespace.as_fd(), Some(kind)).at(Stage::Namespaces);
    into(&namespaces.user, LinkNameSpaceType::User)?;
    if let Some(network) = &namespaces.network {
        into(network, LinkNameSpaceType::Network)?;
    }
    into(&namespaces.ipc, LinkNameSpaceType::InterProcessCommunication)?;
    into(&namespaces.host_name, LinkNameSpaceType::HostNameAndNISDomainName)?;
    into(&namespaces.control_groups, LinkNameSpaceType::ControlGroup)?;
    into(&namespaces.mount, LinkNameSpaceType::Mount)?;
    // SAFETY: the flags do not concern descriptors.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::NEWPID) }.at(Stage::Namespaces)
}

fn create_first(making: &mut Making<'_>) -> Result<(), Failure> {
    // The kernel writes the pidfd to where the host finds it, whatever becomes of this process.
    let (stack, pidfd) = (making.stack.top(), &raw mut making.first);
    let shared = (&raw mut *making).cast::<c_void>();
    let flags = libc::CLONE_PARENT | libc::CLONE_PIDFD;
    // SAFETY: the process has access to `making` alone, and is waited for.
    unsafe { raw::clone(first_process, stack, flags, shared, pidfd) }.at(Stage::FirstProcess)?;
    making.is_made = true;
    making.failure.map_or(Ok(()), Err)
}

extern "C" fn first_process(making: *mut c_void) -> c_int {
    // SAFETY: the maker passes a pointer to what it does not touch until this process has left its memory.
    let making = unsafe { &mut *making.cast::<Making<'_>>() };
    let furnished = first::furnish(making.inside).at(Stage::OwnFiles);
    making.failure = Some(match furnished {
        Ok(()) => {
            let ((number, _), (_, clean)) = (making.control, making.clean);
            let descriptors = [number, making.host, clean, making.socket];
            first::execute(making.profile, Role::Room(descriptors, &making.inside.tmp_options))
        }
        Err(failure) => failure,
    });
    raw::exit(127)
}
