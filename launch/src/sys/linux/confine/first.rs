//! The first process of a tree: what it does before it executes its program, `init/init.rs`.

use std::ffi::{CStr, c_char};
use std::os::fd::{AsFd, AsRawFd, RawFd};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::io::Errno as SystemErrno;
use rustix::mount::{MountFlags, MoveMountFlags, mount, mount_bind, move_mount};

use super::super::raw::{self, Errno};
use super::super::steps::lift;
use super::build::clone_tree;
use super::{Inside, Profile, kernel};

/// What it is to be.
pub(super) enum Role<'a> {
    /// The guard of process groups: what it receives pidfds from.
    Guard { socket: RawFd },
    /// Process 1 of a room: what it reads from, what it writes to, and the options of the `/tmp` that it makes anew.
    Room {
        control: RawFd,
        clean: RawFd,
        tmp: &'a CStr,
    },
}

const NAME: &CStr = c"childproof-init";

/// Becomes it. Returns only if that fails. In a process before exec, with a table of descriptors of its own: nothing here
/// allocates.
pub(super) fn execute(profile: &Profile, role: &Role<'_>) -> Errno {
    let null = std::ptr::null::<c_char>();
    let arguments = match role {
        Role::Guard { .. } => [NAME.as_ptr(), c"guard".as_ptr(), null, null],
        Role::Room { tmp, .. } => [NAME.as_ptr(), c"room".as_ptr(), tmp.as_ptr(), null],
    };
    match prepare(profile, role) {
        // SAFETY: both arrays end with null, and hold strings that live until this process has left the memory.
        Ok(program) => unsafe { raw::execute_fd(program, arguments.as_ptr(), [null].as_ptr()) },
        Err(errno) => errno,
    }
}

fn prepare(profile: &Profile, role: &Role<'_>) -> raw::Result<RawFd> {
    kernel::set_no_new_privileges()?;
    // What the kernel does by itself then is to collect the orphans of the tree. All signals stay blocked.
    raw::ignore_signal(libc::SIGCHLD)?;
    let program = lift(profile.init.as_raw_fd())?;
    let host = lift(profile.host.as_raw_fd())?;
    match *role {
        Role::Guard { socket } => {
            // It signals what children of a privileged host run, and has that host's user.
            kernel::clear_capabilities()?;
            raw::duplicate_onto(lift(socket)?, 0)?;
            raw::duplicate_onto(host, 1)?;
            raw::close_range_on_exec(2)?;
        }
        Role::Room { control, clean, .. } => {
            kernel::keep_mount_capability()?;
            let (control, clean) = (lift(control)?, lift(clean)?);
            raw::duplicate_onto(control, 0)?;
            raw::duplicate_onto(host, 1)?;
            raw::duplicate_onto(clean, 2)?;
            raw::close_range_on_exec(3)?;
        }
    }
    Ok(program)
}

/// Makes the `/proc` and the `/tmp` of a room, in a process of its pid namespace.
pub(super) fn furnish(inside: &Inside) -> Result<(), SystemErrno> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    if inside.has_proc {
        // Read-only: what belongs to root there belongs to a root host's child as well.
        mount(
            c"proc",
            c"/proc",
            c"proc",
            flags | MountFlags::NOEXEC | MountFlags::RDONLY,
            None,
        )?;
        for file in &inside.covered {
            match mount_bind(c"/dev/null", file.as_c_str()) {
                // It is not there in every namespace, or any more.
                Ok(()) | Err(SystemErrno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
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
        let tree = clone_tree(covered.as_fd(), &below.path)?;
        move_mount(
            &tree,
            c"",
            &tmp,
            below.path.as_c_str(),
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
        )?;
    }
    Ok(())
}
