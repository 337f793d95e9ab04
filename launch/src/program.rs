//! The file that runs: resolved, opened and remembered once, checked at each spawn.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::sys;

/// A file to run, pinned.
///
/// [`open`](Program::open) resolves the path, opens the file and notes its identity: device, inode, size, and the times of
/// its last change (mtime and ctime, of which no program can set the latter). The open descriptor keeps the inode number
/// from being given to another file.
///
/// # What runs is what was checked
///
/// A binary is executed through the descriptor, so whatever happens to the path, the file that was opened is the one that
/// runs. [`check`](Program::check), which each spawn makes first, finds a file that was written to, replaced or removed.
///
/// A script (`#!`) cannot be run that way: its interpreter opens the script by path, later. So a script is executed by its
/// canonical path, and between the check and the moment the interpreter opens it, whoever may write to the script or to a
/// directory on its path can put something else there. The same goes for the interpreter, and for a binary's shared
/// libraries. A program's file and the directories above it belong in hands that are trusted.
///
/// # Ambient Authority
///
/// `open` takes a path from nowhere: it reaches whatever the host process can reach.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    file: File,
    identity: sys::Identity,
}

impl Program {
    /// Resolves `path` and opens the file at its end, without reading it.
    ///
    /// # Errors
    ///
    /// [`ProgramError::Relative`] for a path that is not absolute, and what resolving it or looking at the file comes to.
    pub fn open(path: &Path) -> Result<Program, ProgramError> {
        if !path.is_absolute() {
            return Err(ProgramError::Relative { path: path.to_owned() });
        }
        let canonical = fs::canonicalize(path).map_err(|source| ProgramError::from_io(path, source))?;
        let file = sys::open_program(&canonical).map_err(|source| ProgramError::from_io(&canonical, source))?;
        let metadata = file
            .metadata()
            .map_err(|source| ProgramError::from_io(&canonical, source))?;
        if !metadata.is_file() {
            return Err(ProgramError::NotAFile { path: canonical });
        }
        if !sys::is_executable(&canonical).map_err(|source| ProgramError::from_io(&canonical, source))? {
            return Err(ProgramError::NotExecutable { path: canonical });
        }
        Ok(Program {
            path: canonical,
            file,
            identity: sys::Identity::of(&metadata),
        })
    }

    /// The path without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file at the path is still the one that was opened, unchanged.
    ///
    /// # Errors
    ///
    /// [`ProgramError::NotFound`] when nothing is at the path any more, [`ProgramError::Changed`] when the file there is
    /// another one, or was written to, or had its permissions or links changed.
    pub fn check(&self) -> Result<(), ProgramError> {
        let metadata = fs::metadata(&self.path).map_err(|source| ProgramError::from_io(&self.path, source))?;
        if sys::Identity::of(&metadata) == self.identity {
            Ok(())
        } else {
            Err(ProgramError::Changed {
                path: self.path.clone(),
            })
        }
    }

    pub(crate) fn identity(&self) -> &sys::Identity {
        &self.identity
    }

    /// The open file. On Linux it is an `O_PATH` descriptor: it names the file and can neither read nor write it.
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// Why a [`Program`] cannot be opened, or is no longer what was opened.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// Nothing is at the path. Like `ENOENT`.
    #[error("{}: no such file", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// The file at the path is not the one that was opened, or was changed since. Like `ESTALE`.
    #[error("{}: the file is not the one that was checked", path.display())]
    Changed {
        /// The path.
        path: PathBuf,
    },
    /// The path leads to something that is not a regular file: a directory, a device.
    #[error("{}: not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The host may not execute the file: no permission for it, or a `noexec` mount. Like `EACCES`.
    #[error("{}: not executable", path.display())]
    NotExecutable {
        /// The path.
        path: PathBuf,
    },
    /// The path is relative: what it names would depend on the host's working directory.
    #[error("{}: not an absolute path", path.display())]
    Relative {
        /// The path.
        path: PathBuf,
    },
    /// Anything else that the system reported.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl ProgramError {
    fn from_io(path: &Path, source: io::Error) -> ProgramError {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ProgramError::NotFound { path },
            _ => ProgramError::Io { path, source },
        }
    }
}
