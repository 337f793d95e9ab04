//! What the host holds for calls of `communicate`, at work or to be gone on with, and how much that may be.
//!
//! Counted are bytes of data. The memory they lie in may be larger: a buffer that grows doubles, but what is not filled of it
//! is address space that no page is behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Past this many bytes, kept for one guest, no other conversation begins, goes on or grows.
const MOST: usize = 64 * 1024 * 1024;

/// How many bytes are kept for one guest.
///
/// A conversation grows only while the others keep at most [`MOST`]. So all of them together never keep more than that and the
/// largest of them. And one of them may always go on: that which grew last. The others kept at most `MOST` then, have not
/// grown since, and what has grown since is gone.
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
    /// Whether the others keep so much that this conversation is not to go on.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowds(self.all.0.load(Ordering::Relaxed))
    }

    fn crowds(&self, all: usize) -> bool {
        all.saturating_sub(self.bytes) > MOST
    }

    /// Takes room for `bytes` more, before they are there: of two conversations that grow at the same time on two threads, one
    /// sees the other. False where there is none, as others keep too much.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let grown = self.all.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |all| {
            (!self.crowds(all)).then(|| all.saturating_add(bytes))
        });
        if grown.is_ok() {
            self.bytes = self.bytes.saturating_add(bytes);
        }
        grown.is_ok()
    }

    /// Says how many bytes are kept from here on.
    pub(crate) fn set(&mut self, bytes: usize) {
        match bytes.checked_sub(self.bytes) {
            Some(0) => {}
            Some(more) => {
                self.all.0.fetch_add(more, Ordering::Relaxed);
            }
            None => {
                self.all.0.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            }
        }
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_grows_while_the_others_keep_too_much() {
        let kept = Kept::default();
        let (mut first, mut second, mut third) = (kept.share(), kept.share(), kept.share());
        assert!(first.grow(MOST), "one alone has all the room");
        assert!(first.grow(1), "and more");
        assert!(!second.grow(1));
        assert!(second.is_crowded());
        first.set(MOST);
        assert!(second.grow(1));
        assert!(first.grow(1), "the other keeps little");
        assert!(!third.grow(0));
    }

    #[test]
    fn the_last_one_that_grew_may_go_on_whoever_ends() {
        let kept = Kept::default();
        let mut shares: Vec<Share> = (0..4).map(|_| kept.share()).collect();
        // Each in turn takes as much as it is given, over and over, until nobody but the last is given any.
        let mut last = 0;
        for turn in 0..1000 {
            if shares[turn % 4].grow(MOST / 16 + turn) {
                last = turn % 4;
            }
        }
        assert!(shares.iter().any(Share::is_crowded));
        assert!(!shares[last].is_crowded());
        while !shares.is_empty() {
            let free = shares.iter().position(|share| !share.is_crowded());
            drop(shares.remove(free.expect("one may always go on")));
        }
        assert_eq!(kept.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_kept_no_more_is_given_back() {
        let kept = Kept::default();
        let mut share = kept.share();
        assert!(share.grow(10));
        share.set(3);
        assert_eq!(kept.0.load(Ordering::Relaxed), 3);
        share.set(5);
        assert_eq!(kept.0.load(Ordering::Relaxed), 5);
        drop(share);
        assert_eq!(kept.0.load(Ordering::Relaxed), 0);
    }
}
