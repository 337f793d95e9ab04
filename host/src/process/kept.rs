//! What the host keeps of conversations that are to go on, and how much that may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Past this many bytes, kept for one guest, no other conversation begins or goes on.
const MOST: usize = 64 * 1024 * 1024;

/// How many bytes are kept for one guest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Arc<AtomicUsize>);

impl Kept {
    /// The share of one conversation, which keeps nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share {
            all: self.clone(),
            bytes: 0,
        }
    }
}

/// What is kept of one conversation. Dropping it gives the room back.
#[derive(Debug)]
pub(crate) struct Share {
    all: Kept,
    bytes: usize,
}

impl Share {
    /// Whether the other conversations keep so much that this one is not to go on. The last one that grew always may.
    pub(crate) fn is_crowded(&self) -> bool {
        self.all.0.load(Ordering::Relaxed).saturating_sub(self.bytes) > MOST
    }

    /// Says how many bytes are kept from here on.
    pub(crate) fn set(&mut self, bytes: usize) {
        self.all.0.fetch_add(bytes, Ordering::Relaxed);
        self.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}
