//! The file of a program.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD};

/// Which file something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileNumber {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// What tells a file from another, and from itself after a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(super) file: FileNumber,
    pub(super) size: u64,
    /// Seconds and nanoseconds.
    pub(super) modified: (i64, i64),
    pub(super) changed: (i64, i64),
}

impl Identity {
    pub(crate) fn of(metadata: &Metadata) -> Identity {
        Identity {
            file: FileNumber {
                device: metadata.dev(),
                inode: metadata.ino(),
            },
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// `O_PATH`: a program need not be readable to be run, and the descriptor gives no right to its content.
pub(crate) fn open_program(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)
}

/// Whether the effective user may execute it, which is whom exec goes by.
pub(crate) fn is_executable(path: &Path) -> io::Result<bool> {
    match rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::ACCESS) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
