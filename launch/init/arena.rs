//! The memory that a candidate works in until it executes its program: it runs in the gate's, so that nothing is copied for
//! it, with a stack and a place for its request that are its own.
//!
//! The gate does not touch them until the process has ended. A guard at the end of the stack is not needed: how much of it is
//! used does not depend on what comes in, and is a small part of it.

use crate::call::{call, number};
use crate::message::{ARENA, SMALL};

const PROT_READ_WRITE: usize = 3;
const MAP_PRIVATE_ANONYMOUS: usize = 0x22;

/// It is a multiple of every page's size.
const SIZE: usize = ARENA;
/// The upper part is the stack.
const STACK: usize = 64 * 1024;
const PLACE: usize = SIZE - STACK - size_of::<Arena>();
const _: () = assert!(SMALL <= PLACE);

/// It lies at the beginning of the memory.
pub struct Arena {
    /// The process.
    pub pidfd: usize,
    /// A request that found no place here.
    large: Option<(usize, usize)>,
}

impl Arena {
    pub fn new() -> Result<*mut Arena, i32> {
        let arena: *mut Arena = map(SIZE)?.cast();
        // SAFETY: the mapping is larger, aligned to a page, and nobody else's.
        unsafe { arena.write(Arena { pidfd: 0, large: None }) };
        Ok(arena)
    }

    /// Where the stack begins, which grows down.
    pub fn stack(arena: *mut Arena) -> usize {
        arena as usize + SIZE
    }

    /// A place of this size, aligned to a pointer, for the life of the process.
    ///
    /// # Safety
    ///
    /// It is an arena, and nobody else uses it.
    pub unsafe fn place(arena: *mut Arena, size: usize) -> Result<*mut u8, i32> {
        if size <= PLACE {
            // SAFETY: it lies between the head and the stack.
            return Ok(unsafe { arena.add(1) }.cast());
        }
        let place = map(size)?;
        // SAFETY: as the caller promises.
        unsafe { (*arena).large = Some((place as usize, size)) };
        Ok(place)
    }

    /// Makes it ready for another process.
    ///
    /// # Safety
    ///
    /// It is an arena, and its process has ended, or left the memory.
    pub unsafe fn clear(arena: *mut Arena) {
        // SAFETY: as the caller promises.
        if let Some((place, size)) = unsafe { (*arena).large.take() } {
            unmap(place, size);
        }
    }

    /// Gives it back.
    ///
    /// # Safety
    ///
    /// As for [`clear`](Arena::clear), and nobody uses it afterwards.
    pub unsafe fn free(arena: *mut Arena) {
        // SAFETY: as the caller promises.
        unsafe { Arena::clear(arena) };
        unmap(arena as usize, SIZE);
    }
}

fn map(size: usize) -> Result<*mut u8, i32> {
    // SAFETY: a new private mapping at an address of the kernel's choice touches no memory that is in use.
    unsafe { call(number::MMAP, [0, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, usize::MAX, 0]) }
        .map(|place| place as *mut u8)
}

fn unmap(place: usize, size: usize) {
    // SAFETY: the callers mapped it and use it no more.
    let _ = unsafe { call(number::MUNMAP, [place, size]) };
}
