//! How a child comes to be in its confinement, and the first process of its tree beside it.
//!
//! No process enters a pid namespace itself: what it creates does. So a short-lived process, the *gate*, enters the
//! namespaces of the profile, makes a mount and a pid namespace for this child alone, and creates two siblings of itself,
//! which are children of the host: the first process of the tree (`init/init.rs`), which mounts what is the child's own, and
//! the child. Both give up every capability. The host waits for the child and signals it as it does any other.
//!
//! In the reduced tier there is nothing to enter: the gate creates the child, and becomes the process that guards its group.
//!
//! Gate, first process and child run in the host's memory until they execute something or end, one after the other, while
//! the host's thread is suspended: system calls alone, nothing allocated. The gate shares the host's descriptors, so that it
//! can leave the pidfds there; what else it opens it closes.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::io::Errno as SystemErrno;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, mount, mount_bind, move_mount, open_tree};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use super::super::process::{Started, Tree, end};
use super::super::raw::{self, Errno};
use super::super::stack::Stack;
use super::super::steps::{At, Failure, lift};
use super::super::wait;
use super::{Inside, Profile, kernel};
use crate::Stage;

/// What a root host's child could read by its user alone, without a capability, of what concerns the whole machine.
const OF_THE_MACHINE: &[&CStr] = &[
    c"/proc/kcore",
    c"/proc/key-users",
    c"/proc/keys",
    c"/proc/kpagecgroup",
    c"/proc/kpagecount",
    c"/proc/kpageflags",
    c"/proc/sched_debug",
    c"/proc/slabinfo",
    c"/proc/sysrq-trigger",
    c"/proc/timer_list",
    c"/proc/vmallocinfo",
];

/// What the gate is given, and what it leaves.
struct Entry<'a> {
    profile: &'a Profile,
    /// Where the child begins, and what it is given.
    child: extern "C" fn(*mut c_void) -> c_int,
    argument: *mut c_void,
    /// Of the first process and, once that has executed its program, of the child.
    stack: &'a Stack,
    first_pidfd: c_int,
    child_pid: libc::pid_t,
    child_pidfd: c_int,
    failure: Option<Failure>,
}

/// Starts a child in the profile's confinement. It begins in `child`, with `argument`. A failure of its own it reports there,
/// and ends: the caller calls [`Started::abandon`] then.
///
/// # Safety
///
/// `child` and `argument` are fit for a process that shares the caller's memory, while the caller is suspended. All signals
/// are blocked.
pub(in super::super) unsafe fn start(
    profile: &Profile,
    child: extern "C" fn(*mut c_void) -> c_int,
    argument: *mut c_void,
) -> Result<Started, Failure> {
    let (own, inner) = (Stack::new().at(Stage::Stack)?, Stack::new().at(Stage::Stack)?);
    let mut entry = Entry {
        profile,
        child,
        argument,
        stack: &inner,
        first_pidfd: -1,
        child_pid: -1,
        child_pidfd: -1,
        failure: None,
    };
    let shared = &raw mut entry;
    let (gate, is_first): (extern "C" fn(*mut c_void) -> c_int, _) = match profile.inside {
        Some(_) => (gate_inside, false),
        None => (gate_outside, true),
    };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
    let flags = if is_first { flags | libc::CLONE_PIDFD } else { flags };
    // SAFETY: the gate runs on a stack of its own with `entry` and what the caller vouches for as its only access to this
    // process's memory; this thread is suspended until the gate has left it, and uses neither meanwhile. With CLONE_PIDFD the
    // kernel writes one number to `first_pidfd`.
    let pid = unsafe {
        libc::clone(
            gate,
            own.top(),
            flags,
            shared.cast::<c_void>(),
            &raw mut (*shared).first_pidfd,
        )
    };
    if pid == -1 {
        return Err(Errno::last()).at(Stage::Clone);
    }
    if !is_first {
        wait::collect_unexecuted(pid);
    }
    // SAFETY: the kernel made the descriptors for this call, in the table that the gate shares, and nothing else owns them.
    let own = |fd: c_int| (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) });
    let first = own(entry.first_pidfd).map(|first| match profile.inside {
        Some(_) => Tree::Namespace(first),
        None => Tree::GuardedGroup(first),
    });
    let failure = match (entry.failure, own(entry.child_pidfd), first) {
        (None, Some(pidfd), Some(tree)) => {
            return Ok(Started {
                pid: entry.child_pid,
                pidfd,
                tree,
            });
        }
        (failure, child, first) => {
            if let Some(child) = child {
                end(&child);
            }
            if let Some(Tree::Namespace(first) | Tree::GuardedGroup(first)) = first {
                end(&first);
            }
            failure
        }
    };
    // It leaves without a word only when it is killed.
    Err(failure.unwrap_or(Failure {
        stage: Stage::Clone,
        errno: Errno(libc::EINTR),
    }))
}

extern "C" fn gate_inside(entry: *mut c_void) -> c_int {
    // SAFETY: the host passes a pointer to an `Entry` that it does not touch until this process has ended.
    let entry = unsafe { &mut *entry.cast::<Entry<'_>>() };
    if let Some(inside) = &entry.profile.inside
        && let Err(failure) = enter(inside).and_then(|()| start_both(entry))
    {
        entry.failure = Some(failure);
    }
    raw::exit(0)
}

extern "C" fn gate_outside(entry: *mut c_void) -> c_int {
    // SAFETY: as for `gate_inside`, until this process has ended or executed a program.
    let entry = unsafe { &mut *entry.cast::<Entry<'_>>() };
    let failure = match start_child(entry) {
        Ok(()) => become_guard(entry),
        Err(failure) => failure,
    };
    entry.failure = Some(failure);
    raw::exit(0)
}

fn enter(inside: &Inside) -> Result<(), Failure> {
    // Groups are given up while that can be done: within the user namespace it is forbidden. Only a privileged host can.
    let _ = kernel::clear_groups();
    let namespaces = &inside.namespaces;
    let into = |namespace: &OwnedFd, kind| {
        move_into_link_name_space(namespace.as_fd(), Some(kind)).at(Stage::Namespaces)
    };
    into(&namespaces.user, LinkNameSpaceType::User)?;
    if let Some(network) = &namespaces.network {
        into(network, LinkNameSpaceType::Network)?;
    }
    into(&namespaces.ipc, LinkNameSpaceType::InterProcessCommunication)?;
    into(&namespaces.host_name, LinkNameSpaceType::HostNameAndNISDomainName)?;
    into(&namespaces.control_groups, LinkNameSpaceType::ControlGroup)?;
    into(&namespaces.mount, LinkNameSpaceType::Mount)?;
    // SAFETY: the flags do not concern descriptors.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::NEWPID) }.at(Stage::Namespaces)
}

/// `/proc` and `/tmp` of this child alone. It takes a process of the pid namespace.
fn make_own_files(inside: &Inside) -> Result<(), SystemErrno> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    if inside.has_proc {
        // Read-only: what belongs to root there belongs to a root host's child as well.
        mount(c"proc", c"/proc", c"proc", flags | MountFlags::NOEXEC | MountFlags::RDONLY, None)?;
        if inside.is_root {
            OF_THE_MACHINE.iter().try_for_each(|file| cover(file))?;
        }
    }
    if inside.tmp_options.is_empty() {
        return Ok(());
    }
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let covered = openat(CWD, c"/tmp", directory, Mode::empty())?;
    mount(c"tmpfs", c"/tmp", c"tmpfs", flags, &*inside.tmp_options)?;
    let tmp = openat(CWD, c"/tmp", directory, Mode::empty())?;
    for below in &inside.below_tmp {
        for directory in &below.directories {
            match mkdirat(&tmp, directory.as_c_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(SystemErrno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        if below.is_file {
            let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
            openat(&tmp, below.path.as_c_str(), flags, Mode::from_raw_mode(0o444))?;
        }
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
        let tree = open_tree(&covered, below.path.as_c_str(), flags)?;
        move_mount(&tree, c"", &tmp, below.path.as_c_str(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    }
    Ok(())
}

fn cover(file: &CStr) -> Result<(), SystemErrno> {
    match mount_bind(c"/dev/null", file) {
        Err(SystemErrno::NOENT) => Ok(()),
        result => result,
    }
}

/// Creates the first process of the pid namespace, and the child as the second.
fn start_both(entry: &mut Entry<'_>) -> Result<(), Failure> {
    let (waits, starts) = pipe_with(PipeFlags::CLOEXEC).at(Stage::FirstProcess)?;
    let mut first = First {
        profile: entry.profile,
        watched: waits.as_raw_fd(),
        failure: None,
    };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PARENT | libc::CLONE_PIDFD;
    let argument = (&raw mut first).cast::<c_void>();
    // SAFETY: the process runs on a stack of its own with `first` as its only access to this one's memory; this one is
    // suspended until it has left that. With CLONE_PIDFD the kernel writes one number to `first_pidfd`.
    let pid = unsafe { libc::clone(first_process, entry.stack.top(), flags, argument, &raw mut entry.first_pidfd) };
    if pid == -1 {
        return Err(Errno::last()).at(Stage::FirstProcess);
    }
    if let Some(failure) = first.failure {
        return Err(failure);
    }
    drop(waits);
    let started = start_child(entry);
    // The first process looks for the child when the last writing end is closed: this one, and the child's at its exec.
    drop(starts);
    started
}

fn start_child(entry: &mut Entry<'_>) -> Result<(), Failure> {
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PARENT | libc::CLONE_PIDFD;
    let stack = entry.stack.top();
    // SAFETY: `child` and `argument` are fit for this, as the caller of `start` vouches; the stack is used by nobody else any
    // more, and this process is suspended until the child has left this memory.
    let pid = unsafe { libc::clone(entry.child, stack, flags, entry.argument, &raw mut entry.child_pidfd) };
    if pid == -1 {
        return Err(Errno::last()).at(Stage::Clone);
    }
    entry.child_pid = pid;
    Ok(())
}

/// What the first process is given, and what it leaves.
struct First<'a> {
    profile: &'a Profile,
    watched: RawFd,
    failure: Option<Failure>,
}

extern "C" fn first_process(first: *mut c_void) -> c_int {
    // SAFETY: the gate passes a pointer to a `First` that it does not touch until this process has left its memory.
    let first = unsafe { &mut *first.cast::<First<'_>>() };
    let made = match &first.profile.inside {
        Some(inside) => make_own_files(inside).at(Stage::OwnFiles),
        None => Ok(()),
    };
    first.failure = Some(match made {
        Ok(()) => become_first(first.profile, first.watched, &[NAME.as_ptr(), std::ptr::null()]),
        Err(failure) => failure,
    });
    raw::exit(127)
}

const NAME: &CStr = c"childproof-init";

/// Becomes the guard of a child's group. Returns only if that fails.
fn become_guard(entry: &Entry<'_>) -> Failure {
    // From here on the descriptors are its own.
    // SAFETY: no value of this process is used after this that owns a descriptor.
    if let Err(failure) = unsafe { unshare_unsafe(UnshareFlags::FILES) }.at(Stage::FirstProcess) {
        return failure;
    }
    become_first(
        entry.profile,
        entry.child_pidfd,
        &[NAME.as_ptr(), c"group".as_ptr(), std::ptr::null()],
    )
}

/// Executes the first process' program, with `watched` and the host's pidfd as its only descriptors. Returns only if that
/// fails.
fn become_first(profile: &Profile, watched: RawFd, arguments: &[*const c_char]) -> Failure {
    let prepared = || {
        kernel::set_no_new_privileges()?;
        kernel::clear_capabilities()?;
        raw::setsid()?;
        // The kernel collects the orphans of the tree by itself, then. All signals stay blocked.
        raw::ignore_signal(libc::SIGCHLD)?;
        let program = lift(profile.init.as_raw_fd())?;
        let watched = lift(watched)?;
        let host = lift(profile.host.as_raw_fd())?;
        raw::duplicate_onto(watched, 0)?;
        raw::duplicate_onto(host, 1)?;
        raw::close_range_on_exec(2)?;
        Ok(program)
    };
    let errno = match prepared() {
        // SAFETY: both arrays end with null, and hold strings that live for ever.
        Ok(program) => unsafe { raw::execute_fd(program, arguments.as_ptr(), [std::ptr::null()].as_ptr()) },
        Err(errno) => errno,
    };
    Failure {
        stage: Stage::FirstProcess,
        errno,
    }
}
