//! In the reduced tier: the process that ends the groups of children, whatever becomes of the host.
//!
//! There is one for all children of the host, for as long as the host lives; its program is `init/init.rs`. Before a child
//! executes its program, it hands the guard a pidfd of itself. A group that has no guard is none that is started.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Resource, getrlimit};

use super::super::process::end;
use super::super::raw::{self, Errno};
use super::super::stack::Stack;
use super::super::steps::{At, Failure};
use super::super::wait::{self, Collect, Look};
use super::Profile;
use super::first::{self, Role};
use crate::Stage;

#[derive(Debug)]
struct Guard {
    pidfd: OwnedFd,
    socket: OwnedFd,
    /// How many children it watches over.
    children: AtomicU64,
}

static GUARD: Mutex<Option<Arc<Guard>>> = Mutex::new(None);

/// A child's place with the guard.
#[derive(Debug)]
pub(in super::super) struct Post(Arc<Guard>);

impl Post {
    /// A place with the guard of this host. All signals are blocked meanwhile.
    pub(super) fn take(profile: &Profile) -> Result<Post, Failure> {
        let guard = running(profile)?;
        // The guard may hold as many descriptors as this host may, and learns of an end a little later.
        let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX) / 2;
        if guard.children.fetch_add(1, Ordering::Relaxed) < most {
            return Ok(Post(guard));
        }
        drop(Post(guard));
        Err(Errno(libc::EMFILE)).at(Stage::FirstProcess)
    }

    /// Where the child hands over its pidfd.
    pub(in super::super) fn socket(&self) -> RawFd {
        self.0.socket.as_raw_fd()
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.0.children.fetch_sub(1, Ordering::Relaxed);
    }
}

fn running(profile: &Profile) -> Result<Arc<Guard>, Failure> {
    let mut slot = GUARD.lock().unwrap_or_else(PoisonError::into_inner);
    // One that somebody killed is collected by this look.
    if let Some(guard) = &*slot
        && wait::look(guard.pidfd.as_fd(), Collect::Yes, u64::MAX) == Ok(Look::Running)
    {
        return Ok(guard.clone());
    }
    let guard = Arc::new(start(profile)?);
    *slot = Some(guard.clone());
    Ok(guard)
}

/// What the guard shares with the host until it executes its program.
struct Start<'a> {
    profile: &'a Profile,
    socket: RawFd,
    errno: Option<Errno>,
}

fn start(profile: &Profile) -> Result<Guard, Failure> {
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (socket, of_guard) = pair.at(Stage::FirstProcess)?;
    let stack = Stack::new().at(Stage::Stack)?;
    let mut start = Start {
        profile,
        socket: of_guard.as_raw_fd(),
        errno: None,
    };
    let mut pidfd = -1;
    let shared = (&raw mut start).cast::<c_void>();
    // SAFETY: the process has access to `start` alone. All signals are blocked by whoever starts a child.
    let started = unsafe { raw::clone(guard, stack.top(), libc::CLONE_PIDFD, shared, &raw mut pidfd) };
    started.at(Stage::FirstProcess)?;
    // SAFETY: the kernel made the descriptor for this call, and nothing else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    match start.errno {
        None => Ok(Guard {
            pidfd,
            socket,
            children: AtomicU64::new(0),
        }),
        Some(errno) => {
            end(&pidfd);
            Err(errno).at(Stage::FirstProcess)
        }
    }
}

extern "C" fn guard(start: *mut c_void) -> c_int {
    // SAFETY: the host passes a pointer to a `Start` that it does not touch until this process has left its memory.
    let start = unsafe { &mut *start.cast::<Start<'_>>() };
    start.errno = Some(first::execute(start.profile, &Role::Guard { socket: start.socket }));
    raw::exit(127)
}
