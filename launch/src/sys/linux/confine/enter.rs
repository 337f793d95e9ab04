//! How a child comes to be in its confinement, and the first process of its tree beside it.
//!
//! No process enters a pid namespace itself: what it creates does. So a short-lived process, the *gate*, enters the
//! namespaces of the profile, makes a mount and a pid namespace for this child alone, and creates two siblings of itself,
//! which are children of the host: the first process of the tree (`init/init.rs`), which mounts what is the child's own, and
//! the child. Both give up every capability. The host waits for the child and signals it as it does any other.
//!
//! In the reduced tier there is nothing to enter: the gate creates the child, and becomes the process that guards its group.
//!
//! Gate, first process and child run in the host's memory until they execute something or end, at the same time, while the
//! host's thread waits: system calls alone, nothing allocated. Each hand-over to a process that slept takes longer than most
//! of the work, so only two are waited for: the child waits until its own files are mounted, and the host until all have left
//! its memory. The gate shares the host's descriptors, so that it can leave the pidfds there; what else it opens it closes.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, Mode, OFlags, Timespec, mkdirat, openat};
use rustix::io::Errno as SystemErrno;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, mount, mount_bind, move_mount, open_tree};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, futex, move_into_link_name_space, unshare_unsafe};

use super::super::process::{Started, Tree, end};
use super::super::raw::{self, Errno};
use super::super::stack::Stack;
use super::super::steps::{At, Failure, lift};
use super::super::wait;
use super::{Inside, Profile, kernel};
use crate::Stage;

/// What the processes of a start share.
struct Entry<'a> {
    profile: &'a Profile,
    /// Where the child begins, and what it is given.
    child: extern "C" fn(*mut c_void) -> c_int,
    argument: *mut c_void,
    ready: &'a Ready,
    /// Of the first process and of the child.
    first: Place,
    second: Place,
    child_pid: libc::pid_t,
    /// What the first process waits for the end of: see `init/init.rs`.
    watched: RawFd,
    /// Of the gate, and of what the gate becomes.
    failure: Option<Failure>,
    /// Of the first process, where that is not the gate.
    failure_of_first: Option<Failure>,
}

/// Where a process runs until it has left the host's memory, and whether it has.
struct Place {
    stack: Stack,
    pidfd: c_int,
    latch: AtomicU32,
}

/// The process has executed a program, has ended, or could not be created. The kernel writes it, and wakes who waits.
const LEFT: u32 = 0;
/// The process uses the host's memory.
const HERE: u32 = 1;
/// Nobody has tried to create it yet.
const TO_COME: u32 = 2;

impl Place {
    fn new() -> raw::Result<Place> {
        Ok(Place {
            stack: Stack::new()?,
            pidfd: -1,
            latch: AtomicU32::new(TO_COME),
        })
    }

    /// Creates a process in this place.
    ///
    /// # Safety
    ///
    /// As for [`raw::clone`]; the place lives until [`wait`](Place::wait) has returned.
    unsafe fn start(
        &mut self,
        entry: extern "C" fn(*mut c_void) -> c_int,
        flags: c_int,
        argument: *mut c_void,
    ) -> raw::Result<libc::pid_t> {
        self.latch.store(HERE, Ordering::Relaxed);
        let flags = flags | libc::CLONE_PIDFD | libc::CLONE_CHILD_CLEARTID;
        let latch = self.latch.as_ptr();
        // SAFETY: as the caller promises.
        let started = unsafe { raw::clone(entry, self.stack.top(), flags, argument, &raw mut self.pidfd, latch) };
        if started.is_err() {
            self.give_up();
        }
        started
    }

    /// There will be no process here.
    fn give_up(&self) {
        self.latch.store(LEFT, Ordering::Release);
        let _ = futex::wake(&self.latch, futex::Flags::empty(), 1);
    }

    fn was_left(&self) -> bool {
        self.latch.load(Ordering::Acquire) == LEFT
    }

    /// Waits until the process has left the memory, or until `creator`, who was to create it, has left before that.
    fn wait(&self, creator: &Place) {
        /// For a creator that was killed, which nobody is woken for.
        const LOOK_AGAIN: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 100_000_000,
        };
        loop {
            let state = self.latch.load(Ordering::Acquire);
            if state == LEFT || state == TO_COME && creator.was_left() {
                return;
            }
            // The kernel wakes as for a futex that processes share. Woken for another reason, it looks again.
            let _ = futex::wait(&self.latch, futex::Flags::empty(), state, Some(&LOOK_AGAIN));
        }
    }

    /// The pidfd of the process, if there was one.
    fn take_pidfd(&mut self) -> Option<OwnedFd> {
        let pidfd = std::mem::replace(&mut self.pidfd, -1);
        // SAFETY: the kernel made the descriptor for this place, in the table that the gate shares with the host, and nothing
        // else owns it.
        (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) })
    }
}

/// Whether the first process has made what is the child's own: the child waits for it.
#[derive(Debug, Default)]
pub(in super::super) struct Ready(AtomicU32);

impl Ready {
    const MADE: u32 = 1;
    const FAILED: u32 = 2;

    fn set(&self, state: u32) {
        self.0.store(state, Ordering::Release);
        // Nobody may be waiting yet.
        let _ = futex::wake(&self.0, futex::Flags::PRIVATE, 1);
    }

    /// Waits until it is made. In a child before exec: nothing here allocates. The end of the first process ends the child.
    pub(in super::super) fn wait(&self) -> raw::Result<()> {
        loop {
            match self.0.load(Ordering::Acquire) {
                Ready::MADE => return Ok(()),
                Ready::FAILED => return Err(Errno(libc::ECANCELED)),
                _ => {
                    let _ = futex::wait(&self.0, futex::Flags::PRIVATE, 0, None);
                }
            }
        }
    }
}

/// Starts a child in the profile's confinement. It begins in `child`, with `argument`, and waits for `ready` before it looks
/// at files. A failure of its own it reports there, and ends: the caller abandons what was started then.
///
/// # Safety
///
/// `child` and `argument` are fit for a process that shares the caller's memory, while the caller waits. All signals are
/// blocked.
pub(in super::super) unsafe fn start(
    profile: &Profile,
    child: extern "C" fn(*mut c_void) -> c_int,
    argument: *mut c_void,
    ready: &Ready,
) -> Result<Started, Failure> {
    let mut entry = Entry {
        profile,
        child,
        argument,
        ready,
        first: Place::new().at(Stage::Stack)?,
        second: Place::new().at(Stage::Stack)?,
        child_pid: -1,
        watched: -1,
        failure: None,
        failure_of_first: None,
    };
    let mut gate = Place::new().at(Stage::Stack)?;
    if profile.inside.is_none() {
        ready.set(Ready::MADE);
    }
    let begin = match profile.inside {
        Some(_) => gate_inside,
        None => gate_outside,
    };
    let shared = (&raw mut entry).cast::<c_void>();
    // SAFETY: the gate and what it creates run on stacks of their own, with `entry` and what the caller vouches for as their
    // only access to this process's memory, which this thread does not touch before all of them have left it, the latches
    // apart.
    unsafe { gate.start(begin, libc::CLONE_FILES, shared) }.at(Stage::Clone)?;
    // The child is commonly the last: then this thread is woken once.
    entry.second.wait(&gate);
    gate.wait(&gate);
    entry.first.wait(&gate);

    let gate = gate.take_pidfd();
    let (failure, tree) = match profile.inside {
        Some(_) => {
            gate.iter().for_each(|gate| wait::collect(gate.as_fd()));
            let first = entry.first.take_pidfd();
            (entry.failure.or(entry.failure_of_first), first.map(Tree::Namespace))
        }
        None => (entry.failure, gate.map(Tree::GuardedGroup)),
    };
    match (failure, entry.second.take_pidfd(), tree) {
        (None, Some(pidfd), Some(tree)) if entry.child_pid > 0 => Ok(Started {
            pid: entry.child_pid,
            pidfd,
            tree,
        }),
        (failure, child, tree) => {
            child.iter().for_each(end);
            if let Some(Tree::Namespace(first) | Tree::GuardedGroup(first)) = &tree {
                end(first);
            }
            // A gate leaves without a word only when it is killed.
            Err(failure.unwrap_or(Failure {
                stage: Stage::Clone,
                errno: Errno(libc::EINTR),
            }))
        }
    }
}

extern "C" fn gate_inside(entry: *mut c_void) -> c_int {
    // SAFETY: the host passes a pointer to an `Entry` that it does not touch until this process has ended.
    let entry = unsafe { &mut *entry.cast::<Entry<'_>>() };
    if let Some(inside) = &entry.profile.inside
        && let Err(failure) = enter(inside).and_then(|()| start_both(entry))
    {
        entry.failure = Some(failure);
        // What is to come still does not come any more.
        if entry.second.latch.load(Ordering::Relaxed) == TO_COME {
            entry.second.give_up();
        }
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
        inside.covered.iter().try_for_each(|file| mount_bind(c"/dev/null", file.as_c_str()))?;
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

/// Creates the first process of the pid namespace, and the child as the second. Neither is waited for.
fn start_both(entry: &mut Entry<'_>) -> Result<(), Failure> {
    let (waits, starts) = pipe_with(PipeFlags::CLOEXEC).at(Stage::FirstProcess)?;
    entry.watched = waits.as_raw_fd();
    let shared = (&raw mut *entry).cast::<c_void>();
    // SAFETY: the process runs on a stack of its own, and of what it shares it writes to `failure_of_first` alone, which
    // nobody reads before it has left the host's memory.
    unsafe { entry.first.start(first_process, libc::CLONE_PARENT, shared) }.at(Stage::FirstProcess)?;
    drop(waits);
    let started = start_child(entry);
    if started.is_err() {
        entry.ready.set(Ready::FAILED);
    }
    // The first process looks for the child when the last writing end is closed: this one, and the child's at its exec.
    drop(starts);
    started
}

fn start_child(entry: &mut Entry<'_>) -> Result<(), Failure> {
    let (child, argument) = (entry.child, entry.argument);
    // SAFETY: `child` and `argument` are fit for this, as the caller of `start` vouches, who waits.
    // The gate has nothing more to do before the child has executed its program, and gives it its processor.
    let flags = libc::CLONE_PARENT | libc::CLONE_VFORK;
    entry.child_pid = unsafe { entry.second.start(child, flags, argument) }.at(Stage::Clone)?;
    Ok(())
}

extern "C" fn first_process(entry: *mut c_void) -> c_int {
    let entry = entry.cast::<Entry<'_>>();
    // SAFETY: the pointer is to an `Entry` that lives until this process has left the memory. Of what is read here, nobody
    // writes to any from before this process on.
    let (profile, ready, watched) = unsafe { ((*entry).profile, (*entry).ready, (*entry).watched) };
    let made = match &profile.inside {
        Some(inside) => make_own_files(inside).at(Stage::OwnFiles),
        None => Ok(()),
    };
    let failure = match made {
        Ok(()) => {
            ready.set(Ready::MADE);
            become_first(profile, watched, &[NAME.as_ptr(), std::ptr::null()])
        }
        Err(failure) => failure,
    };
    // SAFETY: as above; nobody else writes to this, and who reads it waits for this process.
    unsafe { (*entry).failure_of_first = Some(failure) };
    ready.set(Ready::FAILED);
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
    let arguments = [NAME.as_ptr(), c"group".as_ptr(), std::ptr::null()];
    become_first(entry.profile, entry.second.pidfd, &arguments)
}

/// Executes the first process' program, with `watched` and the host's pidfd as its only descriptors. Returns only if that
/// fails.
fn become_first(profile: &Profile, watched: RawFd, arguments: &[*const c_char]) -> Failure {
    let prepared = || {
        kernel::set_no_new_privileges()?;
        kernel::clear_capabilities()?;
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
