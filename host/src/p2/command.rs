//! The `command` resource: a request that the guest builds up.

use crate::process::SpawnRequest;

/// The most that the strings of one command may take, in bytes. Linux takes at most 6 MiB of arguments and environment
/// whatever the stack limit is, so a command beyond that cannot be spawned; what is beyond it is not kept.
const MOST: usize = 6 * 1024 * 1024;

/// What each string costs beside its bytes: a pointer of the child's, and the host's own bookkeeping.
const EACH: usize = 32;

/// A process to be.
#[derive(Debug)]
pub struct Command {
    pub(super) request: SpawnRequest,
    size: usize,
}

impl Command {
    pub(super) fn new(program: String) -> Self {
        let size = program.len();
        Self {
            request: SpawnRequest::new(program),
            size,
        }
    }

    /// Whether more was given to it than any system takes.
    pub(super) fn is_too_long(&self) -> bool {
        self.size > MOST
    }

    /// Makes room for a string, if the command is not too long for it.
    fn take(&mut self, bytes: usize) -> bool {
        self.size = self.size.saturating_add(bytes).saturating_add(EACH);
        !self.is_too_long()
    }

    pub(super) fn arg(&mut self, argument: String) {
        if self.take(argument.len()) {
            self.request.args.push(argument);
        }
    }

    pub(super) fn argv0(&mut self, name: String) {
        if self.take(name.len()) {
            self.request.argv0 = Some(name);
        }
    }

    pub(super) fn env(&mut self, key: String, value: String) {
        if self.take(key.len().saturating_add(value.len())) {
            self.request.env.push((key, value));
        }
    }
}
