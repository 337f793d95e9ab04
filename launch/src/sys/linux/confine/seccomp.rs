//! The filter of system calls: what no confined child may ask the kernel for, whatever else holds it. See seccomp(2).
//!
//! It is a list of what is refused. What is refused is what reaches beyond the child by its nature (keys, System V IPC,
//! mounts, namespaces, the kernel itself), what other means cannot see (kinds of sockets, io_uring, terminals' input), and
//! every call that was not known when this was written.

use std::collections::BTreeMap;

use linux_raw_sys::ioctl::{TIOCLINUX, TIOCSTI};
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, sock_filter,
};

use super::super::raw;
use super::kernel;
use crate::{ConfineError, Confinement, Need, Network, Tier};

/// The newest call that this list was made with (file_setattr(2), Linux 6.17). The numbers of later ones are the same on all
/// architectures.
const NEWEST: u32 = 469;

/// Calls of another table of the kernel's that come by the same door: x32.
#[cfg(target_arch = "x86_64")]
const OTHER_TABLE: u32 = 0x4000_0000;

/// A program for the kernel.
#[derive(Debug)]
pub(super) struct Filter(Vec<sock_filter>);

impl Filter {
    /// Filters the calling process. It must have given up new privileges.
    ///
    /// It runs in a child before exec: nothing here allocates.
    pub(super) fn apply(&self) -> raw::Result<()> {
        kernel::filter_system_calls(&self.0)
    }
}

/// The kinds of calls that are answered as if the kernel did not have them, so that programs do without.
const UNKNOWN: &[i64] = &[
    // Its flags lie in memory, where a filter cannot look: C libraries fall back to clone(2).
    libc::SYS_clone3,
    // Requests in shared memory pass no filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Calls that are refused whatever they ask for.
const REFUSED: &[i64] = &[
    // Keys belong to users and sessions, not to namespaces.
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    // What stays when the last process is gone.
    libc::SYS_mq_open,
    libc::SYS_msgctl,
    libc::SYS_msgget,
    libc::SYS_msgrcv,
    libc::SYS_msgsnd,
    libc::SYS_semctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmget,
    // Mounts, roots and namespaces.
    libc::SYS_chroot,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    SYS_OPEN_TREE_ATTR,
    libc::SYS_pivot_root,
    libc::SYS_setns,
    libc::SYS_umount2,
    libc::SYS_unshare,
    // A file by its number goes past every path.
    libc::SYS_open_by_handle_at,
    // The kernel and the machine.
    libc::SYS_acct,
    libc::SYS_bpf,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_lookup_dcookie,
    libc::SYS_perf_event_open,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// open_tree_attr(2), Linux 6.15.
const SYS_OPEN_TREE_ATTR: i64 = 467;

const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32 as u64
    // CLONE_NEWTIME, which clone(2) takes for a part of the signal's number.
    ;

/// MPTCP is TCP that Landlock does not see.
const MPTCP: u64 = 262;
const TCP: u64 = libc::IPPROTO_TCP as u64;

type Table = BTreeMap<i64, Vec<SeccompRule>>;

pub(super) fn filters(confinement: &Confinement) -> Result<Vec<Filter>, ConfineError> {
    let unknown = UNKNOWN.iter().map(|call| (*call, Vec::new())).collect();
    let compiled = || {
        let mut unknown = compile(unknown, libc::ENOSYS)?;
        unknown.splice(0..0, newer());
        Ok(vec![Filter(unknown), Filter(compile(refused(confinement)?, libc::EPERM)?)])
    };
    compiled().map_err(|error: seccompiler::BackendError| ConfineError {
        need: Need::Seccomp,
        path: None,
        errno: None,
        help: error.to_string(),
    })
}

fn compile(table: Table, errno: i32) -> Result<Vec<sock_filter>, seccompiler::BackendError> {
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    // What comes by the door of another architecture (`int 0x80`) ends the process.
    SeccompFilter::new(table, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?.try_into()
}

/// The beginning of a filter that answers ENOSYS to every call above those that are known.
fn newer() -> Vec<sock_filter> {
    let statement = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let is_above = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
    let answer = (libc::BPF_RET | libc::BPF_K) as u16;
    vec![
        // The number is the first thing the kernel gives.
        statement(load, 0, 0, 0),
        statement(is_above, 0, 1, NEWEST),
        statement(answer, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
    ]
}

fn refused(confinement: &Confinement) -> Result<Table, seccompiler::BackendError> {
    let mut table: Table = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    table.insert(libc::SYS_clone, any_bit(0, NAMESPACES)?);
    // Letters put into a terminal's input are read by whoever reads there next: the operator's shell.
    table.insert(libc::SYS_ioctl, vec![is(1, TIOCSTI.into())?, is(1, TIOCLINUX.into())?]);
    sockets(confinement, &mut table)?;
    if confinement.tier == Tier::Reduced {
        others(&mut table)?;
    }
    #[cfg(target_arch = "x86_64")]
    of_x86(&mut table);
    Ok(table)
}

#[cfg(target_arch = "x86_64")]
fn of_x86(table: &mut Table) {
    for call in [libc::SYS_ioperm, libc::SYS_iopl, libc::SYS_modify_ldt, libc::SYS_uselib, libc::SYS_ustat] {
        table.insert(call, Vec::new());
    }
    const { assert!(NEWEST < OTHER_TABLE) };
}

/// Which sockets can be made. Pairs that are connected to each other are made by another call.
fn sockets(confinement: &Confinement, table: &mut Table) -> Result<(), seccompiler::BackendError> {
    const UNIX: u64 = libc::AF_UNIX as u64;
    const INET: u64 = libc::AF_INET as u64;
    const INET6: u64 = libc::AF_INET6 as u64;
    let has_internet = confinement.tier == Tier::Full || confinement.network != Network::None;
    let mut kinds = Vec::new();
    if confinement.unix_sockets {
        kinds.push(UNIX);
    }
    if has_internet {
        kinds.extend([INET, INET6]);
    }
    // Of any other kind: for each kind that is allowed, it is not that.
    let others = kinds.iter().map(|kind| condition(0, SeccompCmpOp::Ne, *kind));
    let mut rules = match others.collect::<Result<Vec<_>, _>>()? {
        conditions if conditions.is_empty() => Vec::new(),
        conditions => vec![SeccompRule::new(conditions)?],
    };
    let none_is_allowed = rules.is_empty();
    if !none_is_allowed {
        rules.push(is(2, MPTCP)?);
        rules.push(SeccompRule::new(vec![kind_of_socket(libc::SOCK_RAW)?])?);
        rules.push(SeccompRule::new(vec![kind_of_socket(SOCK_PACKET)?])?);
    }
    if let Network::Connect(_) = confinement.network {
        for family in [INET, INET6] {
            let is_of_family = || condition(0, SeccompCmpOp::Eq, family);
            let kind = SeccompCmpOp::MaskedEq(KIND_OF_SOCKET);
            for other in [libc::SOCK_DGRAM, libc::SOCK_RDM, libc::SOCK_SEQPACKET, libc::SOCK_DCCP] {
                let is_other = condition(1, kind.clone(), other.unsigned_abs().into())?;
                rules.push(SeccompRule::new(vec![is_of_family()?, is_other])?);
            }
            let (not_default, not_tcp) = (condition(2, SeccompCmpOp::Ne, 0)?, condition(2, SeccompCmpOp::Ne, TCP)?);
            rules.push(SeccompRule::new(vec![is_of_family()?, not_default, not_tcp])?);
        }
        // Data that goes with the request to connect passes Landlock by.
        let fast_open = libc::MSG_FASTOPEN as u32 as u64;
        table.insert(libc::SYS_sendto, any_bit(3, fast_open)?);
        table.insert(libc::SYS_sendmsg, any_bit(2, fast_open)?);
        table.insert(libc::SYS_sendmmsg, any_bit(3, fast_open)?);
        // A socket that listens without a port is given one.
        table.insert(libc::SYS_listen, Vec::new());
    }
    table.insert(libc::SYS_socket, rules);
    Ok(())
}

const KIND_OF_SOCKET: u64 = 0xf;
/// The old name of packet sockets.
const SOCK_PACKET: i32 = 10;

fn kind_of_socket(kind: i32) -> Result<SeccompCondition, seccompiler::BackendError> {
    condition(1, SeccompCmpOp::MaskedEq(KIND_OF_SOCKET), kind.unsigned_abs().into())
}

/// Without namespaces: what changes other processes of the user, and what leaves the process group.
fn others(table: &mut Table) -> Result<(), seccompiler::BackendError> {
    for call in [
        libc::SYS_setsid,
        libc::SYS_setpgid,
        libc::SYS_kcmp,
        libc::SYS_process_madvise,
        libc::SYS_process_mrelease,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_ptrace,
        libc::SYS_pidfd_getfd,
        libc::SYS_migrate_pages,
        libc::SYS_move_pages,
    ] {
        table.insert(call, Vec::new());
    }
    // Of oneself, whose number is 0, they are allowed.
    for (call, argument) in [
        (libc::SYS_prlimit64, 0),
        (libc::SYS_sched_setaffinity, 0),
        (libc::SYS_sched_setattr, 0),
        (libc::SYS_sched_setparam, 0),
        (libc::SYS_sched_setscheduler, 0),
        (libc::SYS_setpriority, 1),
        (libc::SYS_ioprio_set, 1),
    ] {
        table.insert(call, vec![SeccompRule::new(vec![condition(argument, SeccompCmpOp::Ne, 0)?])?]);
    }
    // A priority of the whole user.
    let of_user = libc::PRIO_USER.into();
    table.entry(libc::SYS_setpriority).or_default().push(is(0, of_user)?);
    // IOPRIO_WHO_USER.
    table.entry(libc::SYS_ioprio_set).or_default().push(is(0, 3)?);
    Ok(())
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    // The kernel looks at the lower half of an `int`, and so does the filter.
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn is(argument: u8, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![condition(argument, SeccompCmpOp::Eq, value)?])
}

/// One rule for each of these bits, which hold where it is set.
fn any_bit(argument: u8, bits: u64) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let bits = (0..32).map(|bit| 1 << bit).filter(|bit| bits & bit != 0);
    bits.map(|bit| SeccompRule::new(vec![condition(argument, SeccompCmpOp::MaskedEq(bit), bit)?]))
        .collect()
}
