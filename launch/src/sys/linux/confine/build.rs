//! The builder of a profile: a short-lived process that makes the namespaces and the root, and leaves descriptors.
//!
//! Like a child before exec it runs in the host's memory, by system calls alone, while the host's thread is suspended. It
//! shares the host's descriptors as well, so that what it opens stays.
//!
//! # Directories by their descriptors
//!
//! A mount can be cloned only by a process whose mount namespace it belongs to. A descriptor that the host opened leads to the
//! host's mounts, which nobody but a privileged host may clone. But when a process is created in a new mount namespace, its
//! working directory is carried over to the copy of the mount it was on. So for each directory the builder makes it its
//! working directory, and starts a process in a new mount namespace which clones what it stands in: the very directory, with
//! no path resolved.

use std::ffi::{CStr, c_int, c_void};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;

use linux_raw_sys::general::{AT_EMPTY_PATH, AT_RECURSIVE, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, symlinkat};
use rustix::io::Errno as SystemErrno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree, unmount,
};
use rustix::process::{fchdir, pivot_root, umask};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::super::raw::{self, Errno, SignalSet};
use super::super::sigmask::BlockedSignals;
use super::super::stack::Stack;
use super::super::wait;
use super::kernel;
use super::plan::{self, Plan, Source, Step};
use super::system;
use crate::{ConfineError, Confinement, Need};

/// The namespaces of a profile.
#[derive(Debug)]
pub(super) struct Namespaces {
    pub(super) user: OwnedFd,
    pub(super) mount: OwnedFd,
    /// None where children have the host's.
    pub(super) network: Option<OwnedFd>,
    pub(super) ipc: OwnedFd,
    pub(super) host_name: OwnedFd,
    pub(super) control_groups: OwnedFd,
}

/// What went wrong: the need, and which directory or step of the plan it was about.
#[derive(Clone, Copy)]
struct Failure {
    need: Need,
    index: Option<usize>,
    errno: Errno,
}

trait For<T> {
    fn need(self, need: Need) -> Result<T, Failure>;
    fn at(self, need: Need, index: usize) -> Result<T, Failure>;
}

impl<T, E: Into<Errno>> For<T> for Result<T, E> {
    fn need(self, need: Need) -> Result<T, Failure> {
        self.map_err(|errno| Failure {
            need,
            index: None,
            errno: errno.into(),
        })
    }

    fn at(self, need: Need, index: usize) -> Result<T, Failure> {
        self.map_err(|errno| Failure {
            need,
            index: Some(index),
            errno: errno.into(),
        })
    }
}

/// What host and builder share.
struct Shared<'a> {
    plan: &'a Plan,
    own_network: bool,
    directories: &'a [RawFd],
    /// The directories' clones, once they are made.
    trees: &'a mut [Option<OwnedFd>],
    /// Of the process that clones a directory.
    stack: &'a Stack,
    /// Once they are made, whatever comes after.
    namespaces: Option<Namespaces>,
    /// Whether children can have a `/proc`.
    result: Option<Result<bool, Failure>>,
}

/// Makes the namespaces and the root, and says whether children can have a `/proc`.
pub(super) fn build(
    plan: &Plan,
    confinement: &Confinement,
    own_network: bool,
) -> Result<(Namespaces, bool), ConfineError> {
    let directories: Vec<RawFd> = confinement
        .directories
        .iter()
        .map(|directory| directory.source.as_raw_fd())
        .collect();
    let mut trees: Vec<Option<OwnedFd>> = directories.iter().map(|_| None).collect();
    run(plan, own_network, &directories, &mut trees).map_err(|failure| explain(failure, plan, confinement))
}

fn run(
    plan: &Plan,
    own_network: bool,
    directories: &[RawFd],
    trees: &mut [Option<OwnedFd>],
) -> Result<(Namespaces, bool), Failure> {
    let (own, inner) = (Stack::new().need(Need::Builder)?, Stack::new().need(Need::Builder)?);
    let mut shared = Shared {
        plan,
        own_network,
        directories,
        trees,
        stack: &inner,
        namespaces: None,
        result: None,
    };
    let blocked = BlockedSignals::new(SignalSet::FULL).need(Need::Builder)?;
    // SAFETY: the builder runs on a stack of its own with `shared` as its only access to the host's memory; this thread is
    // suspended until it has ended, and uses neither meanwhile.
    let started = unsafe { run_process(builder, &own, 0, (&raw mut shared).cast::<c_void>()) };
    drop(blocked);
    started.need(Need::Builder)?;
    // It leaves without a word only when it is killed.
    let killed = Failure {
        need: Need::Builder,
        index: None,
        errno: Errno(libc::EINTR),
    };
    let has_proc = shared.result.take().unwrap_or(Err(killed))?;
    Ok((shared.namespaces.take().ok_or(killed)?, has_proc))
}

/// Runs a process that shares this one's memory and descriptors to its end.
///
/// # Safety
///
/// `entry` and `argument` are fit for that, while this process' thread is suspended. Nobody else uses the stack.
unsafe fn run_process(
    entry: extern "C" fn(*mut c_void) -> c_int,
    stack: &Stack,
    flags: c_int,
    argument: *mut c_void,
) -> raw::Result<()> {
    // SAFETY: as the caller promises.
    let pid = unsafe {
        raw::clone(
            entry,
            stack.top(),
            flags | libc::CLONE_FILES,
            argument,
            std::ptr::null_mut(),
        )
    }?;
    wait::collect_unexecuted(pid);
    Ok(())
}

fn explain(failure: Failure, plan: &Plan, confinement: &Confinement) -> ConfineError {
    let Failure { need, index, errno } = failure;
    let path = match (need, index) {
        (Need::Directory, Some(index)) => confinement
            .directories
            .get(index)
            .map(|directory| directory.target.clone()),
        (_, Some(index)) => plan.steps.get(index).map(|step| {
            let (Step::Directory(path)
            | Step::File(path, _)
            | Step::Link(path, _)
            | Step::Cover(path)
            | Step::Show { target: path, .. }) = step;
            PathBuf::from(format!("/{}", path.to_string_lossy()))
        }),
        (_, None) => None,
    };
    let help = match (need, errno) {
        (Need::Mount, Errno(libc::ENOENT)) => {
            "it lies in something that is shown, where nothing can be made for it; make it there, or choose another name"
                .to_owned()
        }
        (Need::Mount, Errno(libc::ELOOP)) => {
            "a link lies on the way, in something that is shown; take the link away, or choose another name".to_owned()
        }
        _ => system::help(need, errno),
    };
    ConfineError {
        need,
        path,
        errno: Some(errno.0),
        help,
    }
}

extern "C" fn builder(shared: *mut c_void) -> c_int {
    // SAFETY: the host passes a pointer to a `Shared` that it does not touch until this process has ended.
    let shared = unsafe { &mut *shared.cast::<Shared<'_>>() };
    shared.result = Some(make(shared));
    raw::exit(0)
}

fn make(shared: &mut Shared<'_>) -> Result<bool, Failure> {
    let plan = shared.plan;
    umask(Mode::empty());
    // SAFETY: the process shares descriptors with the host on purpose, and the flag does not concern them.
    unsafe { unshare_unsafe(UnshareFlags::from_bits_retain(libc::CLONE_NEWUSER as u32)) }.need(Need::UserNamespace)?;
    // One user and one group: whoever creates the namespace may map itself, and has to give up setgroups(2) for it.
    write(c"/proc/self/setgroups", b"deny").need(Need::Identity)?;
    write(c"/proc/self/uid_map", plan.uid_map.to_bytes()).need(Need::Identity)?;
    write(c"/proc/self/gid_map", plan.gid_map.to_bytes()).need(Need::Identity)?;
    clone_directories(shared)?;

    let mut kinds = UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS | UnshareFlags::NEWCGROUP;
    // For the first `/proc` of the mount namespace, which is empty: children mount theirs over it.
    kinds |= UnshareFlags::NEWPID;
    if shared.own_network {
        kinds |= UnshareFlags::NEWNET;
    }
    // SAFETY: as above.
    unsafe { unshare_unsafe(kinds) }.need(Need::Namespaces)?;
    shared.namespaces = Some(Namespaces {
        user: open_namespace(c"/proc/self/ns/user")?,
        mount: open_namespace(c"/proc/self/ns/mnt")?,
        network: match shared.own_network {
            true => Some(open_namespace(c"/proc/self/ns/net")?),
            false => None,
        },
        ipc: open_namespace(c"/proc/self/ns/ipc")?,
        host_name: open_namespace(c"/proc/self/ns/uts")?,
        control_groups: open_namespace(c"/proc/self/ns/cgroup")?,
    });
    if shared.own_network {
        kernel::bring_loopback_up().need(Need::Loopback)?;
    }
    kernel::set_host_name(plan::HOST_NAME.as_bytes()).need(Need::Namespaces)?;
    // The filter forbids user namespaces, too. Where it cannot be written, the filter stands alone.
    let _ = write(c"/proc/sys/user/max_user_namespaces", b"0");
    // The kernel counts these by user, and a child has the host's: it gets a part of them.
    let _ = write(c"/proc/sys/user/max_inotify_instances", b"64");
    let _ = write(c"/proc/sys/user/max_inotify_watches", b"16384");
    mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).need(Need::Root)?;
    make_root(shared)
}

/// Clones the confinement's directories, each in a process of its own: see the head of this file.
fn clone_directories(shared: &mut Shared<'_>) -> Result<(), Failure> {
    for (index, (&directory, tree)) in shared.directories.iter().zip(shared.trees.iter_mut()).enumerate() {
        // SAFETY: the confinement owns the descriptor, and lives while the host's thread is suspended.
        fchdir(unsafe { BorrowedFd::borrow_raw(directory) }).at(Need::Directory, index)?;
        let mut cloned = Err(SystemErrno::INTR);
        let answer = (&raw mut cloned).cast::<c_void>();
        // SAFETY: the process has access to `cloned` alone.
        unsafe { run_process(clone_here, shared.stack, libc::CLONE_NEWNS, answer) }.at(Need::Directory, index)?;
        *tree = Some(cloned.at(Need::Directory, index)?);
    }
    Ok(())
}

extern "C" fn clone_here(cloned: *mut c_void) -> c_int {
    // SAFETY: the builder passes a pointer to this, and does not touch it until this process has ended.
    let cloned = unsafe { &mut *cloned.cast::<Result<OwnedFd, SystemErrno>>() };
    *cloned = clone_tree(CWD, c".");
    raw::exit(0)
}

/// A clone of what is mounted at a path, with all that is mounted below.
pub(super) fn clone_tree(directory: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, SystemErrno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    open_tree(directory, path, flags)
}

fn make_root(shared: &Shared<'_>) -> Result<bool, Failure> {
    // From here on its descriptors are its own. A process that another of the host's threads starts just now has copies of
    // the host's, and with one that a file of the root is written through, the root could not be made read-only.
    // What is owned from here on is closed here as well, and what was opened before is closed by the host.
    raw::unshare_descriptors().need(Need::Builder)?;
    let root = new_mount(
        c"tmpfs",
        &[(c"mode", c"755"), (c"size", c"4m")],
        MountAttrFlags::empty(),
    )
    .need(Need::Root)?;
    // On top of the root of the host's files: whoever goes by a path from there still gets to those.
    let here = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(&root, c"", CWD, c"/", here).need(Need::Root)?;
    for (index, step) in shared.plan.steps.iter().enumerate() {
        take(step, root.as_fd(), shared.trees).at(Need::Mount, index)?;
    }
    let has_proc = match new_proc(shared.stack) {
        Ok(proc) => move_mount(&proc, c"", &root, c"proc", here).is_ok(),
        Err(_) => false,
    };
    let attributes = u64::from(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    kernel::set_mount_attributes(root.as_fd(), AT_EMPTY_PATH, attributes).need(Need::Root)?;

    fchdir(&root).need(Need::Root)?;
    // The old root comes to lie on the new one, from where it is taken away.
    pivot_root(c".", c".").need(Need::Root)?;
    unmount(c".", UnmountFlags::DETACH).need(Need::Root)?;
    Ok(has_proc)
}

fn take(step: &Step, root: BorrowedFd<'_>, trees: &[Option<OwnedFd>]) -> Result<(), SystemErrno> {
    match step {
        Step::Directory(path) => mkdirat(root, path.as_c_str(), Mode::from_raw_mode(0o755)),
        Step::Link(path, target) => symlinkat(target.as_c_str(), root, path.as_c_str()),
        Step::File(path, content) => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            let file = openat(root, path.as_c_str(), flags, Mode::from_raw_mode(0o444))?;
            // A small file in memory is written at once.
            rustix::io::write(&file, content).map(drop)
        }
        Step::Show {
            source,
            target,
            attributes,
        } => {
            let cloned;
            let tree = match source {
                Source::Path(path) => {
                    cloned = clone_tree(CWD, path)?;
                    cloned.as_fd()
                }
                Source::Directory(index) => {
                    let tree = trees.get(*index).and_then(Option::as_ref);
                    tree.ok_or(SystemErrno::BADF)?.as_fd()
                }
            };
            let flags = AT_EMPTY_PATH | AT_RECURSIVE;
            kernel::set_mount_attributes(tree, flags, *attributes)
                .map_err(|errno| SystemErrno::from_raw_os_error(errno.0))?;
            let links = match source {
                Source::Path(_) => ResolveFlags::NO_MAGICLINKS,
                // One of the guest's directories may lie in another one, where the guest can make links: to where programs are, or
                // the loader's settings.
                Source::Directory(_) => ResolveFlags::NO_SYMLINKS,
            };
            mount_at(tree, root, target, links)
        }
        Step::Cover(path) => {
            let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY;
            let empty = new_mount(c"tmpfs", &[(c"mode", c"555"), (c"size", c"4k")], attributes)?;
            mount_at(empty.as_fd(), root, path, ResolveFlags::NO_MAGICLINKS)
        }
    }
}

/// Mounts something where a child of this root finds the path. What is shown can hold links, made by anybody: they do not
/// lead out of the root.
fn mount_at(tree: BorrowedFd<'_>, root: BorrowedFd<'_>, path: &CStr, links: ResolveFlags) -> Result<(), SystemErrno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let place = openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | links)?;
    let both = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, c"", place, c"", both)
}

/// A `/proc` of the builder's pid namespace, by a process in it, which is the only one it ever has. It stays empty.
///
/// The kernel lets a child have a `/proc` of its own where its mount namespace has one already that nothing covers: this one.
/// To have it, in turn, takes that of the host.
fn new_proc(stack: &Stack) -> Result<OwnedFd, SystemErrno> {
    let mut proc = Err(SystemErrno::INTR);
    // SAFETY: the process has access to `proc` alone.
    unsafe { run_process(mount_proc, stack, 0, (&raw mut proc).cast::<c_void>()) }
        .map_err(|errno| SystemErrno::from_raw_os_error(errno.0))?;
    proc
}

extern "C" fn mount_proc(proc: *mut c_void) -> c_int {
    // SAFETY: the builder passes a pointer to this, and does not touch it until this process has ended.
    let proc = unsafe { &mut *proc.cast::<Result<OwnedFd, SystemErrno>>() };
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    *proc = new_mount(c"proc", &[], attributes);
    raw::exit(0)
}

fn new_mount(kind: &CStr, options: &[(&CStr, &CStr)], attributes: MountAttrFlags) -> Result<OwnedFd, SystemErrno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(&context, *key, *value)?;
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn open_namespace(path: &CStr) -> Result<OwnedFd, Failure> {
    openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).need(Need::Namespaces)
}

fn write(path: &CStr, content: &[u8]) -> Result<(), SystemErrno> {
    let file = openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, content).map(drop)
}
