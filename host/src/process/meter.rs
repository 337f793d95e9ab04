//! The bound on how many bytes a process may write to its piped output.

use std::sync::OnceLock;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

use super::live::Live;
use super::status::Limit;

/// Counts what is read from the pipes of one process, and ends the process that writes more than it may.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: u64,
    used: AtomicU64,
    process: OnceLock<Weak<Live>>,
}

impl Meter {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            used: AtomicU64::new(0),
            process: OnceLock::new(),
        }
    }

    /// Says which process to end. Its pipes exist before it does.
    pub(crate) fn watch(&self, process: Weak<Live>) {
        // There is one process to a meter, so this is the first call.
        let _ = self.process.set(process);
    }

    fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used.load(Ordering::Relaxed))
    }

    /// How much of `wanted` may be asked of the kernel: one byte more than what is left, to tell a process that wrote
    /// just as much as it may from one that goes on.
    pub(crate) fn allowance(&self, wanted: usize) -> usize {
        let most = self.left().saturating_add(1);
        usize::try_from(most).map_or(wanted, |most| wanted.min(most))
    }

    /// Counts `read` bytes and answers how many of them the reader may have.
    pub(crate) fn count(&self, read: usize) -> usize {
        let left = self.left();
        self.used.fetch_add(read as u64, Ordering::Relaxed);
        if read as u64 <= left {
            return read;
        }
        if let Some(process) = self.process.get().and_then(Weak::upgrade) {
            process.end_by_limit(Limit::Output);
        }
        // `left` is smaller than a `usize` here.
        left as usize
    }
}
