//! Limits that hold for a whole tree of processes together.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::{BorrowedHandle, sys};

/// What the processes of one [`ControlGroup`] may use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeLimits {
    /// Bytes of memory: what the processes hold, and what the kernel keeps for them, files in its cache included. They get no
    /// swap besides. Past it the kernel kills all of them at once: see [`ControlGroup::oom_killed`]. A confined child is not started
    /// where there is not as much as its arguments and 1 MiB. None is no limit.
    pub memory: Option<u64>,
    /// Processes and threads. Past it, starting one more fails (`EAGAIN`). All that run in the group count, also those that
    /// only start the child or look after it. None is no limit.
    pub processes: Option<u64>,
}

/// The place where this process may make control groups with limits: a directory of cgroup v2 that was delegated to it. See
/// cgroups(7) and the kernel's `Documentation/admin-guide/cgroup-v2.rst`.
#[derive(Debug)]
pub struct ControlGroups(sys::ControlGroups);

impl ControlGroups {
    /// Looks for the place: the control group of this process, and the one above it, which is where systemd's
    /// `DelegateSubgroup=` leads. It is found by really making a group with limits there, and removing it. Where the controllers
    /// `memory` and `pids` are there to be handed on and were not yet, they are. This process stays in the group it is in.
    ///
    /// Groups that hosts left behind which ended without a chance to remove them are removed, and what still runs in them is
    /// killed.
    ///
    /// Under systemd, only groups that it delegated are looked at: all others are its own, even where it would be possible to
    /// write there.
    ///
    /// # Ambient Authority
    ///
    /// The mount of cgroup v2 is found through `/proc`, with all of the host's rights.
    ///
    /// # Errors
    ///
    /// [`NoControlGroups`] says what is missing, and how to get it.
    pub fn find() -> Result<ControlGroups, NoControlGroups> {
        sys::ControlGroups::find().map(ControlGroups)
    }

    /// The directory that groups are made in.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes a group with these limits.
    ///
    /// # Errors
    ///
    /// What the system says: it has a limit on groups, too (`cgroup.max.descendants`, which is `EAGAIN`), or the place was taken
    /// away meanwhile.
    pub fn create(&self, limits: TreeLimits) -> io::Result<ControlGroup> {
        self.0.create(limits).map(ControlGroup)
    }
}

/// A control group for one tree of processes. It is made empty; processes enter it by themselves, through
/// [`procs`](Self::procs), and what they start is in it, too. They cannot leave it without the right to write where it was made.
///
/// # Drop
///
/// Dropping it kills what is in it and removes it. The drop itself does not wait: a group whose processes take their time to die
/// is removed by a thread of this crate when they have.
#[derive(Debug)]
pub struct ControlGroup(pub(crate) sys::ControlGroup);

impl ControlGroup {
    /// The group's `cgroup.procs`, open for writing: a process that writes `0` to it enters the group.
    pub fn procs(&self) -> BorrowedHandle<'_> {
        self.0.procs()
    }

    /// The directory of the group.
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// Kills all processes in the group. One with none is a success.
    ///
    /// # Errors
    ///
    /// What the system says; [`io::ErrorKind::Unsupported`] before Linux 5.14.
    pub fn kill(&self) -> io::Result<()> {
        self.0.kill()
    }

    /// Whether processes of the group were killed because it reached its own limit of memory. That the whole system, or a group
    /// above, ran out of memory is not this.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn oom_killed(&self) -> io::Result<bool> {
        self.0.oom_killed()
    }
}

/// What is missing for control groups, in the order in which it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ControlGroupNeed {
    /// A system that has them.
    Platform,
    /// A mount of cgroup v2 that shows the group of this process.
    Mount,
    /// A group that was given to this process to make others in.
    Delegation,
    /// The controllers `memory` and `pids`.
    Controllers,
    /// A group without processes of its own, for only such a one can limit those below it.
    Subgroup,
    /// That a group can be made, and limited.
    Group,
}

impl fmt::Display for ControlGroupNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ControlGroupNeed::Platform => "a system with control groups",
            ControlGroupNeed::Mount => "a mount of cgroup v2 with the group of this process",
            ControlGroupNeed::Delegation => "a control group that was delegated to this process",
            ControlGroupNeed::Controllers => "the controllers `memory` and `pids` of cgroup v2",
            ControlGroupNeed::Subgroup => "a delegated control group without processes of its own",
            ControlGroupNeed::Group => "a control group with limits",
        })
    }
}

/// Trees of processes cannot be limited by control groups. `Display` says what is missing and how to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoControlGroups {
    pub(crate) need: ControlGroupNeed,
    pub(crate) path: Option<PathBuf>,
    pub(crate) errno: Option<i32>,
    pub(crate) help: String,
}

impl NoControlGroups {
    /// What is missing.
    pub fn need(&self) -> ControlGroupNeed {
        self.need
    }

    /// The control group it was looked for in, if one could be.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The system's number of the error, where the system was the one to refuse.
    pub fn errno(&self) -> Option<i32> {
        self.errno
    }

    /// What would bring it.
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for NoControlGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "for limits of whole trees this is missing: {}", self.need)?;
        if let Some(path) = &self.path {
            write!(f, " at {}", path.display())?;
        }
        if let Some(errno) = self.errno {
            write!(f, ": {}", io::Error::from_raw_os_error(errno))?;
        }
        match self.help.is_empty() {
            true => Ok(()),
            false => write!(f, "; {}", self.help),
        }
    }
}

impl std::error::Error for NoControlGroups {}
