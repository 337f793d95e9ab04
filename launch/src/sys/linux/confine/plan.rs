//! What the root of a profile is made of: a list of steps, written by the host, followed by the builder.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use linux_raw_sys::general::{MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY};
use rustix::process::{getegid, geteuid};

use super::missing;
use crate::{ConfineError, Confinement, Need, Network, PROGRAMS};

/// What programs need to be loaded, to check certificates, to know language and time zone, and what is called by which number
/// or name everywhere. Keys of the host (`/etc/ssl/private`) are not among it.
pub(super) const CONFIGURATION: &[&str] = &[
    "/etc/alternatives",
    // Where the links in `/etc/ssl` lead, on Arch and on openSUSE.
    "/etc/ca-certificates/extracted",
    "/var/lib/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/locale.alias",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
];

/// What resolves names, where the child has the host's network.
const RESOLVER: &[&str] = &[
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
];

/// What a child with this network is shown for that.
pub(super) fn resolver(network: &Network) -> &'static [&'static str] {
    match network {
        Network::None => &[],
        Network::Connect(_) | Network::Host => RESOLVER,
    }
}

pub(super) const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
];

const LINKS: &[(&str, &str)] = &[
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/etc/mtab", "/proc/self/mounts"),
    // What POSIX semaphores and shared memory are made in.
    ("/dev/shm", "/tmp"),
    ("/var/tmp", "/tmp"),
];

/// What a child's host is named, to it.
pub(super) const HOST_NAME: &str = "childproof";

/// Whom a root host's child is, to itself.
const UNPRIVILEGED: u32 = 1000;

/// What the builder is to do.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) uid_map: CString,
    pub(super) gid_map: CString,
    pub(super) steps: Vec<Step>,
    /// The options of the child's own `/tmp`. Empty where one of its directories has that name.
    pub(super) tmp_options: CString,
    pub(super) below_tmp: Vec<BelowTmp>,
    /// What a child could read in `/proc`, and is not to: see [`of_the_machine`].
    pub(super) covered: Vec<CString>,
}

/// One step. Paths are relative to the new root.
#[derive(Debug)]
pub(super) enum Step {
    Directory(CString),
    File(CString, Vec<u8>),
    /// A symbolic link: its path, and what it says.
    Link(CString, CString),
    /// Shows a file or a directory, with all that is mounted below it.
    Show {
        source: Source,
        target: CString,
        attributes: u64,
    },
    /// Covers a directory with an empty one.
    Cover(CString),
}

#[derive(Debug)]
pub(super) enum Source {
    /// A path of the host.
    Path(CString),
    /// One of the confinement's directories, by its place in the list.
    Directory(usize),
}

/// Something that is shown below `/tmp`, which each child has anew: it is shown there again. Paths are relative to `/tmp`.
#[derive(Debug)]
pub(super) struct BelowTmp {
    pub(super) path: CString,
    /// The directories that lead to it, itself included unless it is a file.
    pub(super) directories: Vec<CString>,
    pub(super) is_file: bool,
}

pub(super) fn plan(confinement: &Confinement) -> Result<Plan, ConfineError> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let inside = |id: u32| if id == 0 { UNPRIVILEGED } else { id };
    let mut root = Root::new(confinement);
    root.system()?;
    root.accounts(inside(uid), inside(gid))?;
    root.read()?;
    root.covers()?;
    root.directories()?;
    let has_own_tmp = !root.shown.iter().any(|shown| shown.target == Path::new("/tmp"));
    let inodes = (confinement.tmp / 4096).clamp(1024, 1 << 20);
    let tmp_options = match has_own_tmp {
        true => format!("mode=1777,size={},nr_inodes={inodes}", confinement.tmp),
        false => String::new(),
    };
    let below_tmp = if has_own_tmp { root.below_tmp()? } else { Vec::new() };
    Ok(Plan {
        uid_map: string(format!("{} {uid} 1", inside(uid)))?,
        gid_map: string(format!("{} {gid} 1", inside(gid)))?,
        steps: root.steps,
        tmp_options: string(tmp_options)?,
        below_tmp,
        covered: of_the_machine(uid == 0)?,
    })
}

/// A root in the making.
struct Root<'a> {
    confinement: &'a Confinement,
    steps: Vec<Step>,
    /// The directories and files that it has of its own.
    made: BTreeSet<PathBuf>,
    /// The links that it has of its own, and what they say.
    links: BTreeMap<PathBuf, PathBuf>,
    shown: Vec<Shown>,
}

struct Shown {
    target: PathBuf,
    is_file: bool,
    /// What the host finds by this path without links, if it is shown by a path.
    found: Option<PathBuf>,
}

impl<'a> Root<'a> {
    fn new(confinement: &'a Confinement) -> Root<'a> {
        Root {
            confinement,
            steps: Vec::new(),
            made: BTreeSet::from([PathBuf::from("/")]),
            links: BTreeMap::new(),
            shown: Vec::new(),
        }
    }

    fn is_hidden(&self, path: &Path) -> bool {
        self.confinement.hide.iter().any(|hidden| path.starts_with(hidden))
    }

    /// What every root has: programs, configuration, devices, and places for `/proc` and `/tmp`.
    fn system(&mut self) -> Result<(), ConfineError> {
        for place in ["/proc", "/tmp", "/dev", "/etc", "/var"] {
            self.make_directory(Path::new(place))?;
        }
        for path in PROGRAMS.iter().chain(CONFIGURATION) {
            self.show_if_there(Path::new(path))?;
        }
        for path in resolver(&self.confinement.network) {
            // Commonly a link to a place that is not shown.
            let (path, found) = (Path::new(path), Path::new(path).canonicalize());
            if let (Ok(found), false) = (found, self.is_hidden(path)) {
                self.show(Source::Path(c_path(&found)?), path, true, READ_ONLY)?;
            }
        }
        for device in DEVICES.iter().map(Path::new).filter(|device| device.exists()) {
            self.show(Source::Path(c_path(device)?), device, true, DEVICE)?;
        }
        for (link, target) in LINKS {
            self.make_link(Path::new(link), Path::new(target))?;
        }
        Ok(())
    }

    /// Who the child is, for programs that look for its name.
    fn accounts(&mut self, uid: u32, gid: u32) -> Result<(), ConfineError> {
        let passwd = format!(
            "childproof:x:{uid}:{gid}:childproof:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        );
        let group = format!("childproof:x:{gid}:\nnogroup:x:65534:\n");
        self.make_file(Path::new("/etc/passwd"), passwd.into_bytes())?;
        self.make_file(Path::new("/etc/group"), group.into_bytes())?;
        if self.confinement.network == Network::None {
            let hosts = format!("127.0.0.1 localhost {HOST_NAME}\n::1 localhost\n");
            self.make_file(Path::new("/etc/hosts"), hosts.into_bytes())?;
            let services = b"passwd: files\ngroup: files\nhosts: files\n".to_vec();
            self.make_file(Path::new("/etc/nsswitch.conf"), services)?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), ConfineError> {
        for path in sorted(&self.confinement.read) {
            if self.is_hidden(path) {
                continue;
            }
            if !path.is_absolute() {
                return Err(ConfineError {
                    need: Need::Mount,
                    path: Some(path.clone()),
                    errno: None,
                    help: "it is shown at its own path; give an absolute one".to_owned(),
                });
            }
            let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
            self.show(Source::Path(c_path(path)?), path, !metadata.is_dir(), READ_ONLY)?;
        }
        Ok(())
    }

    /// Covers what is hidden, wherever it is seen in something that is shown. A link is covered by what it leads to.
    fn covers(&mut self) -> Result<(), ConfineError> {
        let entries = PROGRAMS.iter().chain(CONFIGURATION).chain(RESOLVER).map(Path::new);
        let entries: BTreeSet<&Path> = entries
            .chain(self.confinement.read.iter().map(PathBuf::as_path))
            .collect();
        for path in sorted(&self.confinement.hide) {
            // A whole entry was left out.
            if entries.contains(path.as_path()) {
                continue;
            }
            // What is not there on the host is not there inside.
            let Ok(found) = path.canonicalize() else { continue };
            let is_directory = found.is_dir();
            for place in self.places_of(&found) {
                if is_directory {
                    self.steps.push(Step::Cover(relative(&place)?));
                } else {
                    self.show(Source::Path(c"/dev/null".to_owned()), &place, true, READ_ONLY)?;
                }
            }
        }
        Ok(())
    }

    /// Where a child sees what the host finds by this path without links.
    fn places_of(&self, found: &Path) -> Vec<PathBuf> {
        let place = |shown: &Shown| match found.strip_prefix(shown.found.as_ref()?) {
            Ok(rest) if rest.as_os_str().is_empty() => Some(shown.target.clone()),
            Ok(rest) => Some(shown.target.join(rest)),
            Err(_) => None,
        };
        self.shown.iter().filter_map(place).collect()
    }

    fn directories(&mut self) -> Result<(), ConfineError> {
        let mut directories: Vec<_> = self.confinement.directories.iter().enumerate().collect();
        directories.sort_by_key(|(_, directory)| depth(&directory.target));
        for (index, directory) in directories {
            let target = &directory.target;
            if !may_hold_a_directory(target) {
                return Err(ConfineError {
                    need: Need::Directory,
                    path: Some(target.clone()),
                    errno: None,
                    help: "a confined child can be shown a directory under any absolute name but `/`, and not in /proc or \
                           /dev; give it another name"
                        .to_owned(),
                });
            }
            let attributes = if directory.writable { WRITABLE } else { READ_ONLY };
            self.show(Source::Directory(index), target, false, attributes)?;
        }
        Ok(())
    }

    fn show_if_there(&mut self, path: &Path) -> Result<(), ConfineError> {
        if self.is_hidden(path) {
            return Ok(());
        }
        match fs::symlink_metadata(path) {
            // Every mount costs every child, so what is small is copied.
            Ok(metadata) if metadata.is_file() && metadata.len() <= COPIED => {
                let content = fs::read(path).map_err(|error| unreadable(path, &error))?;
                self.make_file(path, content)
            }
            Ok(metadata) if metadata.is_symlink() => match fs::read_link(path) {
                Ok(target) => self.make_link(path, &target),
                Err(error) => Err(unreadable(path, &error)),
            },
            Ok(metadata) => self.show(Source::Path(c_path(path)?), path, !metadata.is_dir(), READ_ONLY),
            Err(_) => Ok(()),
        }
    }

    fn show(&mut self, source: Source, target: &Path, is_file: bool, attributes: u64) -> Result<(), ConfineError> {
        let target = &*self.without_links(target);
        let found = match &source {
            Source::Path(path) => fs::canonicalize(OsStr::from_bytes(path.to_bytes())).ok(),
            Source::Directory(_) => None,
        };
        if is_file && !self.is_below_shown(target) {
            if !self.made.contains(target) {
                self.make_file(target, Vec::new())?;
            }
        } else {
            self.make_directory(target)?;
        }
        self.steps.push(Step::Show {
            source,
            target: relative(target)?,
            attributes,
        });
        self.shown.push(Shown {
            target: target.to_owned(),
            is_file,
            found,
        });
        Ok(())
    }

    /// The path, with what the root's own links on the way say in their place: nothing can be made through a link.
    fn without_links(&self, path: &Path) -> PathBuf {
        let mut path = path.to_owned();
        // None of them leads to another for long.
        for _ in 0..8 {
            let link = path
                .ancestors()
                .skip(1)
                .find_map(|way| Some((way, self.links.get(way)?)));
            let Some((link, target)) = link else { break };
            let above = link.parent().unwrap_or(Path::new("/"));
            path = match path.strip_prefix(link) {
                Ok(rest) => above.join(target).join(rest),
                Err(_) => break,
            };
        }
        path
    }

    /// Whether a place lies in something that is shown: nothing is made there, because it would be made on the host.
    fn is_below_shown(&self, path: &Path) -> bool {
        self.shown.iter().any(|shown| path.starts_with(&shown.target))
    }

    /// Makes a directory and those that lead to it, where the root is its own.
    fn make_directory(&mut self, path: &Path) -> Result<(), ConfineError> {
        let mut ways: Vec<&Path> = path.ancestors().collect();
        ways.reverse();
        for way in ways {
            if self.is_below_shown(way) {
                return Ok(());
            }
            if self.made.insert(way.to_owned()) {
                self.steps.push(Step::Directory(relative(way)?));
            }
        }
        Ok(())
    }

    fn make_link(&mut self, path: &Path, target: &Path) -> Result<(), ConfineError> {
        if let Some(parent) = path.parent() {
            self.make_directory(parent)?;
        }
        // What is to be shown at the very place comes there.
        let mut shown = self.confinement.directories.iter().map(|directory| &directory.target);
        if shown.any(|shown| shown == path) || self.confinement.read.iter().any(|read| read == path) {
            return Ok(());
        }
        if self.links.insert(path.to_owned(), target.to_owned()).is_none() {
            self.steps.push(Step::Link(relative(path)?, c_path(target)?));
        }
        Ok(())
    }

    fn make_file(&mut self, path: &Path, content: Vec<u8>) -> Result<(), ConfineError> {
        if let Some(parent) = path.parent() {
            self.make_directory(parent)?;
        }
        if self.made.insert(path.to_owned()) {
            self.steps.push(Step::File(relative(path)?, content));
        }
        Ok(())
    }

    /// What is shown below `/tmp` and not below something else there, which brings it along.
    fn below_tmp(&self) -> Result<Vec<BelowTmp>, ConfineError> {
        let tmp = Path::new("/tmp");
        let below: Vec<_> = self
            .shown
            .iter()
            .filter(|shown| shown.target.starts_with(tmp))
            .collect();
        let is_top = |shown: &&&Shown| {
            let above = |other: &&Shown| other.target != shown.target && shown.target.starts_with(&other.target);
            !below.iter().any(above)
        };
        let top = below.iter().filter(is_top);
        top.map(|shown| {
            let mut ways: Vec<&Path> = shown.target.ancestors().take_while(|way| *way != tmp).collect();
            ways.reverse();
            if shown.is_file {
                ways.pop();
            }
            let relative = |path: &Path| c_path(path.strip_prefix(tmp).unwrap_or(path));
            Ok(BelowTmp {
                path: relative(&shown.target)?,
                directories: ways.into_iter().map(relative).collect::<Result<_, _>>()?,
                is_file: shown.is_file,
            })
        })
        .collect()
    }
}

/// Files up to this size, in bytes, are copied.
const COPIED: u64 = 1 << 20;

const WRITABLE: u64 = (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV) as u64;
const READ_ONLY: u64 = WRITABLE | MOUNT_ATTR_RDONLY as u64;
/// A device can be written to on a mount that is read-only; its node, which is the host's, cannot be changed there.
const DEVICE: u64 = (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC) as u64;

/// What a child is not to read in `/proc`: the keys that the host's user has, and, where the host is root, what only root may
/// read about the whole machine: such a child is not root to itself, and the kernel takes it for the owner all the same. What
/// takes a capability besides is left as it is.
fn of_the_machine(is_root: bool) -> Result<Vec<CString>, ConfineError> {
    let mut files: Vec<PathBuf> = ["/proc/key-users", "/proc/keys"].map(PathBuf::from).into();
    if is_root {
        for_root_alone(Path::new("/proc"), &mut files);
    }
    files.iter().map(|path| c_path(path)).collect()
}

/// Files of a directory, and of those below; of `/proc` itself only of `sys`.
fn for_root_alone(directory: &Path, files: &mut Vec<PathBuf>) {
    const TAKES_A_CAPABILITY: &[&str] = &["kcore", "kmsg"];
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.filter_map(Result::ok) {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            if entry.path().starts_with("/proc/sys") {
                for_root_alone(&entry.path(), files);
            }
        } else if metadata.is_file()
            && metadata.mode() & 0o444 == 0o400
            && !TAKES_A_CAPABILITY.iter().any(|name| entry.file_name() == *name)
        {
            files.push(entry.path());
        }
    }
}

fn may_hold_a_directory(target: &Path) -> bool {
    let is_plain = target.is_absolute()
        && target
            .components()
            .skip(1)
            .all(|component| matches!(component, Component::Normal(_)));
    let reserved = ["/proc", "/dev"];
    is_plain && target.parent().is_some() && !reserved.iter().any(|reserved| target.starts_with(reserved))
}

fn depth(path: &Path) -> usize {
    path.components().count()
}

/// What leads to others before those.
fn sorted(paths: &[PathBuf]) -> Vec<&PathBuf> {
    let mut paths: Vec<_> = paths.iter().collect();
    paths.sort_by_key(|path| depth(path));
    paths
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfineError {
    ConfineError {
        need: Need::Mount,
        path: Some(path.to_owned()),
        errno: error.raw_os_error(),
        help: String::new(),
    }
}

fn relative(path: &Path) -> Result<CString, ConfineError> {
    c_path(path.strip_prefix("/").unwrap_or(path))
}

fn c_path(path: &Path) -> Result<CString, ConfineError> {
    c_string(path.as_os_str())
}

fn string(text: String) -> Result<CString, ConfineError> {
    c_string(OsStr::new(&text))
}

fn c_string(text: &OsStr) -> Result<CString, ConfineError> {
    // A path with a NUL names nothing.
    CString::new(text.as_bytes()).map_err(|_| ConfineError {
        path: Some(PathBuf::from(text)),
        ..missing(Need::Mount, rustix::io::Errno::INVAL)
    })
}
