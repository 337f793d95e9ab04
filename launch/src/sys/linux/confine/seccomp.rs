//! The filter of system calls: what no confined child may ask the kernel for, whatever else holds it. See seccomp(2).
//!
//! It is a list of what is refused. What is refused is what reaches beyond the child by its nature (keys, System V IPC,
//! mounts, namespaces, the kernel itself), what other means cannot see (kinds of sockets, io_uring, terminals' input), and
//! every call that was not known when this was written.

use linux_raw_sys::ioctl::{TIOCLINUX, TIOCSTI};

use super::super::raw;
use super::filter::{Condition, Is, Table};
use super::kernel;
use crate::{Confinement, Network, Tier};

/// The newest call that this list was made with (file_setattr(2), Linux 6.17). Later ones, and those of x32, which come by the
/// same door, have higher numbers.
const NEWEST: u32 = 469;

/// A program for the kernel.
#[derive(Debug)]
pub(super) struct Filter(Vec<libc::sock_filter>);

impl Filter {
    /// Filters the calling process. It must have given up new privileges.
    ///
    /// It runs in a child before exec: nothing here allocates.
    pub(super) fn apply(&self) -> raw::Result<()> {
        kernel::filter_system_calls(&self.0)
    }
}

/// Calls that are answered as if the kernel did not have them, so that programs do without.
const UNKNOWN: &[libc::c_long] = &[
    // Its flags lie in memory, where a filter cannot look: C libraries fall back to clone(2).
    libc::SYS_clone3,
    // Requests in shared memory pass no filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Calls that are refused whatever they ask for.
const REFUSED: &[libc::c_long] = &[
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
const SYS_OPEN_TREE_ATTR: libc::c_long = 467;

const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;

/// MPTCP is TCP that Landlock does not see.
const MPTCP: u32 = 262;
const TCP: u32 = libc::IPPROTO_TCP as u32;
const KIND_OF_SOCKET: u32 = 0xf;
/// The old name of packet sockets.
const SOCK_PACKET: i32 = 10;

/// The filter of a confinement.
pub(super) fn filter(confinement: &Confinement) -> Filter {
    let mut table = Table {
        refused: REFUSED.to_vec(),
        unknown: UNKNOWN.to_vec(),
        refused_if: vec![
            (libc::SYS_clone, vec![vec![(0, Is::AnyOf(NAMESPACES))]]),
            // Letters put into a terminal's input are read by whoever reads there next: the operator's shell.
            (
                libc::SYS_ioctl,
                vec![vec![(1, Is::Equal(TIOCSTI))], vec![(1, Is::Equal(TIOCLINUX))]],
            ),
        ],
        newest: NEWEST,
    };
    #[cfg(target_arch = "x86_64")]
    table.refused.extend(REFUSED_ON_X86);
    sockets(confinement, &mut table);
    if confinement.tier == Tier::Reduced {
        others(&mut table);
    }
    Filter(table.compile())
}

#[cfg(target_arch = "x86_64")]
const REFUSED_ON_X86: &[libc::c_long] = &[
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
];

/// Which sockets can be made. Pairs that are connected to each other are made by another call.
fn sockets(confinement: &Confinement, table: &mut Table) {
    const INET: u32 = libc::AF_INET as u32;
    const INET6: u32 = libc::AF_INET6 as u32;
    let mut families = Vec::new();
    if confinement.unix_sockets {
        families.push(libc::AF_UNIX as u32);
    }
    if confinement.tier == Tier::Full || confinement.network != Network::None {
        families.extend([INET, INET6]);
    }
    if families.is_empty() {
        table.refused.push(libc::SYS_socket);
        return;
    }
    let is_kind = |kind: i32| (1, Is::Masked(KIND_OF_SOCKET, kind.unsigned_abs()));
    let mut refused: Vec<Vec<Condition>> = vec![
        families.iter().map(|family| (0, Is::Not(*family))).collect(),
        vec![(2, Is::Equal(MPTCP))],
        vec![is_kind(libc::SOCK_RAW)],
        vec![is_kind(SOCK_PACKET)],
    ];
    if let Network::Connect(_) = confinement.network {
        for family in [INET, INET6] {
            let is_family = (0, Is::Equal(family));
            for kind in [libc::SOCK_DGRAM, libc::SOCK_RDM, libc::SOCK_SEQPACKET, libc::SOCK_DCCP] {
                refused.push(vec![is_family, is_kind(kind)]);
            }
            refused.push(vec![is_family, (2, Is::Not(0)), (2, Is::Not(TCP))]);
        }
        // Data that goes with the request to connect passes Landlock by.
        const FAST_OPEN: Is = Is::AnyOf(libc::MSG_FASTOPEN as u32);
        for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
            table.refused_if.push((call, vec![vec![(flags, FAST_OPEN)]]));
        }
        // A socket that listens without a port is given one.
        table.refused.push(libc::SYS_listen);
    }
    table.refused_if.push((libc::SYS_socket, refused));
}

/// Without namespaces: what changes other processes of the user, and what leaves the process group.
fn others(table: &mut Table) {
    table.refused.extend([
        libc::SYS_kcmp,
        libc::SYS_migrate_pages,
        libc::SYS_move_pages,
        libc::SYS_pidfd_getfd,
        libc::SYS_process_madvise,
        libc::SYS_process_mrelease,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_ptrace,
        libc::SYS_setpgid,
        libc::SYS_setsid,
    ]);
    // Of oneself, whose number is 0, they are allowed.
    let of_others = [
        (libc::SYS_prlimit64, 0),
        (libc::SYS_sched_setaffinity, 0),
        (libc::SYS_sched_setattr, 0),
        (libc::SYS_sched_setparam, 0),
        (libc::SYS_sched_setscheduler, 0),
    ];
    let rules = of_others.map(|(call, argument)| (call, vec![vec![(argument, Is::Not(0))]]));
    table.refused_if.extend(rules);
    // Nor are those of the whole user.
    const IOPRIO_WHO_USER: u32 = 3;
    for (call, user) in [(libc::SYS_setpriority, libc::PRIO_USER as u32), (libc::SYS_ioprio_set, IOPRIO_WHO_USER)] {
        let rules = vec![vec![(1, Is::Not(0))], vec![(0, Is::Equal(user))]];
        table.refused_if.push((call, rules));
    }
}
