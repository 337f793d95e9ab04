//! The bound on how many bytes a process may write to its piped output.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{OnceLock, Weak};

use rustix::io::ioctl_fionread;
use tokio::net::unix::pipe;

use super::live::Live;
use super::status::Limit;

/// Counts what is read from the pipes of one process, and ends the process that writes more than it may.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: u64,
    used: AtomicU64,
    pipes: Vec<Weak<pipe::Receiver>>,
    process: OnceLock<Weak<Live>>,
    /// Whether the status of the process says that this limit ended it. The guest may have dropped the process, but not its
    /// pipes, by the time that they are read.
    is_the_end: AtomicBool,
}

impl Meter {
    pub(crate) fn new(limit: u64, pipes: Vec<Weak<pipe::Receiver>>) -> Self {
        Self {
            limit,
            used: AtomicU64::new(0),
            pipes,
            process: OnceLock::new(),
            is_the_end: AtomicBool::new(false),
        }
    }

    /// Takes note that the status of the process, which is final, names this limit.
    pub(crate) fn has_ended_it(&self) {
        self.is_the_end.store(true, Ordering::Release);
    }

    /// Says which process to end. Its pipes exist before it does.
    pub(crate) fn watch(&self, process: Weak<Live>) {
        // There is one process to a meter, so this is the first call.
        let _ = self.process.set(process);
    }

    /// Whether more was read than the process may write.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit
    }

    /// The same, with what is in the pipes and was not read yet.
    pub(crate) fn is_exceeded_unread(&self) -> bool {
        // Before the pipes are looked at: what is read meanwhile must not count twice.
        let used = self.used.load(Ordering::Acquire);
        let unread = self.pipes.iter().filter_map(Weak::upgrade);
        let unread: u64 = unread.map(|pipe| ioctl_fionread(&*pipe).unwrap_or(0)).sum();
        used.saturating_add(unread) > self.limit
    }

    /// What a read answers once the limit is exceeded: the end, where the status of the process says why; else an error,
    /// for the process had ended before, and what it left behind wrote on.
    fn end(&self) -> io::Result<usize> {
        let process = || self.process.get().and_then(Weak::upgrade);
        let will_be = || process().is_some_and(|process| process.is_ended_by(Limit::Output));
        match self.is_the_end.load(Ordering::Acquire) || will_be() {
            true => Ok(0),
            false => Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "more was written than the limit of output allows, after the process had ended",
            )),
        }
    }

    fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used.load(Ordering::Relaxed))
    }

    /// Reads with `read`, which is told how many bytes it may ask for, at most `wanted`. The answer is how many of those it
    /// read the reader may have.
    pub(crate) fn read(&self, wanted: usize, read: impl FnOnce(usize) -> io::Result<usize>) -> io::Result<usize> {
        if self.is_exceeded() {
            return self.end();
        }
        self.count(read(self.allowance(wanted))?)
    }

    /// How much of `wanted` may be asked of the kernel: one byte more than what is left, to tell a process that wrote
    /// just as much as it may from one that goes on.
    fn allowance(&self, wanted: usize) -> usize {
        let most = self.left().saturating_add(1);
        usize::try_from(most).map_or(wanted, |most| wanted.min(most))
    }

    /// Counts `read` bytes and answers how many of them the reader may have.
    fn count(&self, read: usize) -> io::Result<usize> {
        let left = self
            .limit
            .saturating_sub(self.used.fetch_add(read as u64, Ordering::AcqRel));
        if read as u64 <= left {
            return Ok(read);
        }
        if let Some(process) = self.process.get().and_then(Weak::upgrade) {
            process.end_by_limit(Limit::Output);
        }
        // It is smaller than a `usize` here.
        match left as usize {
            0 => self.end(),
            left => Ok(left),
        }
    }
}
