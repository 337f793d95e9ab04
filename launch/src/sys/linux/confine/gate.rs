//! How a child comes to be in its confinement.
//!
//! No process enters a pid namespace itself: what it creates does. So a short-lived process, the *gate*, enters all
//! namespaces of a room at once, and creates the child, which is a sibling of it and so a child of the host: the host waits
//! for it and signals it as it does any other.
//!
//! Gate and child run in the host's memory until they execute something or end, while the host's thread is suspended: system
//! calls alone, nothing allocated. The gate shares the host's descriptors, so that it can leave the pidfds there.

use std::ffi::{c_int, c_void};
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

use super::super::process::{Started, Tree, end};
use super::super::raw::{self, Errno};
use super::super::stack::Stack;
use super::super::steps::{At, Failure};
use super::super::wait;
use super::room::Stay;
use super::{Profile, kernel};
use crate::Stage;

/// What the gate is given, and what it leaves.
struct Entry<'a> {
    profile: &'a Profile,
    /// The first process of the room.
    first: BorrowedFd<'a>,
    /// Where the child begins, what it is given, and the stack that it has.
    child: extern "C" fn(*mut c_void) -> c_int,
    argument: *mut c_void,
    stack: &'a Stack,
    child_pid: libc::pid_t,
    child_pidfd: c_int,
    failure: Option<Failure>,
}

/// Starts a child in the profile's confinement, in the room that it was given. It begins in `child`, with `argument`. A
/// failure of its own it reports there, and ends: the caller abandons what was started then.
///
/// # Safety
///
/// `child` and `argument` are fit for a process that shares the caller's memory, while the caller is suspended. All signals
/// are blocked.
pub(in super::super) unsafe fn start(
    profile: &Profile,
    stay: Stay,
    child: extern "C" fn(*mut c_void) -> c_int,
    argument: *mut c_void,
) -> Result<Started, Failure> {
    let (outer, inner) = (Stack::new().at(Stage::Stack)?, Stack::new().at(Stage::Stack)?);
    let mut entry = Entry {
        profile,
        first: stay.first(),
        child,
        argument,
        stack: &inner,
        child_pid: -1,
        child_pidfd: -1,
        failure: None,
    };
    let shared = (&raw mut entry).cast::<c_void>();
    // SAFETY: the gate has access to `entry` and what the caller vouches for alone.
    let gate = unsafe { raw::clone(gate, outer.top(), libc::CLONE_FILES, shared, std::ptr::null_mut()) };
    wait::collect_unexecuted(gate.at(Stage::Clone)?);
    let (failure, pid, pidfd) = (entry.failure, entry.child_pid, entry.child_pidfd);
    // SAFETY: the kernel made the descriptor for this call, in the table that the gate shares, and nothing else owns it.
    let child = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
    match (failure, child) {
        (None, Some(pidfd)) if pid > 0 => Ok(Started {
            pid,
            pidfd,
            tree: Tree::Room(stay),
        }),
        (failure, child) => {
            // A gate leaves without a word only when it is killed. Its child may still be at work here, and what it works
            // with is there until this returns.
            child.iter().for_each(end);
            stay.abandon();
            Err(failure.unwrap_or(Failure {
                stage: Stage::Clone,
                errno: Errno(libc::EINTR),
            }))
        }
    }
}

extern "C" fn gate(entry: *mut c_void) -> c_int {
    // SAFETY: the host passes a pointer to an `Entry` that it does not touch until this process has ended.
    let entry = unsafe { &mut *entry.cast::<Entry<'_>>() };
    if let Err(failure) = enter(entry.profile, entry.first).and_then(|()| create_child(entry)) {
        entry.failure = Some(failure);
    }
    raw::exit(0)
}

fn enter(profile: &Profile, first: BorrowedFd<'_>) -> Result<(), Failure> {
    // Groups are given up while that can be done: within the user namespace it is forbidden. Only a privileged host can.
    let _ = kernel::clear_groups();
    kernel::enter_namespaces(first, profile.kinds()).at(Stage::Namespaces)
}

fn create_child(entry: &mut Entry<'_>) -> Result<(), Failure> {
    let flags = libc::CLONE_PARENT | libc::CLONE_PIDFD;
    let (stack, pidfd) = (entry.stack.top(), &raw mut entry.child_pidfd);
    // SAFETY: `child` and `argument` are fit for this, as the caller of `start` vouches.
    entry.child_pid = unsafe { raw::clone(entry.child, stack, flags, entry.argument, pidfd) }.at(Stage::Clone)?;
    Ok(())
}
