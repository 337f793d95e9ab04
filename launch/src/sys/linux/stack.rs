//! The stack a child uses until it executes its program.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::raw;

/// Enough for the steps of the child, the buffer they list descriptors in included, several times over.
const USABLE: usize = 64 * 1024;

/// As large as the largest page of the architectures Linux runs on, so that it is a multiple of any.
const GUARD: usize = 64 * 1024;

/// How many stacks are kept for the next child: to unmap one stops every thread of the host that runs at that moment.
const KEPT: usize = 12;

static IDLE: Mutex<Vec<Mapping>> = Mutex::new(Vec::new());

/// A stack that nobody else uses while it lives.
pub(super) struct Stack(Option<Mapping>);

/// A mapping with a guard at its lower end: a child that needs more dies of SIGSEGV and does not write into the host's
/// memory.
struct Mapping {
    base: NonNull<c_void>,
}

// SAFETY: the memory belongs to the process and not to a thread, and the value is its only way to it.
unsafe impl Send for Mapping {}

impl Stack {
    pub(super) fn new() -> raw::Result<Stack> {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(mapping) => Ok(Stack(Some(mapping))),
            None => Mapping::new().map(|mapping| Stack(Some(mapping))),
        }
    }

    /// One past its highest byte, where a stack that grows down begins. It is aligned to a page.
    pub(super) fn top(&self) -> *mut c_void {
        match &self.0 {
            Some(mapping) => mapping.base.as_ptr().wrapping_byte_add(GUARD + USABLE),
            None => std::ptr::null_mut(),
        }
    }
}

impl Drop for Stack {
    /// The child that ran on it has left it: the parent goes on only once the child has executed its program or ended.
    fn drop(&mut self) {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.extend(self.0.take());
        }
    }
}

impl Mapping {
    fn new() -> raw::Result<Mapping> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new private mapping at an address of the kernel's choice touches no memory that is in use.
        let base = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                GUARD + USABLE,
                protection,
                MapFlags::PRIVATE | MapFlags::STACK,
            )
        }?;
        let mapping = Mapping {
            base: NonNull::new(base).ok_or(raw::Errno(libc::ENOMEM))?,
        };
        // SAFETY: the range is the lower part of the mapping made above, which nothing uses yet.
        unsafe { mprotect(base, GUARD, MprotectFlags::empty()) }?;
        Ok(mapping)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and no process runs on it. If it cannot be unmapped, it stays.
        let _ = unsafe { munmap(self.base.as_ptr(), GUARD + USABLE) };
    }
}
