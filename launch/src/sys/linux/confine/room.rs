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

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use super::super::process::{end, leave_to_reaper};
use super::super::raw::{self, Errno};
use super::super::stack::Stack;
use super::super::steps::{At, Failure};
use super::super::{kill, wait};
use super::first::{self, Role};
use super::{Inside, Profile, kernel};
use crate::Stage;

/// How many rooms a profile keeps while nobody is in them.
const KEPT: usize = 4;

/// How long to wait for a room to be cleaned before another one is made, which takes about as long.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 1_000_000,
};

/// The rooms of a profile that nobody is in. Those that were left last may still be cleaned.
#[derive(Debug, Default)]
pub(in super::super) struct Rooms(Mutex<Vec<Room>>);

/// A room. Dropping it ends every process in it.
#[derive(Debug)]
pub(in super::super) struct Room {
    /// The first process.
    first: ManuallyDrop<OwnedFd>,
    /// What the child in it writes its number to, so that the first process waits for its end.
    control: OwnedFd,
    /// What the first process says on that the room is clean.
    clean: OwnedFd,
    /// Nobody was in it yet.
    is_new: bool,
}

/// A child's hold on a room.
#[derive(Debug)]
pub(in super::super) struct Stay {
    room: Room,
    rooms: Arc<Rooms>,
    /// Whether the room can be made clean.
    can_be_cleaned: bool,
    was_killed: AtomicBool,
}

impl Rooms {
    /// A clean room: one that was kept, or a new one.
    pub(super) fn enter(self: &Arc<Rooms>, profile: &Profile, inside: &Inside) -> Result<Stay, Failure> {
        let room = match self.take() {
            Some(room) => room,
            None => make(profile, inside)?,
        };
        Ok(Stay {
            room,
            rooms: Arc::clone(self),
            can_be_cleaned: inside.below_tmp.is_empty(),
            was_killed: AtomicBool::new(false),
        })
    }

    fn take(&self) -> Option<Room> {
        let at_once = Timespec::default();
        let mut not_yet = Vec::new();
        loop {
            // Not in the head of the loop: the lock would be held in its body.
            let room = self.lock().pop();
            let Some(room) = room else { break };
            match room.look(&at_once) {
                Look::Clean => {
                    not_yet.into_iter().rev().for_each(|room| self.keep(room));
                    return Some(room);
                }
                Look::NotYet => not_yet.push(room),
                Look::Gone => {}
            }
        }
        // One more is made while the first is cleaned, so that they can take turns.
        let oldest = if not_yet.len() > 1 { not_yet.pop() } else { None };
        not_yet.into_iter().rev().for_each(|room| self.keep(room));
        match oldest {
            Some(room) if room.look(&PATIENCE) == Look::Clean => Some(room),
            Some(room) => {
                self.keep(room);
                None
            }
            None => None,
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
    /// The first process of the room.
    pub(super) fn first(&self) -> BorrowedFd<'_> {
        self.room.first.as_fd()
    }

    /// Where the child writes its number.
    pub(in super::super) fn control(&self) -> RawFd {
        self.room.control.as_raw_fd()
    }

    /// Ends every process in the room, and the room.
    pub(in super::super) fn kill(&self) -> raw::Result<()> {
        self.was_killed.store(true, Ordering::Relaxed);
        match kill::process(self.first(), libc::SIGKILL) {
            Err(Errno(libc::ESRCH)) => Ok(()),
            result => result,
        }
    }

    /// The child has ended and was collected: the room is cleaned for the next one.
    pub(in super::super) fn leave(mut self) {
        if self.can_be_cleaned && !self.was_killed.into_inner() {
            self.room.is_new = false;
            self.rooms.keep(self.room);
        }
    }

    /// The child was not started, or failed before its program ran: whatever it was at, the room is given up.
    pub(in super::super) fn abandon(self) {
        end(&self.room.first);
    }
}

impl Room {
    /// Looks whether it is clean, and waits for it so long.
    fn look(&self, time: &Timespec) -> Look {
        if self.is_new {
            return Look::Clean;
        }
        let mut said = [PollFd::new(&self.clean, PollFlags::IN)];
        match poll(&mut said, Some(time)) {
            Ok(0) | Err(_) => Look::NotYet,
            // What was said and not heard yet comes before the end.
            Ok(_) => match rustix::io::read(&self.clean, &mut [0u8; 1]) {
                Ok(1) => Look::Clean,
                _ => Look::Gone,
            },
        }
    }
}

/// What there is to see of a room that was left.
#[derive(PartialEq, Eq)]
enum Look {
    Clean,
    NotYet,
    /// Its first process has ended.
    Gone,
}

impl Drop for Room {
    fn drop(&mut self) {
        // It may have ended before, and was collected then.
        let _ = kill::process(self.first.as_fd(), libc::SIGKILL);
        // SAFETY: nothing uses the field after this: the value is being dropped.
        leave_to_reaper(unsafe { ManuallyDrop::take(&mut self.first) });
    }
}

/// What the processes that make a room share with the host.
struct Making<'a> {
    profile: &'a Profile,
    inside: &'a Inside,
    stack: &'a Stack,
    control: RawFd,
    clean: RawFd,
    first: c_int,
    /// Whether the first process has left the host's memory.
    is_made: bool,
    failure: Option<Failure>,
}

/// Makes a room. A short-lived process enters the namespaces of the profile, makes a mount and a pid namespace, and creates
/// the first process, a child of the host, in them.
fn make(profile: &Profile, inside: &Inside) -> Result<Room, Failure> {
    let (outer, inner) = (Stack::new().at(Stage::Stack)?, Stack::new().at(Stage::Stack)?);
    let (control, number) = pipe_with(PipeFlags::CLOEXEC).at(Stage::FirstProcess)?;
    let (clean, says) = pipe_with(PipeFlags::CLOEXEC).at(Stage::FirstProcess)?;
    let mut making = Making {
        profile,
        inside,
        stack: &inner,
        control: control.as_raw_fd(),
        clean: says.as_raw_fd(),
        first: -1,
        is_made: false,
        failure: None,
    };
    let shared = (&raw mut making).cast::<c_void>();
    // SAFETY: the maker has access to `making` alone. All signals are blocked by whoever starts a child.
    let maker = unsafe { raw::clone(maker, outer.top(), libc::CLONE_FILES, shared, std::ptr::null_mut()) };
    wait::collect_unexecuted(maker.at(Stage::FirstProcess)?);
    // SAFETY: the kernel made the descriptor for this call, in the table that the maker shares, and nothing else owns it.
    let first = (making.first >= 0).then(|| unsafe { OwnedFd::from_raw_fd(making.first) });
    match (making.failure, first) {
        (None, Some(first)) if making.is_made => Ok(Room {
            first: ManuallyDrop::new(first),
            control: number,
            clean,
            is_new: true,
        }),
        (failure, first) => {
            // A maker leaves without a word only when it is killed. What it made may still be at work here.
            first.iter().for_each(end);
            Err(failure.unwrap_or(Failure {
                stage: Stage::FirstProcess,
                errno: Errno(libc::EINTR),
            }))
        }
    }
}

extern "C" fn maker(making: *mut c_void) -> c_int {
    // SAFETY: the host passes a pointer to a `Making` that it does not touch until this process has ended.
    let making = unsafe { &mut *making.cast::<Making<'_>>() };
    if let Err(failure) = enter(making.inside).and_then(|()| create_first(making)) {
        making.failure = Some(failure);
    }
    raw::exit(0)
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
            let role = Role::Room {
                control: making.control,
                clean: making.clean,
                tmp: &making.inside.tmp_options,
            };
            Failure {
                stage: Stage::FirstProcess,
                errno: first::execute(making.profile, &role),
            }
        }
        Err(failure) => failure,
    });
    raw::exit(127)
}
