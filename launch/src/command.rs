//! What to start, and with what.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::{Child, ControlGroup, Profile, Program, Rlimit, SpawnError, sys};

/// A borrowed descriptor of the platform.
#[cfg(unix)]
pub type BorrowedHandle<'a> = std::os::fd::BorrowedFd<'a>;
/// A borrowed handle of the platform.
#[cfg(windows)]
pub type BorrowedHandle<'a> = std::os::windows::io::BorrowedHandle<'a>;

/// An owned descriptor of the platform.
#[cfg(unix)]
pub type OwnedHandle = std::os::fd::OwnedFd;
/// An owned handle of the platform.
#[cfg(windows)]
pub type OwnedHandle = std::os::windows::io::OwnedHandle;

/// The standard streams of a child. The child gets duplicates; the host's own stay open and as they are.
///
/// Blocking mode belongs to the open file, which both share, so it is the caller's to choose: a program expects its streams
/// to block, and one end of a pipe can block while the other does not.
#[derive(Clone, Copy, Debug)]
pub struct Stdio<'a> {
    /// What the child reads as descriptor 0.
    pub stdin: BorrowedHandle<'a>,
    /// What the child writes to as descriptor 1.
    pub stdout: BorrowedHandle<'a>,
    /// What the child writes to as descriptor 2. It may be the same as `stdout`: then what is written to both arrives in
    /// order.
    pub stderr: BorrowedHandle<'a>,
}

/// A process to be. Nothing is inherited that is not named here, except the user, the working directory where none is
/// given, the limits where none are given, and what the system ties to the user or the host (umask, priority, namespaces,
/// control group). A confined child has of these what the host had when the process that creates it was started, which may
/// have been for an earlier child of its [`Profile`].
#[derive(Clone, Debug)]
pub struct Command<'a> {
    pub(crate) program: &'a Program,
    pub(crate) argv0: OsString,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: BTreeMap<OsString, OsString>,
    pub(crate) directory: Option<BorrowedHandle<'a>>,
    pub(crate) directory_inside: Option<PathBuf>,
    pub(crate) profile: Option<&'a Profile>,
    pub(crate) control_group: Option<&'a ControlGroup>,
    pub(crate) stdio: Stdio<'a>,
    pub(crate) rlimits: Vec<Rlimit>,
}

impl<'a> Command<'a> {
    /// A command that runs `program` with these streams: `argv[0]` is the program's path, there are no further arguments, and
    /// the environment is empty.
    pub fn new(program: &'a Program, stdio: Stdio<'a>) -> Command<'a> {
        Command {
            program,
            argv0: program.path().as_os_str().to_owned(),
            args: Vec::new(),
            env: BTreeMap::new(),
            directory: None,
            directory_inside: None,
            profile: None,
            control_group: None,
            stdio,
            rlimits: Vec::new(),
        }
    }

    /// The program it runs.
    pub fn program(&self) -> &'a Program {
        self.program
    }

    /// The streams it gives.
    pub fn stdio(&self) -> Stdio<'a> {
        self.stdio
    }

    /// Sets the program's own name as it sees it, `argv[0]`.
    pub fn argv0(&mut self, name: impl Into<OsString>) -> &mut Self {
        self.argv0 = name.into();
        self
    }

    /// Adds one argument, after `argv[0]` and the ones before.
    pub fn arg(&mut self, argument: impl Into<OsString>) -> &mut Self {
        self.args.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> &mut Self {
        self.args.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable. For a key set twice, the last value holds.
    pub fn env(&mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> &mut Self {
        self.env.insert(key.into(), value.into());
        self
    }

    /// Sets environment variables.
    pub fn envs(
        &mut self,
        variables: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>,
    ) -> &mut Self {
        self.env
            .extend(variables.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Sets the working directory, by descriptor. Without it, the child works where the host does.
    pub fn current_dir(&mut self, directory: BorrowedHandle<'a>) -> &mut Self {
        self.directory = Some(directory);
        self
    }

    /// Where a child that is confined in the full tier finds its working directory, an absolute path in its own root. If what
    /// is there is not the directory of [`current_dir`](Self::current_dir), the spawn fails. In the other tiers it means
    /// nothing. Without a working directory, such a child works in its root.
    pub fn current_dir_inside(&mut self, path: impl Into<PathBuf>) -> &mut Self {
        self.directory_inside = Some(path.into());
        self
    }

    /// Confines the child. Without it, the child has all rights of the host.
    ///
    /// In the full tier the program is run by its path in the child's root, and has to be the file that was opened: it lies in
    /// what every child sees, or is named in [`Confinement::read`](crate::Confinement::read). Limits cannot be raised above
    /// the host's, whoever the host is.
    pub fn confine(&mut self, profile: &'a Profile) -> &mut Self {
        self.profile = Some(profile);
        self
    }

    /// Starts the child in a control group, whose limits then hold for it and for all that it starts. It enters the group
    /// before anything else. Without it, the child is in the host's.
    ///
    /// A group with a limit of memory is for one confined child, with all that it starts. Where the limit is reached by others while
    /// the child is only starting, the kernel may kill the process that creates children as well, which in the reduced tier is the
    /// one that watches over the children there are.
    pub fn control_group(&mut self, group: &'a ControlGroup) -> &mut Self {
        self.control_group = Some(group);
        self
    }

    /// Adds a limit. For a resource given twice, the last limit holds.
    pub fn rlimit(&mut self, rlimit: Rlimit) -> &mut Self {
        self.rlimits.push(rlimit);
        self
    }

    /// Starts the process. It is running its program, and leads a session and a process group of its own, when this returns.
    ///
    /// # Blocking
    ///
    /// The calling thread waits until the program runs, commonly well below a millisecond, without regard to how much memory
    /// the host has mapped. A program that is open for writing somewhere (`ETXTBSY`) is tried again a few times, over about
    /// 30 milliseconds in all: the writer is commonly another thread that forked while it wrote the program. There is no
    /// other wait. So the call cannot be cancelled, and no child is left behind by an `async` caller that is.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] names the [`Stage`](crate::Stage) that failed and what the system said. After an error no process is
    /// left behind, no descriptor is leaked, and nobody was told of a child (no SIGCHLD).
    ///
    /// A child that is killed before it runs its program is no error but a started child, whose end says so
    /// ([`Termination::Signaled`](crate::Termination::Signaled)): by the system when memory runs out, or within exec(2), past
    /// the point of no return, when the program does not fit the limits it was given.
    ///
    /// # Panics
    ///
    /// When the tokio runtime it is called in was built without I/O (`enable_io`). No child is left behind then either.
    pub fn spawn(&self) -> Result<Child, SpawnError> {
        sys::spawn(self).map(Child::new)
    }
}
