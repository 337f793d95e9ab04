//! Landlock: what a child may do with files, TCP and other processes, decided by the kernel at each access. See
//! landlock(7).
//!
//! In the full tier it stands behind the namespaces, in the reduced tier it is what holds. A child restricts itself, and all
//! that it starts is restricted with it, for ever.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use linux_raw_sys::landlock::{
    LANDLOCK_ACCESS_FS_EXECUTE, LANDLOCK_ACCESS_FS_IOCTL_DEV, LANDLOCK_ACCESS_FS_MAKE_BLOCK,
    LANDLOCK_ACCESS_FS_MAKE_CHAR, LANDLOCK_ACCESS_FS_MAKE_SYM, LANDLOCK_ACCESS_FS_READ_DIR,
    LANDLOCK_ACCESS_FS_READ_FILE, LANDLOCK_ACCESS_FS_REFER, LANDLOCK_ACCESS_FS_TRUNCATE, LANDLOCK_ACCESS_FS_WRITE_FILE,
    LANDLOCK_ACCESS_NET_BIND_TCP, LANDLOCK_ACCESS_NET_CONNECT_TCP, LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET,
    LANDLOCK_SCOPE_SIGNAL,
};
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use rustix::io::{Errno as SystemErrno, fcntl_dupfd_cloexec};

use super::super::raw;
use super::kernel::{self, Ruleset};
use super::missing;
use super::plan::{CONFIGURATION, DEVICES, resolver};
use crate::{ConfineError, Confinement, Directory, Need, Network, PROGRAMS, Tier};

/// The first version that knows signals and abstract sockets (Linux 6.12): without namespaces there is nothing else that
/// keeps a child's signals from the host.
const VERSION_OF_SCOPES: u32 = 6;
/// The first version that knows TCP ports (Linux 6.7).
const VERSION_OF_PORTS: u32 = 4;

/// What each version added, bit by bit.
const ACCESS_BY_VERSION: &[(u32, u32)] = &[
    (1, (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1),
    (2, LANDLOCK_ACCESS_FS_REFER),
    (3, LANDLOCK_ACCESS_FS_TRUNCATE),
    (5, LANDLOCK_ACCESS_FS_IOCTL_DEV),
];

/// Rights that a file can be given.
const OF_FILES: u32 = LANDLOCK_ACCESS_FS_EXECUTE
    | LANDLOCK_ACCESS_FS_WRITE_FILE
    | LANDLOCK_ACCESS_FS_READ_FILE
    | LANDLOCK_ACCESS_FS_TRUNCATE
    | LANDLOCK_ACCESS_FS_IOCTL_DEV;
const TO_READ: u32 = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
/// What belongs to a file of one's own: all but to make devices.
pub(super) const TO_WRITE: u32 =
    !(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_IOCTL_DEV);
const OF_DEVICES: u32 = LANDLOCK_ACCESS_FS_READ_FILE
    | LANDLOCK_ACCESS_FS_WRITE_FILE
    | LANDLOCK_ACCESS_FS_TRUNCATE
    | LANDLOCK_ACCESS_FS_IOCTL_DEV;

/// The rules of a profile.
#[derive(Debug)]
pub(super) enum Rules {
    /// They are about what each child has of its own, and are made for each child.
    Own {
        ruleset: Ruleset,
        /// Directories that it may write to, besides what is in [`INSIDE`].
        writable: Vec<OwnedFd>,
        ports: Vec<u16>,
    },
    /// They are the same for all.
    Shared(OwnedFd),
}

/// The version of Landlock that the kernel has.
pub(super) fn version() -> Result<u32, ConfineError> {
    kernel::landlock_version().map_err(|errno| missing(Need::Landlock, errno))
}

pub(super) fn rules(confinement: &Confinement) -> Result<Rules, ConfineError> {
    let version = version()?;
    let need = match (confinement.tier, &confinement.network) {
        (Tier::Reduced, _) => VERSION_OF_SCOPES,
        (Tier::Full, Network::Connect(_)) => VERSION_OF_PORTS,
        (Tier::Full, _) => 1,
    };
    if version < need {
        return Err(ConfineError {
            need: Need::Landlock,
            path: None,
            errno: None,
            help: format!(
                "the kernel has version {version} of Landlock, and this takes version {need} (Linux 6.7 has 4, 6.12 has 6)"
            ),
        });
    }
    let ruleset = Ruleset {
        files: handled(version).into(),
        network: match (&confinement.network, confinement.tier) {
            (Network::Host, _) | (Network::None, Tier::Full) => 0,
            (Network::Connect(_), _) | (Network::None, Tier::Reduced) => {
                (LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP).into()
            }
        },
        scopes: match version >= VERSION_OF_SCOPES {
            true => (LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL).into(),
            false => 0,
        },
    };
    let ports = match &confinement.network {
        Network::Connect(ports) => ports.clone(),
        Network::None | Network::Host => Vec::new(),
    };
    match confinement.tier {
        Tier::Full => Ok(Rules::Own {
            writable: writable(confinement)?,
            ruleset,
            ports,
        }),
        Tier::Reduced => make(&ruleset, &outside(confinement)?, &ports)
            .map(Rules::Shared)
            .map_err(|errno| missing(Need::Landlock, errno)),
    }
}

/// A ruleset with its rules.
fn make(ruleset: &Ruleset, files: &[(OwnedFd, u32)], ports: &[u16]) -> raw::Result<OwnedFd> {
    let made = kernel::landlock_ruleset(ruleset)?;
    for (place, access) in files {
        allow(&made, ruleset, place.as_fd(), *access)?;
    }
    for port in ports {
        kernel::landlock_allow_port(made.as_fd(), LANDLOCK_ACCESS_NET_CONNECT_TCP.into(), *port)?;
    }
    Ok(made)
}

fn allow(made: &OwnedFd, ruleset: &Ruleset, place: BorrowedFd<'_>, access: u32) -> raw::Result<()> {
    let of_kind = match fstat(place) {
        Ok(stat) if stat.st_mode & libc::S_IFMT == libc::S_IFDIR => u32::MAX,
        _ => OF_FILES,
    };
    kernel::landlock_allow(made.as_fd(), u64::from(access & of_kind) & ruleset.files, place)
}

fn handled(version: u32) -> u32 {
    let known = ACCESS_BY_VERSION.iter().filter(|(since, _)| *since <= version);
    known.fold(0, |all, (_, access)| all | access)
}

/// The rules for a root that shows what may be seen and nothing else: read everything, write where it may be written. What a child
/// finds by these paths are directories, which every root has, and the rights are to all that lies below, too.
pub(super) const INSIDE: &[(&CStr, u32)] = &[(c"/", TO_READ), (c"/dev", OF_DEVICES), (c"/tmp", TO_WRITE)];

/// The directories that the rules of a root let it write to. A rule is about a directory itself, wherever it is shown.
fn writable(confinement: &Confinement) -> Result<Vec<OwnedFd>, ConfineError> {
    let writable = confinement.directories.iter().filter(|directory| directory.writable);
    writable.map(copy).collect()
}

fn copy(directory: &Directory) -> Result<OwnedFd, ConfineError> {
    fcntl_dupfd_cloexec(&directory.source, 3).map_err(|errno| unusable(&directory.target, errno))
}

/// The rules for the host's own root.
fn outside(confinement: &Confinement) -> Result<Vec<(OwnedFd, u32)>, ConfineError> {
    let resolver = resolver(&confinement.network);
    let system = PROGRAMS.iter().chain(CONFIGURATION).chain(resolver).map(PathBuf::from);
    if let Some(path) = confinement.read.iter().find(|path| !path.is_absolute()) {
        return Err(ConfineError {
            help: "it is seen at its own path; give an absolute one".to_owned(),
            ..unusable(path, SystemErrno::INVAL)
        });
    }
    let shown: Vec<PathBuf> = system
        .filter(|path| path.exists())
        .chain(confinement.read.iter().cloned())
        .filter(|path| !confinement.hide.iter().any(|hidden| path.starts_with(hidden)))
        .collect();
    if let Some(hidden) = confinement
        .hide
        .iter()
        .find(|hidden| shown.iter().any(|shown| hidden.starts_with(shown)))
    {
        return Err(ConfineError {
            need: Need::Landlock,
            path: Some(hidden.clone()),
            errno: None,
            help: "in the reduced tier nothing can be hidden in a directory that is shown; hide the whole of it, or use the \
                   full tier"
                .to_owned(),
        });
    }
    let mut files = Vec::new();
    for path in &shown {
        files.push((open(path)?, TO_READ));
    }
    for device in DEVICES.iter().map(Path::new).filter(|device| device.exists()) {
        files.push((open(device)?, OF_DEVICES));
    }
    for directory in &confinement.directories {
        let access = if directory.writable { TO_WRITE } else { TO_READ };
        files.push((copy(directory)?, access));
    }
    // Of processes, a child could read there what is said of all of them, and rules cannot tell its own.
    for file in ["/proc/cpuinfo", "/proc/filesystems", "/proc/meminfo", "/proc/stat"] {
        files.push((open(Path::new(file))?, TO_READ));
    }
    Ok(files)
}

fn open(path: &Path) -> Result<OwnedFd, ConfineError> {
    openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| unusable(path, errno))
}

fn unusable(path: &Path, errno: SystemErrno) -> ConfineError {
    ConfineError {
        path: Some(path.to_owned()),
        ..missing(Need::Landlock, errno)
    }
}
