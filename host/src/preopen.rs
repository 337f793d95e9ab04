//! The directories a guest was given, and whether something lies inside of one.
//!
//! The kernel decides, with descriptors and `openat2(2)`: no path of the host is compared as text.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use childproof_launch::Directory as Shown;
use rustix::fs::{Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat};
use rustix::io::Errno;
use rustix_linux_procfs::proc_self_fd;

use crate::error::Error;
use crate::policy::{PathCheck, place};

/// How deep below a preopen a directory may lie. The kernel's own limit on a path is 4096 bytes.
const DEEPEST: usize = 2048;

/// A directory that a guest was given.
///
/// # Where processes see it
///
/// A process that is confined in the full tier ([`Tier::Full`](crate::policy::Tier::Full), the default) sees the directory by
/// the guest's name: an absolute name is its path, without `.` and empty components; a relative name is taken from `/`, as
/// guests do, so that `data` is `/data`; and a directory whose name is `.` or empty is `/work`. A name with `..`, the name `/`,
/// a name in `/proc` or `/dev`, and two names for one place are refused: see
/// [`ProcessCtxBuilder::preopen`](crate::ProcessCtxBuilder::preopen).
///
/// A process that is confined less sees the host's names.
#[derive(Debug)]
pub struct Preopen {
    guest_path: String,
    place: Option<PathBuf>,
    host_path: PathBuf,
    writable: bool,
    directory: OwnedFd,
    identity: Identity,
}

/// A directory of the host cannot be a preopen.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the directory {}", path.display())]
pub struct OpenPreopenError {
    path: PathBuf,
    source: std::io::Error,
}

/// Which file something is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        let stat = fstat(fd)?;
        Ok(Self {
            device: stat.st_dev,
            inode: stat.st_ino,
        })
    }
}

impl Preopen {
    /// Opens the host's directory `host_path`, which the guest knows as `guest_path`.
    ///
    /// It is the same directory that the embedder gives the guest with `WasiCtxBuilder::preopened_dir`: what is said here
    /// lets processes work in it, it does not show it to the guest.
    ///
    /// # Ambient Authority
    ///
    /// `host_path` is resolved with all of the host's rights.
    ///
    /// # Errors
    ///
    /// When there is no such directory, or it may not be opened.
    pub fn open(
        host_path: impl AsRef<Path>,
        guest_path: impl Into<String>,
        writable: bool,
    ) -> Result<Self, OpenPreopenError> {
        let failed = |source| OpenPreopenError {
            path: host_path.as_ref().to_owned(),
            source,
        };
        let canonical = host_path.as_ref().canonicalize().map_err(failed)?;
        let open = || {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let directory = openat(rustix::fs::CWD, &canonical, flags, Mode::empty())?;
            let identity = Identity::of(directory.as_fd())?;
            Ok((directory, identity))
        };
        let (directory, identity) = open().map_err(|errno: Errno| failed(errno.into()))?;
        let guest_path = guest_path.into();
        Ok(Self {
            place: place(&guest_path).ok(),
            guest_path,
            host_path: canonical,
            writable,
            directory,
            identity,
        })
    }

    /// The name the guest knows it by.
    pub fn guest_path(&self) -> &str {
        &self.guest_path
    }

    /// Where a process that is confined in the full tier sees it. None for a name that has no such place.
    pub fn place(&self) -> Option<&Path> {
        self.place.as_deref()
    }

    /// The canonical path on the host.
    pub fn host_path(&self) -> &Path {
        &self.host_path
    }

    /// Whether the guest may write to it.
    pub fn writable(&self) -> bool {
        self.writable
    }

    fn duplicate(&self) -> Result<OwnedFd, Error> {
        rustix::io::fcntl_dupfd_cloexec(&self.directory, 3).map_err(|errno| Error::system("open the directory", errno))
    }

    /// Whether `path`, resolved from here without leaving, is there, or could be created there.
    fn contains(&self, path: &Path) -> bool {
        match open_beneath(self.directory.as_fd(), path, OFlags::PATH) {
            Ok(_) => true,
            Err(Errno::NOENT) => self.could_create(path),
            Err(_) => false,
        }
    }

    fn could_create(&self, path: &Path) -> bool {
        // A name that is there all the same is a symbolic link to nowhere: to create what it names may be to leave.
        let is_there = open_beneath(self.directory.as_fd(), path, OFlags::PATH | OFlags::NOFOLLOW).is_ok();
        let parent = match (path.parent(), path.components().next_back()) {
            (Some(parent), Some(Component::Normal(_))) if parent.as_os_str().is_empty() => Path::new("."),
            (Some(parent), Some(Component::Normal(_))) => parent,
            _ => return false,
        };
        !is_there && open_beneath(self.directory.as_fd(), parent, OFlags::PATH | OFlags::DIRECTORY).is_ok()
    }
}

fn open_beneath(directory: BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut attempts = 0;
    loop {
        match openat2(directory, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            // The kernel could not rule out that a rename moved the path outside meanwhile.
            Err(Errno::AGAIN) if attempts < 16 => attempts += 1,
            opened => return opened,
        }
    }
}

/// The preopens of one guest.
#[derive(Debug, Default)]
pub(crate) struct Preopens(Vec<Preopen>);

/// A working directory, and the name of the preopen it lies in.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) directory: OwnedFd,
    /// Empty where the host was told of no preopen that holds it: no policy names that.
    pub(crate) guest_path: String,
}

/// A working directory, as the host and the process have it.
#[derive(Debug)]
pub(crate) struct WorkingDirectory {
    pub(crate) directory: OwnedFd,
    /// Where a process finds it that sees the guest's names.
    pub(crate) inside: Option<PathBuf>,
}

impl Preopens {
    pub(crate) fn push(&mut self, preopen: Preopen) {
        self.0.push(preopen);
    }

    /// Says why a preopen cannot be shown beside the others, to processes that see the guest's names.
    pub(crate) fn check_beside(&self, preopen: &Preopen) -> Result<(), String> {
        let Some(place) = preopen.place() else {
            return Ok(());
        };
        for other in &self.0 {
            let Some(its_place) = other.place() else { continue };
            if place == its_place {
                return Err(format!(
                    "to a process this name and {:?} are the same place, {}; give one of them another name, as in HOST::GUEST",
                    other.guest_path,
                    place.display()
                ));
            }
            let nested = [(preopen, place, its_place), (other, its_place, place)]
                .into_iter()
                .find_map(|(outer, place, inner)| Some((outer, inner.strip_prefix(place).ok()?)));
            // What is shown is shown on a directory, and none is made for it in the guest's files.
            if let Some((outer, rest)) = nested
                && open_beneath(outer.directory.as_fd(), rest, OFlags::PATH | OFlags::DIRECTORY).is_err()
            {
                return Err(format!(
                    "{:?} and {:?} lie one in the other, and {} has no directory {} for the inner one; make it, or give one \
                     of them another name, as in HOST::GUEST",
                    preopen.guest_path,
                    other.guest_path,
                    outer.host_path.display(),
                    rest.display()
                ));
            }
        }
        Ok(())
    }

    /// What a confined process is shown: all of them.
    pub(crate) fn shown(&self) -> Result<Vec<Shown>, Error> {
        let shown = self.0.iter().map(|preopen| {
            Ok(Shown {
                source: preopen.duplicate()?,
                target: preopen
                    .place()
                    .map_or_else(|| PathBuf::from(&preopen.guest_path), Path::to_owned),
                writable: preopen.writable,
            })
        });
        shown.collect()
    }

    fn named(&self, guest_path: &str) -> Option<&Preopen> {
        self.0.iter().find(|preopen| preopen.guest_path == guest_path)
    }

    /// `path` below `directory`, without leaving that.
    pub(crate) fn find(&self, directory: BorrowedFd<'_>, path: Option<&str>) -> Result<Found, Error> {
        let path = path.unwrap_or(".");
        if path.contains('\0') {
            return Err(Error::invalid("cwd", "the path holds a NUL"));
        }
        let path = if path.is_empty() { "." } else { path };
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let directory = open_beneath(directory, Path::new(path), flags).map_err(|errno| match errno {
            Errno::NOENT => Error::DirectoryNotFound,
            Errno::NOTDIR => Error::NotADirectory,
            Errno::XDEV => Error::refused("cwd", "the path leaves the directory it starts from"),
            Errno::NAMETOOLONG => Error::invalid("cwd", "the path is too long"),
            Errno::LOOP => Error::invalid("cwd", "the path has too many symbolic links"),
            Errno::ACCESS => Error::refused("cwd", "the host may not enter the directory"),
            other => Error::system("open the working directory", other),
        })?;
        let guest_path = match self.holder(directory.as_fd()) {
            Ok(holder) => holder.map(|preopen| preopen.guest_path.clone()).unwrap_or_default(),
            Err(errno) => return Err(Error::system("look for the preopen of the working directory", errno)),
        };
        Ok(Found { directory, guest_path })
    }

    /// The directory for a process whose guest names none: that preopen, or the first. Where there is none, a process that
    /// sees its own root alone works there, and is given nothing; others work in the host's, which every process can see and
    /// few can write to.
    pub(crate) fn default_directory(
        &self,
        named: Option<&str>,
        has_own_root: bool,
    ) -> Result<Option<WorkingDirectory>, Error> {
        match self.default_preopen(named) {
            Some(preopen) => Ok(Some(WorkingDirectory {
                directory: preopen.duplicate()?,
                inside: preopen.place.clone(),
            })),
            None if named.is_some() => Err(Error::refused("cwd", "the guest has no preopen the grant names")),
            None if has_own_root => Ok(None),
            None => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let root = openat(rustix::fs::CWD, "/", flags, Mode::empty())
                    .map_err(|errno| Error::system("open the root directory", errno))?;
                Ok(Some(WorkingDirectory {
                    directory: root,
                    inside: None,
                }))
            }
        }
    }

    /// The directory for a process whose guest names one.
    pub(crate) fn asked_directory(&self, found: Found, has_own_root: bool) -> Result<WorkingDirectory, Error> {
        let inside = self.named(&found.guest_path).and_then(|preopen| {
            let way = way(preopen.directory.as_fd(), found.directory.as_fd())?;
            Some(join(preopen.place()?, &way))
        });
        match inside.is_none() && has_own_root {
            true => Err(Error::refused(
                "cwd",
                "the directory lies in none of those that processes of this guest are shown",
            )),
            false => Ok(WorkingDirectory {
                directory: found.directory,
                inside,
            }),
        }
    }

    fn default_preopen(&self, named: Option<&str>) -> Option<&Preopen> {
        match named {
            Some(name) => self.named(name),
            None => self.0.first(),
        }
    }

    /// The innermost preopen that `directory` is, or lies in.
    fn holder(&self, directory: BorrowedFd<'_>) -> Result<Option<&Preopen>, Errno> {
        let mut identity = Identity::of(directory)?;
        let mut above: Option<OwnedFd> = None;
        for _ in 0..DEEPEST {
            if let Some(preopen) = self.0.iter().find(|preopen| preopen.identity == identity) {
                return Ok(Some(preopen));
            }
            let here = above.as_ref().map_or(directory, AsFd::as_fd);
            let parent = openat(
                here,
                "..",
                OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )?;
            let of_parent = Identity::of(parent.as_fd())?;
            if of_parent == identity {
                return Ok(None);
            }
            identity = of_parent;
            above = Some(parent);
        }
        Ok(None)
    }
}

/// Where the paths among the arguments of one process lead: relative ones from its working directory, absolute ones by
/// the names that the process sees the preopens by.
pub(crate) struct PathScope<'a> {
    preopens: &'a Preopens,
    /// Whether the process sees the guest's names, or the host's.
    sees_guest_names: bool,
    /// The preopen of the working directory, and the way from there.
    base: Option<(&'a Preopen, PathBuf)>,
}

impl<'a> PathScope<'a> {
    pub(crate) fn new(
        preopens: &'a Preopens,
        sees_guest_names: bool,
        asked: Option<&Found>,
        named: Option<&str>,
    ) -> Self {
        let base = match asked {
            Some(found) => preopens
                .named(&found.guest_path)
                .and_then(|preopen| Some((preopen, way(preopen.directory.as_fd(), found.directory.as_fd())?))),
            None => preopens.default_preopen(named).map(|preopen| (preopen, PathBuf::new())),
        };
        Self {
            preopens,
            sees_guest_names,
            base,
        }
    }

    /// The preopen that an absolute path leads to, and the way from there.
    fn holder<'p>(&self, path: &'p Path) -> Option<(&'a Preopen, &'p Path)> {
        let preopens = self.preopens.0.iter();
        match self.sees_guest_names {
            true => preopens
                .filter_map(|preopen| Some((preopen, path.strip_prefix(preopen.place()?).ok()?)))
                .min_by_key(|(_, way)| way.components().count()),
            // A guest's name means the same to the process only where both agree.
            false => preopens
                .filter(|preopen| Path::new(&preopen.guest_path) == preopen.host_path)
                .find_map(|preopen| Some((preopen, path.strip_prefix(&preopen.host_path).ok()?))),
        }
    }
}

/// A path that ends in no slash for an empty way.
fn join(place: &Path, way: &Path) -> PathBuf {
    place.components().chain(way.components()).collect()
}

/// The way from one directory to another below it, by their names now.
fn way(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let name = |fd: BorrowedFd<'_>| {
        let link = readlinkat(proc_self_fd().ok()?, fd.as_raw_fd().to_string(), Vec::new()).ok()?;
        Some(PathBuf::from(std::ffi::OsString::from_vec(link.into_bytes())))
    };
    name(to)?.strip_prefix(name(from)?).ok().map(Path::to_owned)
}

impl PathCheck for PathScope<'_> {
    fn is_inside_preopen(&self, path: &str) -> bool {
        if path.is_empty() || path.contains('\0') {
            return false;
        }
        let path = Path::new(path);
        if path.is_absolute() {
            return self
                .holder(path)
                .is_some_and(|(preopen, way)| preopen.contains(&or_here(way)));
        }
        self.base
            .as_ref()
            .is_some_and(|(preopen, way)| preopen.contains(&or_here(&way.join(path))))
    }
}

/// The path without a slash at its end, which would make the kernel follow a link in the last place; never empty.
fn or_here(path: &Path) -> PathBuf {
    let path: PathBuf = path.components().collect();
    if path.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    struct Fixture {
        _outside: tempfile::TempDir,
        preopens: Preopens,
        inside: PathBuf,
    }

    fn fixture() -> Fixture {
        let outside = tempfile::tempdir().unwrap();
        let inside = outside.path().join("inside");
        fs::create_dir_all(inside.join("sub/deeper")).unwrap();
        fs::write(inside.join("file"), "").unwrap();
        fs::write(outside.path().join("secret"), "").unwrap();
        symlink("..", inside.join("up")).unwrap();
        symlink("../secret", inside.join("link")).unwrap();
        symlink("../not-yet", inside.join("dangling")).unwrap();
        symlink("sub", inside.join("within")).unwrap();
        let mut preopens = Preopens::default();
        preopens.push(Preopen::open(&inside, "/data", true).unwrap());
        Fixture {
            _outside: outside,
            preopens,
            inside,
        }
    }

    fn open(path: &Path) -> fs::File {
        fs::File::open(path).unwrap()
    }

    #[test]
    fn a_directory_is_found_with_its_preopen() {
        let Fixture { preopens, inside, .. } = &fixture();
        for path in [
            None,
            Some(""),
            Some("."),
            Some("sub/deeper"),
            Some("within"),
            Some("sub/../within"),
        ] {
            let found = preopens.find(open(inside).as_fd(), path).unwrap();
            assert_eq!(found.guest_path, "/data", "{path:?}");
        }
        assert_eq!(
            preopens
                .find(open(&inside.join("sub")).as_fd(), Some("deeper"))
                .unwrap()
                .guest_path,
            "/data"
        );
    }

    #[test]
    fn a_directory_that_cannot_be_one_is_refused_by_its_own_error() {
        let Fixture { preopens, inside, .. } = &fixture();
        let error = |path| preopens.find(open(inside).as_fd(), Some(path)).unwrap_err();
        assert_eq!(error("nowhere"), Error::DirectoryNotFound);
        assert_eq!(error("file"), Error::NotADirectory);
        for path in ["..", "up", "up/inside", "sub/../..", "/", "/etc"] {
            assert!(
                matches!(error(path), Error::Refused(problem) if problem.field == "cwd"),
                "{path}"
            );
        }
        assert!(matches!(error("a\0b"), Error::InvalidArgument(problem) if problem.field == "cwd"));
    }

    #[test]
    fn a_path_among_the_arguments_stays_inside() {
        let Fixture { preopens, inside, .. } = &fixture();
        let found = preopens.find(open(inside).as_fd(), Some("sub")).unwrap();
        let scope = PathScope::new(preopens, true, Some(&found), None);
        for path in ["deeper", "../file", "..", "new", "deeper/new", ".", "../within/deeper"] {
            assert!(scope.is_inside_preopen(path), "{path}");
        }
        for path in [
            "../..",
            "../up",
            "../link",
            "../dangling",
            "../dangling/",
            "../up/secret",
            "missing/new",
            "/etc/passwd",
            "",
            "a\0",
        ] {
            assert!(!scope.is_inside_preopen(path), "{path}");
        }
    }

    #[test]
    fn an_absolute_path_counts_where_guest_and_host_agree() {
        let Fixture { inside, .. } = &fixture();
        let name = inside.canonicalize().unwrap().to_str().unwrap().to_owned();
        let mut preopens = Preopens::default();
        preopens.push(Preopen::open(inside, name.clone(), false).unwrap());
        let scope = PathScope::new(&preopens, false, None, None);
        assert!(scope.is_inside_preopen(&format!("{name}/file")));
        assert!(scope.is_inside_preopen(&name));
        assert!(!scope.is_inside_preopen(&format!("{name}/../secret")));
        assert!(!scope.is_inside_preopen(&format!("{name}x")));
    }
}
