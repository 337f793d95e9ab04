//! The program of `init/main.rs`: what a process does before it executes it.

use std::ffi::{CStr, c_char};
use std::os::fd::{AsFd, AsRawFd, RawFd};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::io::Errno as SystemErrno;
use rustix::mount::{MountFlags, MoveMountFlags, mount, mount_bind, move_mount};

use super::super::raw;
use super::super::steps::{At, Failure, default_signals};
use super::build::clone_tree;
use super::{Inside, Profile, kernel};
use crate::Stage;

/// What it is to be, and its descriptors, in the order in which the program has them.
pub(super) enum Role<'a> {
    /// Process 1 of a room: what it reads from, the host, what it writes to, and the gate's socket; and the options of the `/tmp`
    /// that it makes anew.
    Room([RawFd; 4], &'a CStr),
    /// The gate of a room: its socket, the first process, what it is held to, what it reads from the first process by, and
    /// writes to it; and the directories that may be written to.
    Gate(&'a mut [RawFd]),
    /// The gate of the reduced tier: its socket, the host, what it is held to, and the Landlock ruleset.
    Outside([RawFd; 4]),
}

/// Becomes it. Returns only if that fails. In a process before exec: nothing here allocates.
pub(super) fn execute(profile: &Profile, mut role: Role<'_>) -> Failure {
    let null = std::ptr::null::<c_char>();
    let name = c"childproof".as_ptr();
    let arguments = match role {
        Role::Room(_, tmp) => [name, c"room".as_ptr(), tmp.as_ptr(), null],
        Role::Gate(_) => [name, c"gate".as_ptr(), null, null],
        Role::Outside(_) => [name, c"outside".as_ptr(), null, null],
    };
    match prepare(profile, &mut role) {
        Ok(program) => Failure {
            stage: Stage::FirstProcess,
            // SAFETY: both arrays end with null, and hold strings that live until this process has left the memory.
            errno: unsafe { raw::execute_fd(program, arguments.as_ptr(), [null].as_ptr()) },
        },
        Err(failure) => failure,
    }
}

fn prepare(profile: &Profile, role: &mut Role<'_>) -> Result<RawFd, Failure> {
    // It may share the host's table until here.
    raw::unshare_descriptors().at(Stage::FirstProcess)?;
    kernel::set_no_new_privileges().at(Stage::Privileges)?;
    let descriptors = match role {
        Role::Room(descriptors, _) => {
            // What the kernel does by itself then is to collect the orphans of the tree.
            raw::ignore_signal(libc::SIGCHLD).at(Stage::FirstProcess)?;
            kernel::keep_mount_capability().at(Stage::Privileges)?;
            descriptors.as_mut_slice()
        }
        Role::Gate(descriptors) => {
            prepare_gate()?;
            descriptors
        }
        Role::Outside(descriptors) => {
            // Only a privileged host can.
            let _ = kernel::clear_groups();
            prepare_gate()?;
            descriptors.as_mut_slice()
        }
    };
    place(descriptors, profile.init.as_raw_fd()).at(Stage::FirstProcess)
}

/// What its children begin with: no capabilities, no signals of the host's terminal, and the defaults for all signals.
fn prepare_gate() -> Result<(), Failure> {
    raw::setsid().at(Stage::FirstProcess)?;
    default_signals().at(Stage::Signals)?;
    kernel::drop_capabilities().at(Stage::Privileges)
}

/// Gives the descriptors the numbers from 0 on, and has exec close all others, of which the program is one: answers where that is
/// now. The descriptors are somewhere else then.
fn place(descriptors: &mut [RawFd], program: RawFd) -> raw::Result<RawFd> {
    let out_of_the_way = descriptors.len() as RawFd;
    let program = raw::duplicate_above(program, out_of_the_way)?;
    for descriptor in &mut *descriptors {
        *descriptor = raw::duplicate_above(*descriptor, out_of_the_way)?;
    }
    for (number, descriptor) in (0..).zip(&*descriptors) {
        raw::duplicate_onto(*descriptor, number)?;
    }
    raw::close_range_on_exec(descriptors.len() as u32)?;
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
