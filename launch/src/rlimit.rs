//! Limits that the kernel holds a process to.

use std::fmt;

/// One limit of a child. See getrlimit(2).
///
/// A limit holds for the child and for what it starts, each process by itself, unless the resource says otherwise.
/// Raising `hard` above the host's own takes a privilege (`CAP_SYS_RESOURCE`); without it the spawn fails at
/// [`Stage::Rlimit`](crate::Stage::Rlimit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// What is limited.
    pub resource: Resource,
    /// Where the kernel starts to refuse or to warn. The child may move it, up to `hard`.
    pub soft: u64,
    /// The most the child may set `soft` to.
    pub hard: u64,
}

impl Rlimit {
    /// The value that means no limit.
    pub const INFINITY: u64 = u64::MAX;

    /// A limit that the child cannot raise: `soft` and `hard` are both `limit`.
    pub fn new(resource: Resource, limit: u64) -> Rlimit {
        Rlimit {
            resource,
            soft: limit,
            hard: limit,
        }
    }
}

/// What an [`Rlimit`] limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// CPU time in seconds. At `soft` the process is sent SIGXCPU, at `hard` SIGKILL.
    CpuTime,
    /// Bytes of address space. A program that does not fit may be ended while it is being executed: it was started, then, and
    /// ended by SIGKILL or SIGSEGV.
    AddressSpace,
    /// Bytes of data: heap and private writable mappings.
    Data,
    /// Bytes of the main thread's stack. Arguments and environment may take a quarter of it.
    Stack,
    /// Descriptors: one more than the highest number.
    OpenFiles,
    /// Bytes of a file that is written. Past it the process is sent SIGXFSZ.
    FileSize,
    /// Processes and threads *of the user*, whoever started them: a limit of 10 leaves none to a child of a user who has 10
    /// already. A user with `CAP_SYS_RESOURCE` or `CAP_SYS_ADMIN`, so commonly root, is exempt.
    Processes,
    /// Bytes of a core dump. 0 writes none.
    Core,
    /// Bytes of memory locked into RAM.
    LockedMemory,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resource::CpuTime => "CPU time",
            Resource::AddressSpace => "address space",
            Resource::Data => "data",
            Resource::Stack => "stack",
            Resource::OpenFiles => "open files",
            Resource::FileSize => "file size",
            Resource::Processes => "processes",
            Resource::Core => "core dump",
            Resource::LockedMemory => "locked memory",
        })
    }
}
