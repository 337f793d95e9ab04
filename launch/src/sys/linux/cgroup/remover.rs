//! Removes groups whose processes take their time to end.
//!
//! One thread, started with the first such group, for the life of the host. It waits until the kernel says that a group has no
//! process any more.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::super::raw::SignalSet;
use super::super::sigmask::BlockedSignals;
use super::{Directory, value};

struct Remover {
    epoll: OwnedFd,
    /// The groups in `epoll`, by the number of the descriptor that is watched.
    leaving: Mutex<HashMap<u64, Leaving>>,
}

struct Leaving {
    directory: Directory,
    /// `cgroup.events`, which changes with the last process.
    events: File,
}

static REMOVER: Mutex<Option<Arc<Remover>>> = Mutex::new(None);

/// Removes the group once nothing is in it.
pub(super) fn adopt(directory: Directory) {
    if let Err(errno) = try_to_adopt(directory) {
        // The next host that looks for a place removes it.
        tracing::warn!(%errno, "a control group is left behind");
    }
}

fn try_to_adopt(directory: Directory) -> Result<(), Errno> {
    let remover = get()?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let events = File::from(openat(&directory.file, "cgroup.events", flags, Mode::empty())?);
    let leaving = Leaving { directory, events };
    // What changes from here on is told; what was before is not.
    if !leaving.is_populated() && leaving.directory.try_to_remove() {
        return Ok(());
    }
    let key = leaving.events.as_raw_fd() as u64;
    let mut all = lock(&remover.leaving);
    let data = epoll::EventData::new_u64(key);
    epoll::add(&remover.epoll, &leaving.events, data, epoll::EventFlags::PRI)?;
    all.insert(key, leaving);
    Ok(())
}

impl Leaving {
    /// Whether a process is in it. To read that is also what makes the kernel tell of the next change.
    fn is_populated(&self) -> bool {
        let mut text = [0; 256];
        let length = self.events.read_at(&mut text, 0).unwrap_or(0);
        let text = String::from_utf8_lossy(text.get(..length).unwrap_or_default());
        value(&text, "populated") > 0
    }

    /// Whether nothing is left to do for it.
    fn is_done(&self) -> bool {
        if self.is_populated() {
            return false;
        }
        if !self.directory.try_to_remove() {
            // Somebody made groups of their own in it.
            tracing::warn!(name = %self.directory.name, "a control group without processes cannot be removed");
        }
        true
    }
}

fn get() -> Result<Arc<Remover>, Errno> {
    let mut slot = lock(&REMOVER);
    if let Some(remover) = &*slot {
        return Ok(Arc::clone(remover));
    }
    let remover = Arc::new(Remover {
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        leaving: Mutex::new(HashMap::new()),
    });
    let for_thread = Arc::clone(&remover);
    // The thread inherits the mask: signals to the host are for the host's own threads.
    let blocked =
        BlockedSignals::new(SignalSet::FULL_FOR_A_THREAD).map_err(|errno| Errno::from_raw_os_error(errno.0))?;
    let thread = std::thread::Builder::new()
        .name("childproof-cgroups".to_owned())
        .spawn(move || for_thread.run());
    drop(blocked);
    thread.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN))?;
    *slot = Some(Arc::clone(&remover));
    Ok(remover)
}

impl Remover {
    fn run(&self) {
        let mut events = Vec::with_capacity(16);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => {
                    tracing::error!(%errno, "control groups cannot be watched: those that are in use are left behind");
                    return;
                }
            }
            let mut leaving = lock(&self.leaving);
            for event in &events {
                let key = event.data.u64();
                // Closing the file takes it out of the epoll.
                if leaving.get(&key).is_some_and(Leaving::is_done) {
                    leaving.remove(&key);
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
