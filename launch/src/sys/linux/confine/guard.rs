//! The reduced tier: its children are in the host's own namespaces, and their gate is also their guard. It ends their process
//! groups, whatever becomes of the host: see `init/gate.rs`. A group that has no guard is none that is started.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{PidfdFlags, Resource, getpid, getrlimit, pidfd_open};

use super::super::process::{Started, Tree};
use super::super::raw::{self, Errno, SignalSet};
use super::super::sigmask::BlockedSignals;
use super::super::stack::Stack;
use super::super::steps::{At, Failure};
use super::Profile;
use super::first::{self, Role};
use super::gate::{self, AT_ONCE, Gate, Offer, Outcome, killed};
use super::message::ARENA;
use super::request::Request;
use crate::Stage;

/// The guard of a profile's children. It ends when the profile and all of them are dropped.
#[derive(Debug)]
struct Guard {
    gate: Gate,
    /// How many children it watches over.
    children: AtomicU64,
    /// By how much, in bytes, its memory grew for large requests at most.
    large_requests: AtomicU64,
}

/// The guard there is. It is started with the first child.
#[derive(Debug, Default)]
pub(super) struct Guarded(Mutex<Option<Arc<Guard>>>);

/// A child's place with the guard.
#[derive(Debug)]
pub(in super::super) struct Post(Arc<Guard>);

/// An answer may be another thread's, and a guard may have been killed.
const TRIES: usize = 2;

impl Guarded {
    pub(super) fn start(
        &self,
        profile: &Profile,
        ruleset: &OwnedFd,
        request: &Request<'_>,
    ) -> Result<Started, Failure> {
        let mut result = killed();
        for _ in 0..TRIES {
            let post = Post::take(self.guard(profile, ruleset)?)?;
            let gate = &post.0.gate;
            if request.is_large() {
                // A gate that has had much memory says so of every child: the next ones come from another one.
                post.0.large_requests.fetch_add(request.growth(), Ordering::Relaxed);
                self.forget(&post.0);
            }
            // One candidate was asked for already. Why there was none then may not be so now.
            let (mut offer, mut is_missing) = (gate.offer(Some(&AT_ONCE)), false);
            if let Offer::Failed(failure) = offer {
                result = Err(failure);
                (offer, is_missing) = (gate.offer(Some(&AT_ONCE)), true);
            }
            match offer {
                Offer::NotYet => offer = wait_for_offer(gate),
                _ => is_missing = true,
            }
            let outcome = match offer {
                Offer::Candidate(candidate) => Some(candidate.start(request)),
                Offer::Failed(failure) => {
                    result = Err(failure);
                    None
                }
                Offer::NotYet | Offer::Gone => {
                    self.forget(&post.0);
                    None
                }
            };
            // The next candidate is made while the child works; not where nobody will want it.
            if is_missing && !request.is_large() {
                gate.ask();
            }
            match outcome {
                Some(Outcome::Started { pid, pidfd, peak }) => {
                    // A small one more may be on its way.
                    let of_others = ARENA as u64 + post.0.large_requests.load(Ordering::Relaxed);
                    return Ok(Started {
                        pid,
                        pidfd,
                        tree: Tree::GuardedGroup { _post: post },
                        foreign_peak: peak + of_others,
                    });
                }
                Some(Outcome::Failed(failure)) => return Err(failure),
                Some(Outcome::Gone) | None => {}
            }
        }
        result
    }

    fn guard(&self, profile: &Profile, ruleset: &OwnedFd) -> Result<Arc<Guard>, Failure> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guard) = &*slot {
            return Ok(guard.clone());
        }
        let guard = Arc::new(Guard {
            gate: start(profile, ruleset)?,
            children: AtomicU64::new(0),
            large_requests: AtomicU64::new(0),
        });
        *slot = Some(guard.clone());
        Ok(guard)
    }

    /// Another one takes its place.
    fn forget(&self, other: &Arc<Guard>) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.take_if(|guard| Arc::ptr_eq(guard, other));
    }
}

/// Asks for one candidate more, and waits for one.
fn wait_for_offer(gate: &Gate) -> Offer {
    gate.ask();
    loop {
        match gate.offer(None) {
            // Another thread was faster.
            Offer::NotYet => {}
            offer => return offer,
        }
    }
}

impl Post {
    fn take(guard: Arc<Guard>) -> Result<Post, Failure> {
        // The guard may hold as many descriptors as this host may, and learns of an end a little later.
        let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX) / 2;
        let before = guard.children.fetch_add(1, Ordering::Relaxed);
        let post = Post(guard);
        match before < most {
            true => Ok(post),
            false => Err(Errno(libc::EMFILE)).at(Stage::FirstProcess),
        }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.0.children.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the guard shares with the host until it executes its program.
struct Start<'a> {
    profile: &'a Profile,
    descriptors: [RawFd; 4],
    failure: Option<Failure>,
}

fn start(profile: &Profile, ruleset: &OwnedFd) -> Result<Gate, Failure> {
    let blocked = BlockedSignals::new(SignalSet::FULL).at(Stage::FirstProcess)?;
    let (socket, of_gate) = gate::sockets().at(Stage::FirstProcess)?;
    let host = pidfd_open(getpid(), PidfdFlags::empty()).at(Stage::FirstProcess)?;
    let stack = Stack::new().at(Stage::Stack)?;
    let mut start = Start {
        profile,
        descriptors: [&of_gate, &host, &profile.setup, ruleset].map(AsRawFd::as_raw_fd),
        failure: None,
    };
    let mut pidfd = -1;
    let shared = (&raw mut start).cast::<c_void>();
    // SAFETY: the process has access to `start` alone, and all signals are blocked.
    let started = unsafe { raw::clone(guard, stack.top(), libc::CLONE_PIDFD, shared, &raw mut pidfd) };
    drop(blocked);
    let started = started.at(Stage::FirstProcess)?;
    // SAFETY: the kernel made the descriptor for this call, and nothing else owns it.
    let gate = Gate::new(started, unsafe { OwnedFd::from_raw_fd(pidfd) }, socket);
    match start.failure {
        None => Ok(gate),
        Some(failure) => Err(failure),
    }
}

extern "C" fn guard(start: *mut c_void) -> c_int {
    // SAFETY: the host passes a pointer to a `Start` that it does not touch until this process has left its memory.
    let start = unsafe { &mut *start.cast::<Start<'_>>() };
    start.failure = Some(first::execute(start.profile, Role::Outside(start.descriptors)));
    raw::exit(127)
}
