//! Files in memory that nobody can write to any more.

use std::ffi::CStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

/// A file with this content, that can be executed or not.
pub(super) fn file(name: &CStr, content: &[u8], executable: MemfdFlags) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match memfd_create(name, flags | executable) {
        // Before Linux 6.3 neither flag is known, and every such file can be executed.
        Err(Errno::INVAL) => memfd_create(name, flags)?,
        result => result?,
    };
    let mut file = File::from(memory);
    file.write_all(content)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}
