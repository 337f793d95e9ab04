//! The stack a child uses until it executes its program.

use std::ffi::c_void;
use std::ptr::NonNull;

use super::raw::{self, Errno};

/// Enough for the steps of the child, the buffer they list descriptors in included, several times over.
const USABLE: usize = 64 * 1024;

/// As large as the largest page of the architectures Linux runs on, so that it is a multiple of any.
const GUARD: usize = 64 * 1024;

/// A mapping with a guard at its lower end: a child that needs more dies of SIGSEGV and does not write into the host's
/// memory.
pub(super) struct Stack {
    base: NonNull<c_void>,
}

impl Stack {
    pub(super) fn new() -> raw::Result<Stack> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        // SAFETY: a new private mapping at an address of the kernel's choice touches no memory that is in use.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), GUARD + USABLE, protection, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let stack = Stack {
            base: NonNull::new(base).ok_or(Errno(libc::ENOMEM))?,
        };
        // SAFETY: the range is the lower part of the mapping made above, which nothing uses yet.
        if unsafe { libc::mprotect(base, GUARD, libc::PROT_NONE) } == -1 {
            return Err(Errno::last());
        }
        Ok(stack)
    }

    /// One past its highest byte, where a stack that grows down begins. It is aligned to a page.
    pub(super) fn top(&self) -> *mut c_void {
        self.base.as_ptr().wrapping_byte_add(GUARD + USABLE)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and the child that ran on it has left it: the parent goes on only once the
        // child has executed its program or ended.
        unsafe { libc::munmap(self.base.as_ptr(), GUARD + USABLE) };
    }
}
