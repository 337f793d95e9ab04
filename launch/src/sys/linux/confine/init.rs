//! The program of a tree's first process.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

use super::missing;
use crate::{ConfineError, Need};

#[cfg(has_init)]
const PROGRAM: &[u8] = include_bytes!(env!("CHILDPROOF_INIT"));
#[cfg(not(has_init))]
const PROGRAM: &[u8] = &[];

/// The program in memory that nobody can write to any more. There is one for the life of the host.
pub(super) fn program() -> Result<Arc<OwnedFd>, ConfineError> {
    static FILE: Mutex<Option<Arc<OwnedFd>>> = Mutex::new(None);
    if PROGRAM.is_empty() {
        return Err(missing(Need::Platform, Errno::NOSYS));
    }
    let mut slot = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = &*slot {
        return Ok(file.clone());
    }
    let file = Arc::new(write().map_err(|errno| missing(Need::Init, errno))?);
    *slot = Some(file.clone());
    Ok(file)
}

fn write() -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match memfd_create(c"childproof-init", flags | MemfdFlags::EXEC) {
        // Before Linux 6.3 the flag is unknown and what it asks for is the rule.
        Err(Errno::INVAL) => memfd_create(c"childproof-init", flags)?,
        result => result?,
    };
    let mut file = File::from(memory);
    file.write_all(PROGRAM)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}
