//! What follows a request: numbers and strings.

use core::{ptr, slice};

use crate::arena::Arena;
use crate::call::read;
use crate::message::Request;

const ENODATA: i32 = 61;

/// A place in it, and where the next array of pointers to its strings may be.
pub struct Text {
    at: *const u8,
    pointers: *mut *const u8,
}

impl Text {
    /// Receives it.
    ///
    /// # Safety
    ///
    /// It is the arena of this process, and no place in it was taken.
    pub unsafe fn receive(socket: usize, request: &Request, arena: *mut Arena) -> Result<Text, i32> {
        let length = request.length as usize;
        // One more each, for null.
        let pointers = (request.arguments + request.variables + 2) as usize * size_of::<usize>();
        let to_pointers = length.next_multiple_of(size_of::<usize>());
        // SAFETY: as the caller promises. All of it is made of bytes, or was: it may be seen as such.
        let (base, bytes) = unsafe {
            let base = Arena::place(arena, to_pointers + pointers)?;
            (base, slice::from_raw_parts_mut(base, length))
        };
        match read(socket, bytes)? == length {
            // SAFETY: the place goes on from there, aligned to a pointer.
            true => Ok(Text { at: base, pointers: unsafe { base.add(to_pointers) }.cast() }),
            false => Err(ENODATA),
        }
    }

    /// The next numbers.
    ///
    /// # Safety
    ///
    /// There are as many, no string came before, and they are used in this process alone.
    pub unsafe fn numbers(&mut self, count: u64) -> &'static [u64] {
        // SAFETY: as the caller promises; the place is aligned, is not written to any more, and stays.
        unsafe {
            let numbers = slice::from_raw_parts(self.at.cast(), count as usize);
            self.at = self.at.add(size_of_val(numbers));
            numbers
        }
    }

    /// The next string.
    ///
    /// # Safety
    ///
    /// There is one.
    pub unsafe fn string(&mut self) -> *const u8 {
        let start = self.at;
        // SAFETY: as the caller promises: it ends with NUL.
        unsafe {
            while *self.at != 0 {
                self.at = self.at.add(1);
            }
            self.at = self.at.add(1);
        }
        start
    }

    /// The next strings, as exec takes them.
    ///
    /// # Safety
    ///
    /// There are as many, and they are among those that the request counts.
    pub unsafe fn strings(&mut self, count: u64) -> *const *const u8 {
        let array = self.pointers;
        // SAFETY: as the caller promises; there is room for all that the request counts, and for null at each end.
        unsafe {
            for _ in 0..count {
                *self.pointers = self.string();
                self.pointers = self.pointers.add(1);
            }
            *self.pointers = ptr::null();
            self.pointers = self.pointers.add(1);
        }
        array
    }
}
