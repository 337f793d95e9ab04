//! What is asked for when a process is to be started.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::pipe::{PipeReader, PipeWriter};
use crate::error::Error;

/// A working directory: a directory the guest holds, and where to go from there.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The directory.
    pub directory: Arc<std::fs::File>,
    /// A path below it, resolved without ever leaving it. None is the directory itself.
    pub path: Option<String>,
}

/// A regular file as a standard stream. The process gets an open file of its own, so the offset of `file` is not moved.
#[derive(Clone, Debug)]
pub struct FileStream {
    /// The file.
    pub file: Arc<std::fs::File>,
    /// Whether whoever lends it may read it.
    pub readable: bool,
    /// Whether whoever lends it may write to it.
    pub writable: bool,
    /// Where to begin, in bytes. None appends for an output and is the beginning for standard input.
    pub offset: Option<u64>,
}

/// A pipe's end that a spawn may use up. Whoever else holds the slot finds it empty afterwards.
#[derive(Debug)]
pub struct PipeSlot<T>(Arc<Mutex<Option<Arc<T>>>>);

impl<T> Clone for PipeSlot<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> PipeSlot<T> {
    /// A slot that holds `end`.
    pub fn new(end: T) -> Self {
        Self(Arc::new(Mutex::new(Some(Arc::new(end)))))
    }

    /// The end, if it is still there.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.lock().clone()
    }

    /// The same end in a slot of its own; this one is empty from here on.
    pub(crate) fn detach(&self) -> Self {
        Self(Arc::new(Mutex::new(self.take())))
    }

    /// Takes the end out of the slot, which closes it once nobody works on it.
    pub(crate) fn take(&self) -> Option<Arc<T>> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<T>>> {
        // Only whole values are put in and taken out.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a process reads its standard input from.
#[derive(Clone, Debug, Default)]
pub enum Stdin {
    /// Nothing: end of file at once.
    #[default]
    Null,
    /// A pipe.
    Piped,
    /// The guest's own.
    Inherit,
    /// A file.
    File(FileStream),
    /// What another process writes.
    Pipe(PipeSlot<PipeReader>),
    /// Something that cannot be used, and the error that a spawn is to fail with.
    Unusable(Error),
}

/// Where a process writes its standard output to.
#[derive(Clone, Debug, Default)]
pub enum Stdout {
    /// Nowhere.
    #[default]
    Null,
    /// A pipe.
    Piped,
    /// The guest's own.
    Inherit,
    /// A file.
    File(FileStream),
    /// What another process reads.
    Pipe(PipeSlot<PipeWriter>),
    /// Something that cannot be used, and the error that a spawn is to fail with.
    Unusable(Error),
}

/// Where a process writes its standard error to.
#[derive(Clone, Debug)]
pub enum Stderr {
    /// Somewhere of its own.
    Own(Stdout),
    /// Wherever standard output goes.
    Stdout,
}

impl Default for Stderr {
    fn default() -> Self {
        Self::Own(Stdout::Null)
    }
}

/// A process to be. It may be spawned more than once; a pipe of another process serves the first spawn that succeeds.
#[derive(Clone, Debug, Default)]
pub struct SpawnRequest {
    /// The name of the grant.
    pub program: String,
    /// The program's own name as it sees it. None is the name of the grant.
    pub argv0: Option<String>,
    /// The arguments, without the program's own name.
    pub args: Vec<String>,
    /// The environment. For a key set twice, the last value holds.
    pub env: Vec<(String, String)>,
    /// The working directory. None is the one the policy names.
    pub cwd: Option<Directory>,
    /// Standard input.
    pub stdin: Stdin,
    /// Standard output.
    pub stdout: Stdout,
    /// Standard error.
    pub stderr: Stderr,
    /// How long it may live.
    pub timeout: Option<Duration>,
    /// How many bytes it may write to its pipes.
    pub output_limit: Option<u64>,
}

impl SpawnRequest {
    /// A request for the grant `program`, with no arguments, no environment and no streams.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            ..Self::default()
        }
    }
}
