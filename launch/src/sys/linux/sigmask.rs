//! A time in which the calling thread takes no signals.

use std::marker::PhantomData;

use super::raw::{self, SignalSet};

/// While it lives, signals to the thread that made it are blocked. It stays on that thread.
pub(super) struct BlockedSignals {
    old: SignalSet,
    of_this_thread: PhantomData<*const ()>,
}

impl BlockedSignals {
    pub(super) fn new(set: SignalSet) -> raw::Result<BlockedSignals> {
        let old = raw::set_signal_mask(set)?;
        Ok(BlockedSignals {
            old,
            of_this_thread: PhantomData,
        })
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // The kernel knows no reason to refuse a mask that it gave.
        let _ = raw::set_signal_mask(self.old);
    }
}
