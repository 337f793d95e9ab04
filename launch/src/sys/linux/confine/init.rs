//! The program of the processes that stand by confined children: `init/main.rs`.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::MemfdFlags;
use rustix::io::Errno;

use super::{memory, missing};
use crate::{ConfineError, Need};

#[cfg(has_init)]
const PROGRAM: &[u8] = include_bytes!(env!("CHILDPROOF_INIT"));
#[cfg(not(has_init))]
const PROGRAM: &[u8] = &[];

/// The program in memory. There is one for the life of the host.
pub(super) fn program() -> Result<Arc<OwnedFd>, ConfineError> {
    static FILE: Mutex<Option<Arc<OwnedFd>>> = Mutex::new(None);
    if PROGRAM.is_empty() {
        return Err(missing(Need::Platform, Errno::NOSYS));
    }
    let mut slot = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = &*slot {
        return Ok(file.clone());
    }
    let file = memory::file(c"childproof-init", PROGRAM, MemfdFlags::EXEC);
    let file = Arc::new(file.map_err(|errno| missing(Need::Init, errno))?);
    *slot = Some(file.clone());
    Ok(file)
}
