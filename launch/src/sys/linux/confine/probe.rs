//! Tries what the kernel gives, one thing at a time.
//!
//! Like the builder of a profile, the process that tries runs in the host's memory while the host's thread is suspended, by
//! system calls alone. It ends at once, and what it made ends with it.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use rustix::mount::{MountFlags, mount};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use super::super::kill;
use super::super::raw::{self, Errno, SignalSet};
use super::super::sigmask::BlockedSignals;
use super::super::stack::Stack;
use super::super::wait;
use super::{kernel, landlock, missing};
use crate::{Kernel, Need};

/// What a process tries, and what came of it.
struct Attempt {
    what: fn() -> raw::Result<()>,
    result: raw::Result<()>,
}

const IN_USER_NAMESPACE: c_int = libc::CLONE_NEWUSER;
const OTHER_NAMESPACES: c_int =
    libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWCGROUP;

pub(crate) fn probe() -> Kernel {
    let nothing = || Ok(());
    let plain = attempt(0, nothing);
    Kernel {
        user_namespaces: attempt(IN_USER_NAMESPACE, nothing)
            .map(drop)
            .map_err(|errno| missing(Need::UserNamespace, errno)),
        mount_namespaces: attempt(IN_USER_NAMESPACE | libc::CLONE_NEWNS, mount_something)
            .map(drop)
            .map_err(|errno| missing(Need::Namespaces, errno)),
        other_namespaces: attempt(IN_USER_NAMESPACE | OTHER_NAMESPACES, nothing)
            .map(drop)
            .map_err(|errno| missing(Need::Namespaces, errno)),
        landlock: landlock::version(),
        seccomp: attempt(0, filter_nothing)
            .map(drop)
            .map_err(|errno| missing(Need::Seccomp, errno)),
        group_signals: pidfd_open(getpid(), PidfdFlags::empty())
            .is_ok_and(|of_host| kill::has_group_signals(of_host.as_fd())),
        kept_status: plain.is_ok_and(|collected| has_status(&collected)),
    }
}

/// In a user namespace of its own, nothing that is mounted gets back to the host.
fn mount_something() -> raw::Result<()> {
    Ok(mount(c"none", c"/", c"tmpfs", MountFlags::empty(), None)?)
}

fn filter_nothing() -> raw::Result<()> {
    kernel::set_no_new_privileges()?;
    kernel::filter_system_calls(&[libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_ALLOW,
    }])
}

fn has_status(collected: &OwnedFd) -> bool {
    let info = raw::pidfd_info(collected.as_raw_fd(), libc::PIDFD_INFO_EXIT);
    info.is_ok_and(|info| info.mask & u64::from(libc::PIDFD_INFO_EXIT) != 0)
}

/// Tries something in a process with these namespaces of its own. Answers the pidfd of the process, which was collected.
fn attempt(namespaces: c_int, what: fn() -> raw::Result<()>) -> raw::Result<OwnedFd> {
    let stack = Stack::new()?;
    let mut attempt = Attempt {
        what,
        result: Err(Errno(libc::EINTR)),
    };
    let mut pidfd: c_int = -1;
    let blocked = BlockedSignals::new(SignalSet::FULL)?;
    let argument = (&raw mut attempt).cast::<c_void>();
    let flags = libc::CLONE_PIDFD | namespaces;
    // SAFETY: the process has access to `attempt` alone, and runs on a stack of its own.
    let pid = unsafe { raw::clone(try_it, stack.top(), flags, argument, &raw mut pidfd) };
    drop(blocked);
    let pid = pid?;
    // SAFETY: the kernel made the descriptor for this call, and nothing else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    wait::collect_unexecuted(pid);
    attempt.result.map(|()| pidfd)
}

extern "C" fn try_it(attempt: *mut c_void) -> c_int {
    // SAFETY: `attempt` passes a pointer to this, and does not touch it until this process has ended.
    let attempt = unsafe { &mut *attempt.cast::<Attempt>() };
    attempt.result = (attempt.what)();
    raw::exit(0)
}
