//! What follows a request: numbers and strings.

use core::slice;

use crate::call::{call, number, read};
use crate::message::Request;

const PROT_READ_WRITE: usize = 3;
const MAP_PRIVATE_ANONYMOUS: usize = 0x22;
const ENODATA: i32 = 61;

/// A place in it, and where the next array of pointers to its strings may be.
pub struct Text {
    at: *const u8,
    pointers: *mut *const u8,
}

impl Text {
    /// Receives it. It stays for the life of this process.
    pub fn receive(socket: usize, request: &Request) -> Result<Text, i32> {
        let length = request.length as usize;
        // One more each, for null.
        let pointers = (request.arguments + request.variables + 2) as usize * size_of::<usize>();
        let to_pointers = length.next_multiple_of(size_of::<usize>());
        let arguments = [0, to_pointers + pointers, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, usize::MAX, 0];
        // SAFETY: a new private mapping at an address of the kernel's choice touches no memory that is in use.
        let base = unsafe { call(number::MMAP, arguments) }? as *mut u8;
        // SAFETY: the mapping is at least as long, zero, and nobody else's.
        match read(socket, unsafe { slice::from_raw_parts_mut(base, length) })? == length {
            // SAFETY: the mapping goes on from there, and its length is a multiple of a pointer's, as its address is.
            true => Ok(Text { at: base, pointers: unsafe { base.add(to_pointers) }.cast() }),
            false => Err(ENODATA),
        }
    }

    /// The next numbers.
    ///
    /// # Safety
    ///
    /// There are as many, and no string came before.
    pub unsafe fn numbers(&mut self, count: u64) -> &'static [u64] {
        // SAFETY: as the caller promises; the mapping is aligned, is not written to any more, and stays.
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
        // SAFETY: as the caller promises; there is room for all that the request counts, and for null at each end. A new
        // mapping is zero.
        unsafe {
            for _ in 0..count {
                *self.pointers = self.string();
                self.pointers = self.pointers.add(1);
            }
            self.pointers = self.pointers.add(1);
        }
        array
    }
}
