//! Collects children whose handles were dropped before they had ended.
//!
//! One thread, started with the first spawn, for the life of the host. It waits on an epoll of pidfds: no runtime is
//! needed, a child that does not die (in an uninterruptible wait) holds up nobody, and a host without such children pays
//! for an idle thread.

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;

use super::confine::Ends;
use super::kill;
use super::raw::{self, Errno, SignalSet};
use super::sigmask::BlockedSignals;
use super::wait::{self, Collect, Look};

struct Reaper {
    epoll: OwnedFd,
    /// What is in `epoll`, by the number of its pidfd.
    dying: Mutex<HashMap<u64, Dying>>,
}

/// A process that is about to end.
enum Dying {
    Process(OwnedFd),
    Gate(Ends),
}

impl Dying {
    fn pidfd(&self) -> BorrowedFd<'_> {
        match self {
            Dying::Process(pidfd) => pidfd.as_fd(),
            Dying::Gate(gate) => gate.pidfd(),
        }
    }

    /// Whether it has ended. A process is collected then.
    fn has_ended(&self) -> bool {
        let collect = match self {
            Dying::Process(_) => Collect::Yes,
            Dying::Gate(_) => Collect::No,
        };
        wait::look(self.pidfd(), collect, 0) != Ok(Look::Running)
    }

    /// It has ended.
    fn bury(self) {
        match self {
            Dying::Process(_) => {}
            Dying::Gate(gate) => gate.collect(),
        }
    }
}

static REAPER: Mutex<Option<Arc<Reaper>>> = Mutex::new(None);

/// Makes sure that there is a reaper and that a child could be killed, so that it is not the drop of a child that finds out there cannot be one.
pub(super) fn start() -> raw::Result<()> {
    get().map(drop)
}

/// Collects a process that is about to end, now or when it does.
pub(super) fn adopt(pidfd: OwnedFd) {
    see_to(Dying::Process(pidfd));
}

/// Collects a gate that is about to end, and what it created for nobody.
pub(super) fn adopt_gate(gate: Ends) {
    see_to(Dying::Gate(gate));
}

fn see_to(process: Dying) {
    if process.has_ended() {
        return process.bury();
    }
    // Every child was spawned after `start`.
    let Ok(reaper) = get() else { return };
    let key = process.pidfd().as_raw_fd() as u64;
    let mut dying = lock(&reaper.dying);
    // Edge-triggered: of a process that has ended but is held by a debugger, the kernel says once that it has ended and once
    // more when it can be collected. A process that has ended already is an edge, too.
    let added = epoll::add(
        &reaper.epoll,
        process.pidfd(),
        epoll::EventData::new_u64(key),
        epoll::EventFlags::IN | epoll::EventFlags::ET,
    );
    match added {
        Ok(()) => {
            dying.insert(key, process);
        }
        // Out of memory, or of the user's epoll watches: a thread that waits for this one.
        Err(errno) => {
            let waiter = std::thread::Builder::new().spawn(move || {
                while !process.has_ended() {
                    wait::wait_for_end(process.pidfd());
                }
                process.bury();
            });
            if let Err(error) = waiter {
                tracing::error!(%errno, %error, "a killed child cannot be collected: it stays a zombie until the host ends");
            }
        }
    }
}

fn get() -> raw::Result<Arc<Reaper>> {
    let mut slot = lock(&REAPER);
    if let Some(reaper) = &*slot {
        return Ok(Arc::clone(reaper));
    }
    kill::check()?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|errno| Errno(errno.raw_os_error()))?;
    let reaper = Arc::new(Reaper {
        epoll,
        dying: Mutex::new(HashMap::new()),
    });
    let for_thread = Arc::clone(&reaper);
    // The thread inherits the mask: signals to the host are for the host's own threads.
    let blocked = BlockedSignals::new(SignalSet::FULL_FOR_A_THREAD)?;
    let thread = std::thread::Builder::new()
        .name("childproof-reaper".to_owned())
        .spawn(move || for_thread.run());
    drop(blocked);
    thread.map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EAGAIN)))?;
    *slot = Some(Arc::clone(&reaper));
    Ok(reaper)
}

impl Reaper {
    fn run(&self) {
        let mut events = Vec::with_capacity(64);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(errno) => {
                    tracing::error!(%errno, "the reaper cannot wait: killed children stay zombies until the host ends");
                    return;
                }
            }
            let mut dying = lock(&self.dying);
            let ended: Vec<_> = events
                .iter()
                .filter_map(|event| {
                    let key = event.data.u64();
                    match dying.get(&key)?.has_ended() {
                        true => dying.remove(&key),
                        false => None,
                    }
                })
                .collect();
            drop(dying);
            // Closing the pidfd takes it out of the epoll.
            ended.into_iter().for_each(Dying::bury);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
