//! What a child may see and reach, and the profile that the system holds it to.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::{OwnedHandle, sys};

/// Where every confined child sees the host's programs and libraries, read-only, unless they are hidden. What is a link on the
/// host is the same link inside.
pub const PROGRAMS: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// How a child is confined. Each holds all that it says or a [`Profile`] is not built: nothing is left out in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Namespaces of its own, with a root that shows nothing but what it was given, and on top of them Landlock, a filter of
    /// system calls, no capability, and a first process that ends with the child and ends all that the child started.
    Full,
    /// The host's namespaces and the host's paths. Landlock and the filter decide what it reaches; it cannot leave its process
    /// group, which is ended with it. For systems without user namespaces.
    Reduced,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tier::Full => "full",
            Tier::Reduced => "reduced",
        })
    }
}

/// What a child reaches of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Network {
    /// Nothing of the host's. In the full tier it has a loopback interface that it shares with the children of its profile.
    #[default]
    None,
    /// TCP connections to these ports, of any address, in the host's network. Nothing else: no UDP, so no name is resolved
    /// over it, and nobody can connect to the child.
    Connect(Vec<u16>),
    /// The host's.
    Host,
}

/// A directory that a child may work in.
#[derive(Debug)]
pub struct Directory {
    /// The directory. It is this one that the child sees, whatever happens to paths.
    pub source: OwnedHandle,
    /// Where the child sees it, in the full tier: an absolute path without `.` and `..`, not the root, and not in `/proc` or
    /// `/dev`. In the reduced tier it sees it where the host does.
    pub target: PathBuf,
    /// Whether it may change what is in it.
    pub writable: bool,
}

/// What a child may see and reach. [`build`](Confinement::build) makes a [`Profile`] of it.
///
/// # What a child sees besides
///
/// In the full tier, read-only: `/usr`, `/bin`, `/sbin`, `/lib*`; of `/etc` the loader's cache and configuration,
/// `alternatives`, certificates, locale and time-zone data; a `/etc/passwd` and `/etc/group` that know its own user and nobody
/// else; with the host's network, what resolves names. `/dev` holds `null`, `zero`, `full`, `random`, `urandom` and `tty`, and
/// the links `fd`, `stdin`, `stdout`, `stderr` and `shm`. `/tmp` is its own, and empty. `/proc` shows its own processes. In the
/// reduced tier it sees the host's files of these, no `/tmp`, and of `/proc` what says nothing of processes.
#[derive(Debug)]
pub struct Confinement {
    /// The tier.
    pub tier: Tier,
    /// The directories it may work in. For each that is writable a profile keeps a descriptor, and each room of it uses one more
    /// while it is made.
    pub directories: Vec<Directory>,
    /// Further files and directories of the host that it sees at their own paths, read-only. Absolute.
    pub read: Vec<PathBuf>,
    /// Of what it sees besides the directories, what it does not see. Absolute. A link within what it sees is hidden by hiding
    /// what it leads to. In the reduced tier, only whole entries of what it sees by default, or of `read`, can be hidden.
    pub hide: Vec<PathBuf>,
    /// The network.
    pub network: Network,
    /// Whether it may use Unix sockets by path or by name. A socket of a host's service in one of its directories is then
    /// reachable. Pairs of connected sockets (socketpair(2)) are always allowed, but for those for datagrams.
    pub unix_sockets: bool,
    /// The size of its `/tmp`, in bytes.
    pub tmp: u64,
}

impl Confinement {
    /// A child in this tier that sees no directory, has no network, and 256 MiB of `/tmp`.
    pub fn new(tier: Tier) -> Confinement {
        Confinement {
            tier,
            directories: Vec::new(),
            read: Vec::new(),
            hide: Vec::new(),
            network: Network::None,
            unix_sockets: false,
            tmp: 256 << 20,
        }
    }

    /// Makes the profile: some milliseconds, once. What can be made beforehand is; children enter it.
    ///
    /// # Ambient Authority
    ///
    /// The paths are resolved with all of the host's rights.
    ///
    /// # Errors
    ///
    /// [`ConfineError`] says what the system does not give, or which path cannot be shown.
    pub fn build(&self) -> Result<Profile, ConfineError> {
        sys::Profile::build(self).map(Profile)
    }
}

/// A confinement that children can be started in, with [`Command::confine`](crate::Command::confine).
///
/// Its namespaces are held by descriptors. From the first child on, a few small processes stand by for the next ones, until the
/// profile and all children are dropped, or the host ends or executes another program (execve(2); where a copy of the host goes
/// on, that is not seen). Children of one profile share the network namespace, so the loopback interface; each has its own
/// processes, `/tmp` and `/proc`.
///
/// A host may make a copy of itself (fork(2), as daemons do) between the building of a profile and the first child. Later the
/// profile is for the process that started that child alone: what stands by watches over that one, and the kernel takes it for
/// the parent of all children.
#[derive(Debug)]
pub struct Profile(pub(crate) sys::Profile);

impl Profile {
    /// The tier.
    pub fn tier(&self) -> Tier {
        self.0.tier()
    }

    /// Whether its children have a `/proc` of their own. The kernel forbids a new one where the host's is covered in part, as in
    /// many containers. In the reduced tier they have none.
    pub fn has_proc(&self) -> bool {
        self.0.has_proc()
    }
}

/// What a profile takes, in the order in which it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// A system that confinement is written for: Linux on x86-64 or AArch64.
    Platform,
    /// Landlock, with the rights that the tier takes.
    Landlock,
    /// A filter of system calls.
    Seccomp,
    /// A first process that can be executed from memory.
    Init,
    /// Memory and a process to build it with.
    Builder,
    /// A user namespace.
    UserNamespace,
    /// A user and a group in that namespace.
    Identity,
    /// Namespaces of mounts, network, System V IPC, host name and control groups.
    Namespaces,
    /// A network interface that goes nowhere.
    Loopback,
    /// A directory that the child may work in.
    Directory,
    /// A root, with what the child sees.
    Root,
    /// A system of files at some path below it.
    Mount,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Platform => "a system that confinement is written for",
            Need::Landlock => "Landlock",
            Need::Seccomp => "a filter of system calls (seccomp)",
            Need::Init => "a first process from memory (memfd_create)",
            Need::Builder => "a process to build the profile with",
            Need::UserNamespace => "a user namespace",
            Need::Identity => "a user in the user namespace",
            Need::Namespaces => "namespaces for mounts, network, IPC, host name and control groups",
            Need::Loopback => "a loopback interface",
            Need::Directory => "the directory",
            Need::Root => "a root directory",
            Need::Mount => "showing",
        })
    }
}

/// A profile cannot be built. `Display` says what is missing and how to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfineError {
    pub(crate) need: Need,
    pub(crate) path: Option<PathBuf>,
    pub(crate) errno: Option<i32>,
    pub(crate) help: String,
}

impl ConfineError {
    /// What is missing.
    pub fn need(&self) -> Need {
        self.need
    }

    /// The path it is about, if it is about one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The system's number of the error, where the system was the one to refuse.
    pub fn errno(&self) -> Option<i32> {
        self.errno
    }

    /// What would bring it. Empty where nothing is known.
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for ConfineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.need)?;
        if let Some(path) = &self.path {
            write!(f, " {}", path.display())?;
        }
        match self.errno {
            Some(errno) => write!(f, " is not to be had: {}", io::Error::from_raw_os_error(errno))?,
            None => f.write_str(" is not to be had")?,
        }
        match self.help.is_empty() {
            true => Ok(()),
            false => write!(f, "; {}", self.help),
        }
    }
}

impl std::error::Error for ConfineError {}
