//! What a file is. See statx(2).

use core::mem::MaybeUninit;

use crate::call::{call, number};
use crate::message::{Identity, Place};

const AT_EMPTY_PATH: usize = 0x1000;
const STATX_BASIC_STATS: usize = 0x7ff;
const S_IFMT: u16 = 0o17_0000;
const S_IFCHR: u16 = 0o2_0000;
/// The device that takes everything and gives nothing.
const NULL: [u32; 2] = [1, 3];

/// struct statx_timestamp.
#[repr(C)]
#[derive(Clone, Copy)]
struct Time {
    seconds: i64,
    nanoseconds: u32,
    reserved: i32,
}

impl Time {
    fn parts(self) -> [i64; 2] {
        [self.seconds, self.nanoseconds.into()]
    }
}

/// struct statx.
#[repr(C)]
pub struct Stat {
    mask: u32,
    block_size: u32,
    attributes: u64,
    links: u32,
    user: u32,
    group: u32,
    mode: u16,
    padding: u16,
    inode: u64,
    size: u64,
    blocks: u64,
    attributes_mask: u64,
    accessed: Time,
    created: Time,
    changed: Time,
    modified: Time,
    device_of_node: [u32; 2],
    device: [u32; 2],
    more: [u64; 14],
}

impl Stat {
    pub fn of(fd: usize) -> Result<Stat, i32> {
        let mut stat = MaybeUninit::<Stat>::uninit();
        let [path, to] = [c"".as_ptr() as usize, stat.as_mut_ptr() as usize];
        // SAFETY: the kernel writes the struct, all of its 256 bytes, or answers an error; the path is the empty string.
        unsafe {
            call(number::STATX, [fd, path, AT_EMPTY_PATH, STATX_BASIC_STATS, to])?;
            Ok(stat.assume_init())
        }
    }

    pub fn is_character_device(&self) -> bool {
        self.mode & S_IFMT == S_IFCHR
    }

    pub fn is_null(&self) -> bool {
        self.device_of_node == NULL
    }

    pub fn place(&self) -> Place {
        Place { device: self.device, inode: self.inode }
    }

    pub fn identity(&self) -> Identity {
        Identity {
            place: self.place(),
            size: self.size,
            modified: self.modified.parts(),
            changed: self.changed.parts(),
        }
    }
}

const _: () = assert!(size_of::<Stat>() == 256);
