//! The `command` resource of both flavours: a request that the guest builds up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(feature = "p3")]
use wasmtime::component::StreamReader;

use crate::process::{Directory, SpawnRequest};

/// The most that the strings of one command may take, in bytes. Linux takes at most 6 MiB of arguments and environment
/// whatever the stack limit is, so a command beyond that cannot be spawned; what is beyond it is not kept.
const MOST: usize = 6 * 1024 * 1024;

/// The most that the strings of all commands of a guest may take, in bytes.
const MOST_OF_ALL: usize = 64 * 1024 * 1024;

/// What each string costs beside its bytes: a pointer of the child's, and the host's own bookkeeping.
const EACH: usize = 32;

/// How many bytes the strings of all commands of one guest take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget(Arc<AtomicUsize>);

/// A process to be.
#[derive(Debug)]
pub struct Command {
    pub(crate) request: SpawnRequest,
    /// What the host is to read for standard input, which is piped then.
    #[cfg(feature = "p3")]
    pub(crate) data: Option<StreamReader<u8>>,
    size: usize,
    too_long: bool,
    /// The same for its environment, which can be emptied.
    env_too_long: bool,
    budget: Budget,
}

impl Drop for Command {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.size, Ordering::Relaxed);
    }
}

impl Command {
    pub(crate) fn new(program: String, budget: Budget) -> Self {
        let mut command = Self {
            request: SpawnRequest::default(),
            #[cfg(feature = "p3")]
            data: None,
            size: 0,
            too_long: false,
            env_too_long: false,
            budget,
        };
        match command.take(program.len()) {
            true => command.request.program = program,
            false => command.too_long = true,
        }
        command
    }

    /// Whether more was given to it than any system takes.
    pub(crate) fn is_too_long(&self) -> bool {
        self.too_long || self.env_too_long
    }

    /// Makes room for a string, if there is room.
    fn take(&mut self, bytes: usize) -> bool {
        let cost = bytes.saturating_add(EACH);
        let of_all = self.budget.0.fetch_add(cost, Ordering::Relaxed).saturating_add(cost);
        if self.size.saturating_add(cost) > MOST || of_all > MOST_OF_ALL {
            self.budget.0.fetch_sub(cost, Ordering::Relaxed);
            return false;
        }
        self.size += cost;
        true
    }

    /// Gives back the room of a string.
    fn give_back(&mut self, bytes: usize) {
        let cost = bytes.saturating_add(EACH).min(self.size);
        self.size -= cost;
        self.budget.0.fetch_sub(cost, Ordering::Relaxed);
    }

    pub(crate) fn arg(&mut self, argument: String) {
        match self.take(argument.len()) {
            true => self.request.args.push(argument),
            false => self.too_long = true,
        }
    }

    pub(crate) fn argv0(&mut self, name: String) {
        if let Some(before) = self.request.argv0.take() {
            self.give_back(before.len());
        }
        match self.take(name.len()) {
            true => self.request.argv0 = Some(name),
            false => self.too_long = true,
        }
    }

    pub(crate) fn env(&mut self, key: String, value: String) {
        match self.take(key.len().saturating_add(value.len())) {
            true => self.request.env.push((key, value)),
            false => self.env_too_long = true,
        }
    }

    pub(crate) fn clear_env(&mut self) {
        for (key, value) in std::mem::take(&mut self.request.env) {
            self.give_back(key.len().saturating_add(value.len()));
        }
        self.env_too_long = false;
    }

    pub(crate) fn cwd(&mut self, directory: Directory) {
        if let Some(before) = self.request.cwd.take() {
            self.give_back(before.path.map_or(0, |path| path.len()));
        }
        match self.take(directory.path.as_ref().map_or(0, String::len)) {
            true => self.request.cwd = Some(directory),
            false => self.too_long = true,
        }
    }
}
