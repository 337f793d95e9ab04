//! What the host and its programs of `init` say to each other.
//!
//! Both are built from this file, by one compiler, for one machine: the numbers are as the machine has them. Nobody else can
//! write to what they come by.

/// What is made of numbers alone, with no byte between them: any bytes are such a value, and it is bytes.
///
/// # Safety
///
/// It is so.
pub(super) unsafe trait Plain: Copy + Default {
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: as the implementation promises, each of them is initialized.
        unsafe { core::slice::from_raw_parts((&raw const *self).cast(), size_of::<Self>()) }
    }

    fn as_bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as the implementation promises, each of them is initialized, and may become any other.
        unsafe { core::slice::from_raw_parts_mut((&raw mut *self).cast(), size_of::<Self>()) }
    }
}

// SAFETY: each is laid out as in C, and its fields are numbers of 8 bytes, or an even count of numbers of 4 bytes.
unsafe impl Plain for Setup {}
// SAFETY: the same.
unsafe impl Plain for Request {}
// SAFETY: its fields are numbers of 4 bytes.
unsafe impl Plain for Report {}
// SAFETY: the same.
unsafe impl Plain for Offer {}

/// What the children of a profile are held to. It is a file in memory: this, and then
///
/// - the instructions of the filter of system calls, of 8 bytes each;
/// - the TCP ports that may be connected to, of 8 bytes each;
/// - rights to directories, of 8 bytes each;
/// - as many paths, each ended by NUL, that the rights are to.
///
/// The gate has descriptors, too, of directories that there are rights to.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Setup {
    /// How many instructions the filter has.
    pub(super) filter: u64,
    /// What the filter lets pass: see `Token` of the host's `seccomp`.
    pub(super) token: [u32; 2],
    /// What the Landlock ruleset is about: rights to files.
    pub(super) files: u64,
    /// Rights to TCP ports.
    pub(super) network: u64,
    /// What stays among the restricted processes.
    pub(super) scopes: u64,
    /// How many ports there are.
    pub(super) ports: u64,
    /// How many paths there are.
    pub(super) rules: u64,
    /// How many of those directories there are.
    pub(super) directories: u64,
    /// The rights to each of them.
    pub(super) of_directories: u64,
}

/// What a child is to execute. Its streams come with it, and, as far as the flags say so, more descriptors in the order of
/// the flags. What follows it:
///
/// - limits: the number of the resource, and the soft and the hard limit, of 8 bytes each;
/// - strings, each ended by NUL: the path of the program, the path of the working directory (empty for none), the arguments,
///   the environment.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Request {
    /// How many bytes follow.
    pub(super) length: u64,
    /// How many limits there are.
    pub(super) limits: u64,
    /// How many arguments there are.
    pub(super) arguments: u64,
    /// How many variables the environment has.
    pub(super) variables: u64,
    pub(super) flags: u64,
    /// The program, where it is opened by its path.
    pub(super) program: Identity,
    /// The working directory, where it is opened by its path.
    pub(super) directory: Place,
}

/// With the file that a process writes to in order to enter a control group.
pub(super) const CONTROL_GROUP: u64 = 1;
/// With the program; otherwise it is opened by its path.
pub(super) const PROGRAM: u64 = 2;
/// With the working directory; otherwise it is opened by its path.
pub(super) const DIRECTORY: u64 = 4;

/// Which file something is.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) device: [u32; 2],
    pub(super) inode: u64,
}

/// What tells a file from another, and from itself after a change.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) place: Place,
    pub(super) size: u64,
    /// Seconds and nanoseconds.
    pub(super) modified: [i64; 2],
    pub(super) changed: [i64; 2],
}

/// How far a child came.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Report {
    /// The number of a [`Step`]: the one that failed.
    pub(super) step: u32,
    /// What the kernel said.
    pub(super) errno: i32,
    /// Which of the limits it was.
    pub(super) limit: u32,
    /// If none has failed: the most memory, in KiB, that the gate had up to now. To the kernel, the child had it, too.
    pub(super) peak: u32,
}

/// The memory that a child takes of the gate's for its start, in bytes.
pub(super) const ARENA: usize = 128 * 1024;

/// What follows a request takes no more than that if it is not larger than this, with the size of a pointer for each string, and
/// for the end of the arguments and of the environment. Otherwise it takes as much more.
pub(super) const SMALL: usize = 60 * 1024;

/// A child that waits for a request, or one that there was none of. With the first come its pidfd and its socket.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offer {
    /// The child's number, to the host.
    pub(super) pid: i32,
    pub(super) report: Report,
}

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident,)*) => {
        /// What a child does, in this order.
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Step {
            $($(#[$doc])* $step,)*
        }

        impl Step {
            #[allow(dead_code, reason = "only the host reads reports")]
            pub(super) const ALL: &[Step] = &[$(Step::$step,)*];
        }
    };
}

steps! {
    /// None has failed.
    None,
    Clone,
    Session,
    FirstProcess,
    Seccomp,
    Landlock,
    Descriptors,
    ControlGroup,
    Stdio,
    Program,
    WorkingDirectory,
    CloseDescriptors,
    Limit,
    SignalMask,
    Exec,
}
