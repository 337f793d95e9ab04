//! Control groups (cgroup v2): where they can be made, and one for each tree.
//!
//! A group's directory is locked (flock(2)) by the host that made it, for as long as it lives. So those that a dead host left
//! are known for certain, whatever its number was and whoever has that now.

mod hierarchy;
mod remover;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{
    Access, AtFlags, CWD, Dir, FlockOperation, Mode, OFlags, accessat, flock, fstat, getxattr, mkdirat, openat,
    unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::{ControlGroupNeed as Need, NoControlGroups, TreeLimits};

/// What a tree is limited by.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];
/// The names of groups: the host's number follows, and a number of the group's own.
const PREFIX: &str = "childproof-";
/// How often a name is tried anew: another host may have the same number, in a pid namespace of its own.
const TRIES: usize = 64;

/// A place for groups.
#[derive(Debug)]
pub(crate) struct ControlGroups {
    path: PathBuf,
    directory: Arc<OwnedFd>,
}

impl ControlGroups {
    pub(crate) fn find() -> Result<ControlGroups, NoControlGroups> {
        let own = hierarchy::own()?;
        if let Some(help) = hierarchy::controllers_elsewhere() {
            return Err(NoControlGroups {
                help,
                ..missing(Need::Controllers, &own.path(), None)
            });
        }
        let parent = own.parent();
        let error = match ControlGroups::at(&own.path()) {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        match parent.map(|parent| ControlGroups::at(&parent)) {
            Some(Ok(found)) => Ok(found),
            // The one that came further is the one to mend.
            Some(Err(of_parent)) if of_parent.need > error.need => Err(of_parent),
            _ => Err(error),
        }
    }

    /// Tries whether groups can be made there.
    fn at(path: &Path) -> Result<ControlGroups, NoControlGroups> {
        let refused = |need: Need, errno: Errno| {
            // Where nothing can be written, something else is missing than what was to be written.
            let need = match errno {
                Errno::ACCESS | Errno::PERM | Errno::ROFS => Need::Delegation,
                _ => need,
            };
            missing(need, path, Some(errno))
        };
        let groups = ControlGroups::open(path).map_err(|errno| refused(Need::Group, errno))?;
        if !is_delegated(&groups.directory, path) {
            return Err(missing(Need::Delegation, path, None));
        }
        accessat(&groups.directory, "cgroup.procs", Access::WRITE_OK, AtFlags::EACCESS)
            .map_err(|errno| refused(Need::Delegation, errno))?;
        groups.enable_controllers(path)?;
        groups.remove_leftovers();
        let limits = TreeLimits {
            memory: Some(1 << 20),
            processes: Some(1),
        };
        match groups.make(limits) {
            Ok(_tried) => Ok(groups),
            Err(errno) => Err(refused(Need::Group, errno)),
        }
    }

    fn open(path: &Path) -> Result<ControlGroups, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(ControlGroups {
            path: path.to_owned(),
            directory: Arc::new(openat(CWD, path, flags, Mode::empty())?),
        })
    }

    /// Hands the controllers on to the groups that will be made.
    fn enable_controllers(&self, path: &Path) -> Result<(), NoControlGroups> {
        let words = |file: &str| read(self.directory.as_fd(), file).unwrap_or_default();
        let has = |words: &str, controller: &str| words.split_whitespace().any(|word| word == controller);
        let enabled = words("cgroup.subtree_control");
        let wanted: Vec<_> = CONTROLLERS
            .into_iter()
            .filter(|controller| !has(&enabled, controller))
            .collect();
        let available = words("cgroup.controllers");
        if wanted.iter().any(|controller| !has(&available, controller)) {
            return Err(missing(Need::Controllers, path, None));
        }
        for controller in wanted {
            let enabled = write(
                self.directory.as_fd(),
                "cgroup.subtree_control",
                &format!("+{controller}"),
            );
            enabled.map_err(|errno| {
                let need = match errno {
                    Errno::ACCESS | Errno::PERM | Errno::ROFS => Need::Delegation,
                    Errno::BUSY => Need::Subgroup,
                    Errno::NOENT => Need::Controllers,
                    _ => Need::Group,
                };
                missing(need, path, Some(errno))
            })?;
        }
        Ok(())
    }

    /// Removes the groups whose hosts are gone.
    fn remove_leftovers(&self) {
        let Ok(entries) = Dir::read_from(&self.directory) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy();
            if is_name_of_group(&name)
                && let Ok(leftover) = Directory::lock(&self.directory, name.into_owned())
            {
                leftover.remove();
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn create(&self, limits: TreeLimits) -> io::Result<ControlGroup> {
        Ok(self.make(limits)?)
    }

    fn make(&self, limits: TreeLimits) -> Result<ControlGroup, Errno> {
        let mut group = self.make_unlimited()?;
        if let Some(memory) = limits.memory {
            group.write("memory.max", &memory.to_string())?;
            // What is swapped out would not count. There is no such file where there is no swap.
            match group.write("memory.swap.max", "0") {
                Err(Errno::NOENT) => {}
                result => result?,
            }
            // One process killed and the rest alive is a tree in a state that nobody planned.
            group.write("memory.oom.group", "1")?;
            group.memory = Some(memory);
        }
        if let Some(processes) = limits.processes {
            group.write("pids.max", &processes.to_string())?;
        }
        Ok(group)
    }

    fn make_unlimited(&self) -> Result<ControlGroup, Errno> {
        let mut refusal = Errno::EXIST;
        for _ in 0..TRIES {
            match self.try_to_make() {
                Ok(group) => return Ok(group),
                // The name is taken, or it was taken for one of a dead host, before it could be locked.
                Err(errno @ (Errno::EXIST | Errno::NOENT | Errno::NODEV | Errno::WOULDBLOCK)) => refusal = errno,
                Err(errno) => return Err(errno),
            }
        }
        Err(refusal)
    }

    fn try_to_make(&self) -> Result<ControlGroup, Errno> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "{PREFIX}{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        mkdirat(&self.directory, &name, Mode::from_raw_mode(0o755))?;
        let directory = Directory::lock(&self.directory, name)?;
        match openat(
            &directory.file,
            "cgroup.procs",
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
        ) {
            Ok(procs) => Ok(ControlGroup {
                above: self.path.clone(),
                directory: Some(directory),
                procs,
                memory: None,
            }),
            Err(errno) => {
                directory.remove();
                Err(errno)
            }
        }
    }
}

/// A group.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    /// Where it was made.
    above: PathBuf,
    /// None only while it is dropped.
    directory: Option<Directory>,
    procs: OwnedFd,
    /// The limit, in bytes.
    memory: Option<u64>,
}

impl ControlGroup {
    /// Its limit of memory, in bytes.
    pub(super) fn memory(&self) -> Option<u64> {
        self.memory
    }

    pub(crate) fn procs(&self) -> BorrowedFd<'_> {
        self.procs.as_fd()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.above
            .join(self.directory.as_ref().map_or("", |directory| &directory.name))
    }

    pub(crate) fn kill(&self) -> io::Result<()> {
        match self.write("cgroup.kill", "1") {
            Err(Errno::NOENT) => Err(io::ErrorKind::Unsupported.into()),
            result => Ok(result?),
        }
    }

    pub(crate) fn oom_killed(&self) -> io::Result<bool> {
        let (true, Some(directory)) = (self.memory.is_some(), &self.directory) else {
            return Ok(false);
        };
        let events = read(directory.file.as_fd(), "memory.events")?;
        // The first counts what this group's limit brought about, the second who was killed, whatever for.
        Ok(value(&events, "oom") > 0 && value(&events, "oom_kill") > 0)
    }

    fn write(&self, file: &str, content: &str) -> Result<(), Errno> {
        match &self.directory {
            Some(directory) => write(directory.file.as_fd(), file, content),
            None => Err(Errno::NODEV),
        }
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        if let Some(directory) = self.directory.take() {
            directory.remove();
        }
    }
}

/// The directory of a group, locked.
#[derive(Debug)]
struct Directory {
    above: Arc<OwnedFd>,
    name: String,
    file: OwnedFd,
}

impl Directory {
    fn lock(above: &Arc<OwnedFd>, name: String) -> Result<Directory, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(above, &name, flags, Mode::empty())?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Directory {
            above: Arc::clone(above),
            name,
            file,
        })
    }

    /// Kills what is in it, and removes it, now or when the last process has ended.
    fn remove(self) {
        if self.try_to_remove() {
            return;
        }
        // Before Linux 5.14 it is left to those who started the processes.
        let _ = write(self.file.as_fd(), "cgroup.kill", "1");
        remover::adopt(self);
    }

    /// Whether it is gone. If not, processes are in it.
    fn try_to_remove(&self) -> bool {
        unlinkat(&self.above, &self.name, AtFlags::REMOVEDIR) != Err(Errno::BUSY)
    }
}

fn is_name_of_group(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    numbers.is_some_and(|(host, group)| is_number(host) && is_number(group))
}

/// Whether the directory is this process' to write to. Where systemd is in charge, all are its own but those that it marked
/// or, for a user, gave away: what others make elsewhere it may take away at any time.
fn is_delegated(directory: &OwnedFd, path: &Path) -> bool {
    if !Path::new("/run/systemd/system").exists() {
        return true;
    }
    let is_marked = |name: &str| {
        let mut mark = [0; 8];
        let length = getxattr(path, name, &mut mark).unwrap_or(0);
        mark.get(..length) == Some(b"1")
    };
    let owner = |directory: &OwnedFd, path: &str| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(directory, path, flags, Mode::empty()).and_then(fstat);
        opened.ok().map(|stat| stat.st_uid)
    };
    let user = geteuid().as_raw();
    let was_given = || user != 0 && owner(directory, ".") == Some(user) && owner(directory, "..") == Some(0);
    is_marked("user.delegate") || is_marked("trusted.delegate") || was_given()
}

fn missing(need: Need, path: &Path, errno: Option<Errno>) -> NoControlGroups {
    NoControlGroups {
        need,
        path: Some(path.to_owned()),
        errno: errno.map(Errno::raw_os_error),
        help: hierarchy::help(need),
    }
}

fn read(directory: BorrowedFd<'_>, file: &str) -> Result<String, Errno> {
    let mut text = String::new();
    let mut file = File::from(openat(
        directory,
        file,
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?);
    match file.read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
    }
}

/// Each write is a command, and is given in one piece.
fn write(directory: BorrowedFd<'_>, file: &str, content: &str) -> Result<(), Errno> {
    let file = openat(directory, file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, content.as_bytes()).map(drop)
}

/// The number that follows a word at the beginning of a line; 0 if there is none.
fn value(lines: &str, key: &str) -> u64 {
    let of_line = |line: &str| line.strip_prefix(key)?.strip_prefix(' ')?.parse().ok();
    lines.lines().find_map(of_line).unwrap_or(0)
}

#[cfg(test)]
mod tests;
