//! The system calls of confinement that no library offers for a process before exec: nothing here allocates.

use std::ffi::{c_int, c_uint};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::super::raw::{Errno, Result, check};
use linux_raw_sys::general::mount_attr;
use linux_raw_sys::landlock::{
    LANDLOCK_CREATE_RULESET_VERSION, landlock_net_port_attr, landlock_path_beneath_attr, landlock_rule_type,
    landlock_ruleset_attr,
};

/// What a Landlock ruleset is about.
#[derive(Debug)]
pub(super) struct Ruleset {
    /// Rights to files.
    pub(super) files: u64,
    /// Rights to TCP ports.
    pub(super) network: u64,
    /// What stays among the restricted processes.
    pub(super) scopes: u64,
}

/// The version of Landlock that the kernel has.
pub(super) fn landlock_version() -> Result<u32> {
    let nothing = std::ptr::null::<landlock_ruleset_attr>();
    // SAFETY: with this flag the kernel takes null and no size, and answers a number.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            nothing,
            0usize,
            LANDLOCK_CREATE_RULESET_VERSION,
        )
    };
    check(version).map(|version| version as u32)
}

/// A ruleset without rules: it forbids all that it is about.
pub(super) fn landlock_ruleset(ruleset: &Ruleset) -> Result<OwnedFd> {
    let attributes = landlock_ruleset_attr {
        handled_access_fs: ruleset.files,
        handled_access_net: ruleset.network,
        scoped: ruleset.scopes,
    };
    let size = size_of::<landlock_ruleset_attr>();
    // SAFETY: the struct lives during the call and has the size that is passed. A kernel that knows a shorter one takes it as
    // long as what it does not know is zero.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const attributes,
            size,
            0 as c_uint,
        )
    };
    // SAFETY: the kernel made the descriptor for this call, and nothing else owns it.
    check(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Allows these rights to a file, or to all that lies below a directory.
pub(super) fn landlock_allow(ruleset: BorrowedFd<'_>, access: u64, place: BorrowedFd<'_>) -> Result<()> {
    let rule = landlock_path_beneath_attr {
        allowed_access: access,
        parent_fd: place.as_raw_fd(),
    };
    add_rule(
        ruleset,
        landlock_rule_type::LANDLOCK_RULE_PATH_BENEATH,
        (&raw const rule).cast(),
    )
}

/// Allows these rights to a TCP port.
pub(super) fn landlock_allow_port(ruleset: BorrowedFd<'_>, access: u64, port: u16) -> Result<()> {
    let rule = landlock_net_port_attr {
        allowed_access: access,
        port: port.into(),
    };
    add_rule(
        ruleset,
        landlock_rule_type::LANDLOCK_RULE_NET_PORT,
        (&raw const rule).cast(),
    )
}

fn add_rule(ruleset: BorrowedFd<'_>, kind: landlock_rule_type, rule: *const std::ffi::c_void) -> Result<()> {
    let ruleset = ruleset.as_raw_fd();
    // SAFETY: the two callers pass a struct of the kind they name, which lives during the call.
    check(unsafe { libc::syscall(libc::SYS_landlock_add_rule, ruleset, kind as c_uint, rule, 0 as c_uint) }).map(drop)
}

/// Filters the calling thread's system calls.
pub(super) fn filter_system_calls(filter: &[libc::sock_filter]) -> Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap_or(u16::MAX),
        filter: filter.as_ptr().cast_mut(),
    };
    // Without the flag, older kernels slow the process down against attacks of code that it runs on others of its own.
    let (operation, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW);
    // SAFETY: the program's length is that of the slice, or less; the kernel reads it during the call and writes nothing.
    check(unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, &raw const program) }).map(drop)
}

/// Adds attributes to a mount that a descriptor leads to, with AT_RECURSIVE to all below it. What is mounted elsewhere from
/// then on is not mounted there as well.
pub(super) fn set_mount_attributes(mount: BorrowedFd<'_>, flags: u32, attributes: u64) -> Result<()> {
    let attributes = mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: libc::MS_PRIVATE as _,
        userns_fd: 0,
    };
    let (path, size) = (c"".as_ptr(), size_of::<mount_attr>());
    // SAFETY: the path is the empty string, and the struct has the size that is passed; both live during the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            path,
            flags,
            &raw const attributes,
            size,
        )
    };
    check(result).map(drop)
}

/// Makes the calling thread, and what it starts, unable to gain privileges by executing something.
pub(super) fn set_no_new_privileges() -> Result<()> {
    // SAFETY: the call takes numbers and touches no memory.
    check(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }).map(drop)
}

/// Gives up the calling thread's supplementary groups.
pub(super) fn clear_groups() -> Result<()> {
    // SAFETY: with a length of 0 the kernel does not read the list.
    check(unsafe { libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()) }).map(drop)
}

/// Gives up all capabilities of the calling thread, and that it could ever gain one.
pub(super) fn drop_capabilities() -> Result<()> {
    let mut capability: c_int = 0;
    loop {
        // SAFETY: the call takes numbers and touches no memory.
        match check(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }) {
            Ok(_) => capability = capability.wrapping_add(1),
            // One past the last that the kernel knows; or it was given up already that any could be gained.
            Err(Errno(libc::EINVAL | libc::EPERM)) => break,
            Err(errno) => return Err(errno),
        }
    }
    clear_capabilities()
}

/// Gives up all capabilities of the calling thread.
pub(super) fn clear_capabilities() -> Result<()> {
    set_capabilities([0; 6])
}

/// Brings the loopback interface of the calling thread's network namespace up.
pub(super) fn bring_loopback_up() -> Result<()> {
    // SAFETY: the call takes numbers and touches no memory.
    let socket = check(unsafe {
        libc::syscall(
            libc::SYS_socket,
            libc::AF_INET,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC,
            0,
        )
    })?;
    // SAFETY: the kernel made the descriptor for this call, and nothing else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket as RawFd) };
    // SAFETY: it is a plain C struct, for which all zeros is a value.
    let mut request = unsafe { std::mem::zeroed::<libc::ifreq>() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = (*from).cast_signed();
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
    // SAFETY: the request is the struct that this call takes, and lives during it.
    check(unsafe {
        libc::syscall(
            libc::SYS_ioctl,
            socket.as_raw_fd(),
            libc::SIOCSIFFLAGS,
            &raw const request,
        )
    })
    .map(drop)
}

/// Leaves the calling thread `CAP_SYS_ADMIN` alone, also across an exec.
pub(super) fn keep_mount_capability() -> Result<()> {
    /// `CAP_SYS_ADMIN`.
    const MOUNT: c_int = 21;
    let only = 1u32 << MOUNT;
    // The effective, the permitted and the inheritable set: the words for the first 32, then for the rest.
    set_capabilities([only, only, only, 0, 0, 0])?;
    // SAFETY: the call takes numbers and touches no memory.
    check(unsafe {
        libc::syscall(
            libc::SYS_prctl,
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_RAISE,
            MOUNT,
            0,
            0,
        )
    })
    .map(drop)
}

fn set_capabilities(sets: [u32; 6]) -> Result<()> {
    /// `_LINUX_CAPABILITY_VERSION_3`, which has two words of each set.
    const VERSION: u32 = 0x2008_0522;
    // The version, and the calling thread.
    let header = [VERSION, 0];
    // SAFETY: both arrays are laid out as the kernel's structs of this version, and live during the call.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) }).map(drop)
}

/// Names the host, in the calling thread's namespace for that.
pub(super) fn set_host_name(name: &[u8]) -> Result<()> {
    // SAFETY: the kernel reads as many bytes as the slice has.
    check(unsafe { libc::syscall(libc::SYS_sethostname, name.as_ptr(), name.len()) }).map(drop)
}
