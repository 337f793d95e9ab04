//! A platform on which programs can be looked at and not yet started.

use std::convert::Infallible;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{
    BorrowedHandle, Command, ConfineError, Confinement, ControlGroupNeed, Exit, Kernel, Need, NoControlGroups, Signal,
    SignalError, SpawnError, SpawnErrorKind, Stage, Tier, TreeLimits, WaitError,
};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    size: u64,
    modified: Option<SystemTime>,
}

impl Identity {
    pub(crate) fn of(metadata: &Metadata) -> Identity {
        Identity {
            size: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }
}

pub(crate) fn open_program(path: &Path) -> io::Result<File> {
    File::open(path)
}

pub(crate) fn is_executable(_path: &Path) -> io::Result<bool> {
    Ok(true)
}

pub(crate) fn spawn(_command: &Command<'_>) -> Result<Child, SpawnError> {
    Err(SpawnError::new(Stage::Arguments, None, SpawnErrorKind::Unsupported))
}

/// There is none.
#[derive(Debug)]
pub(crate) struct Child(Infallible);

impl Child {
    pub(crate) fn id(&self) -> u32 {
        match self.0 {}
    }

    pub(crate) async fn wait(&self) -> Result<Exit, WaitError> {
        match self.0 {}
    }

    pub(crate) fn try_wait(&self) -> Result<Option<Exit>, WaitError> {
        match self.0 {}
    }

    pub(crate) fn signal(&self, _signal: Signal) -> Result<(), SignalError> {
        match self.0 {}
    }

    pub(crate) fn kill_tree(&self) -> Result<(), SignalError> {
        match self.0 {}
    }
}

fn missing() -> ConfineError {
    ConfineError {
        need: Need::Platform,
        path: None,
        errno: None,
        help: "on this system children can only be started unconfined".to_owned(),
    }
}

pub(crate) fn probe() -> Kernel {
    Kernel {
        user_namespaces: Err(missing()),
        mount_namespaces: Err(missing()),
        other_namespaces: Err(missing()),
        landlock: Err(missing()),
        seccomp: Err(missing()),
        group_signals: false,
        kept_status: false,
    }
}

/// There is none.
#[derive(Debug)]
pub(crate) struct Profile(Infallible);

impl Profile {
    pub(crate) fn build(_confinement: &Confinement) -> Result<Profile, ConfineError> {
        Err(missing())
    }

    pub(crate) fn tier(&self) -> Tier {
        match self.0 {}
    }

    pub(crate) fn has_proc(&self) -> bool {
        match self.0 {}
    }
}

/// There is none.
#[derive(Debug)]
pub(crate) struct ControlGroups(Infallible);

impl ControlGroups {
    pub(crate) fn find() -> Result<ControlGroups, NoControlGroups> {
        Err(NoControlGroups {
            need: ControlGroupNeed::Platform,
            path: None,
            errno: None,
            help: String::new(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        match self.0 {}
    }

    pub(crate) fn create(&self, _limits: TreeLimits) -> io::Result<ControlGroup> {
        match self.0 {}
    }
}

/// There is none.
#[derive(Debug)]
pub(crate) struct ControlGroup(Infallible);

impl ControlGroup {
    pub(crate) fn procs(&self) -> BorrowedHandle<'_> {
        match self.0 {}
    }

    pub(crate) fn path(&self) -> PathBuf {
        match self.0 {}
    }

    pub(crate) fn kill(&self) -> io::Result<()> {
        match self.0 {}
    }

    pub(crate) fn oom_killed(&self) -> io::Result<bool> {
        match self.0 {}
    }
}
