//! The filter of system calls: what no confined child may ask the kernel for, whatever else holds it. See seccomp(2).
//!
//! It is a list of what is refused. What is refused is what reaches beyond the child by its nature (keys, System V IPC,
//! mounts, namespaces, the kernel itself), what other means cannot see (kinds of sockets, io_uring, terminals' input), and
//! every call that was not known when this was written.

use linux_raw_sys::ioctl::{TIOCLINUX, TIOCSTI};
use rustix::io::{Errno, retry_on_intr};
use rustix::rand::{GetRandomFlags, getrandom};

use super::filter::{Condition, Is, Table};
use crate::{Confinement, Network, Tier};

/// The newest call that this list was made with (file_setattr(2), Linux 6.17). Later ones, and those of x32, which come by the
/// same door, have higher numbers.
const NEWEST: u32 = 469;

/// A program for the kernel.
#[derive(Debug)]
pub(super) struct Filter(Vec<libc::sock_filter>);

impl Filter {
    pub(super) fn instructions(&self) -> &[libc::sock_filter] {
        &self.0
    }
}

/// Calls that are answered as if the kernel did not have them, so that programs do without.
const UNKNOWN: &[libc::c_long] = &[
    // Its flags lie in memory, where a filter cannot look: C libraries fall back to clone(2).
    libc::SYS_clone3,
    // So does the mode of a file that it makes.
    libc::SYS_openat2,
    // Requests in shared memory pass no filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Calls that are refused whatever they ask for. Neighbours by number are one test in the filter.
const REFUSED: &[libc::c_long] = &[
    // Keys belong to users and sessions, not to namespaces.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // What stays when the last process is gone: System V IPC, POSIX queues.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmdt,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semctl,
    libc::SYS_semtimedop,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_mq_timedsend,
    libc::SYS_mq_timedreceive,
    libc::SYS_mq_notify,
    libc::SYS_mq_getsetattr,
    // Mounts, roots and namespaces.
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    SYS_OPEN_TREE_ATTR,
    libc::SYS_setns,
    libc::SYS_unshare,
    // A file by its number goes past every path.
    libc::SYS_open_by_handle_at,
    // The kernel and the machine.
    libc::SYS_acct,
    libc::SYS_bpf,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_perf_event_open,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// fchmodat2(2), Linux 6.6.
const SYS_FCHMODAT2: libc::c_long = 452;
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

/// What gates and candidates show to the filter, as arguments that the calls do not look at, so that they can do what children
/// cannot: create children of the host, and found a session. It is of a profile, made by chance, and in no memory that a child
/// has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token(pub(super) [u32; 2]);

impl Token {
    pub(super) fn new() -> Result<Token, Errno> {
        let mut token = [[0; 4]; 2];
        for word in &mut token {
            while retry_on_intr(|| getrandom(word.as_mut_slice(), GetRandomFlags::empty()))? < word.len() {}
        }
        Ok(Token(token.map(u32::from_ne_bytes)))
    }
}

/// The filter of a confinement. It lets pass who shows the token.
pub(super) fn filter(confinement: &Confinement, token: Token) -> Filter {
    let mut table = Table {
        refused: REFUSED.to_vec(),
        unknown: UNKNOWN.to_vec(),
        refused_if: vec![
            (libc::SYS_clone, clones(token)),
            // Letters put into a terminal's input are read by whoever reads there next: the operator's shell.
            (
                libc::SYS_ioctl,
                vec![vec![(1, Is::Equal(TIOCSTI))], vec![(1, Is::Equal(TIOCLINUX))]],
            ),
        ],
        newest: NEWEST,
    };
    // A lease on a file makes whoever else opens it wait, the host too.
    table
        .refused_if
        .push((libc::SYS_fcntl, vec![vec![(1, Is::Equal(libc::F_SETLEASE as u32))]]));
    #[cfg(target_arch = "x86_64")]
    table.refused.extend(REFUSED_ON_X86);
    modes(&mut table);
    sockets(confinement, &mut table);
    others(confinement.tier, &mut table);
    if confinement.tier == Tier::Reduced {
        groups(token, &mut table);
    }
    Filter(table.compile())
}

#[cfg(target_arch = "x86_64")]
const REFUSED_ON_X86: &[libc::c_long] = &[libc::SYS_ioperm, libc::SYS_iopl, libc::SYS_modify_ldt, libc::SYS_uselib];

/// A file with these bits runs as its owner, or with its group, for whoever starts it: the host's. No guest can make one.
fn modes(table: &mut Table) {
    const OF_ANOTHER: Is = Is::AnyOf(libc::S_ISUID | libc::S_ISGID);
    let mut calls = vec![
        (libc::SYS_fchmod, 1),
        (libc::SYS_fchmodat, 2),
        (SYS_FCHMODAT2, 2),
        (libc::SYS_mknodat, 2),
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([(libc::SYS_chmod, 1), (libc::SYS_creat, 1), (libc::SYS_mknod, 1)]);
    let rules = calls
        .into_iter()
        .map(|(call, mode)| (call, vec![vec![(mode, OF_ANOTHER)]]));
    table.refused_if.extend(rules);
    // The mode counts only where a file is made.
    const MAKES: Is = Is::AnyOf((libc::O_CREAT | libc::O_TMPFILE & !libc::O_DIRECTORY) as u32);
    table
        .refused_if
        .push((libc::SYS_openat, vec![vec![(2, MAKES), (3, OF_ANOTHER)]]));
    #[cfg(target_arch = "x86_64")]
    table
        .refused_if
        .push((libc::SYS_open, vec![vec![(1, MAKES), (2, OF_ANOTHER)]]));
}

/// Which sockets can be made, and which pairs of sockets that are connected to each other.
fn sockets(confinement: &Confinement, table: &mut Table) {
    const INET: u32 = libc::AF_INET as u32;
    const INET6: u32 = libc::AF_INET6 as u32;
    // A pair for datagrams is not only connected to each other: it sends to any address. What is neither a stream nor a
    // sequence of packets is one, also by other names.
    const NEITHER: Is = Is::AnyOf(0b1010);
    let mut pairs = vec![vec![(0, Is::Not(libc::AF_UNIX as u32))]];
    if !confinement.unix_sockets {
        pairs.push(vec![(1, NEITHER)]);
    }
    table.refused_if.push((libc::SYS_socketpair, pairs));
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

/// What changes other processes: without namespaces, those of the user; in a room, its first process, which serves the children
/// that come after.
fn others(tier: Tier, table: &mut Table) {
    let other = match tier {
        Tier::Full => Is::Equal(1),
        // Of oneself, whose number is 0, they are allowed.
        Tier::Reduced => Is::Not(0),
    };
    let of_others = [
        libc::SYS_prlimit64,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setattr,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setscheduler,
    ];
    let rules = of_others.map(|call| (call, vec![vec![(0, other)]]));
    table.refused_if.extend(rules);
    // Nor are those of the whole user.
    const IOPRIO_WHO_USER: u32 = 3;
    for (call, user) in [
        (libc::SYS_setpriority, libc::PRIO_USER),
        (libc::SYS_ioprio_set, IOPRIO_WHO_USER),
    ] {
        let rules = vec![vec![(1, other)], vec![(0, Is::Equal(user))]];
        table.refused_if.push((call, rules));
    }
    if tier == Tier::Reduced {
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
        ]);
    }
}

/// Processes in other namespaces; and children of the host, which it would not know of and never collect.
fn clones(Token([one, two]): Token) -> Vec<Vec<Condition>> {
    const OF_THE_HOST: Condition = (0, Is::AnyOf(libc::CLONE_PARENT as u32));
    // The arguments that mean nothing without flags of their own.
    let without_token = (3, Is::NotWith(one, (4, two)));
    vec![vec![(0, Is::AnyOf(NAMESPACES))], vec![OF_THE_HOST, without_token]]
}

/// Without namespaces, what a child starts ends with its process group: nobody leaves it.
fn groups(Token([one, two]): Token, table: &mut Table) {
    table.refused.push(libc::SYS_setpgid);
    let without_token = (0, Is::NotWith(one, (1, two)));
    table.refused_if.push((libc::SYS_setsid, vec![vec![without_token]]));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Token = Token([3, 0xffff_ffff]);

    fn filter(confinement: &Confinement) -> Filter {
        super::filter(confinement, TOKEN)
    }

    /// Runs a filter as the kernel does and gives its answer.
    fn run(Filter(program): &Filter, number: libc::c_long, arguments: [u64; 6]) -> u32 {
        let mut data = vec![number as u32, linux_raw_sys::ptrace::AUDIT_ARCH_X86_64, 0, 0];
        for argument in arguments {
            data.extend([argument as u32, (argument >> 32) as u32]);
        }
        let (mut accumulator, mut index, mut scratch, mut next) = (0, 0, 0, 0);
        loop {
            let libc::sock_filter { code, jt, jf, k } = program[next];
            next += 1;
            let mut branch = |holds| next += usize::from(if holds { jt } else { jf });
            match u32::from(code) {
                0x20 => accumulator = data[k as usize / 4],
                0x54 => accumulator &= k,
                0xa4 => accumulator ^= k,
                0x4c => accumulator |= index,
                0x02 => scratch = accumulator,
                0x61 => index = scratch,
                0x15 => branch(accumulator == k),
                0x35 => branch(accumulator >= k),
                0x45 => branch(accumulator & k != 0),
                0x06 => return k,
                other => panic!("no instruction of ours: {other:#x}"),
            }
        }
    }

    const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;
    const REFUSED_AS: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    const UNKNOWN_AS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

    fn confinements() -> Vec<Confinement> {
        let mut all = Vec::new();
        for tier in [Tier::Full, Tier::Reduced] {
            for network in [Network::None, Network::Host, Network::Connect(vec![443])] {
                for unix_sockets in [false, true] {
                    let mut confinement = Confinement::new(tier);
                    confinement.network = network.clone();
                    confinement.unix_sockets = unix_sockets;
                    all.push(confinement);
                }
            }
        }
        all
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_call_gets_the_answer_that_the_lists_say() {
        for confinement in confinements() {
            let filter = filter(&confinement);
            let Filter(program) = &filter;
            // Where a jump does not reach, it is of 255.
            assert!(
                program
                    .iter()
                    .all(|instruction| instruction.jt < 255 && instruction.jf < 255)
            );
            for number in 0..=i64::from(NEWEST) {
                // With no bit set nothing is asked for that arguments decide on, but the kind of a socket.
                let answer = run(&filter, number, [0; 6]);
                if [libc::SYS_socket, libc::SYS_socketpair].contains(&number) {
                    assert_eq!(answer, REFUSED_AS);
                } else if UNKNOWN.contains(&number) {
                    assert_eq!(answer, UNKNOWN_AS, "{number}");
                } else if REFUSED.contains(&number) || REFUSED_ON_X86.contains(&number) {
                    assert_eq!(answer, REFUSED_AS, "{number}");
                } else if confinement.tier == Tier::Full && confinement.network == Network::None {
                    assert_eq!(answer, ALLOWED, "{number}");
                }
            }
            for number in [i64::from(NEWEST) + 1, 0x4000_0000, 0x4000_0200, i64::from(u32::MAX)] {
                assert_eq!(run(&filter, number, [0; 6]), UNKNOWN_AS, "{number}");
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn in_the_reduced_tier_the_token_alone_founds_a_session() {
        let reduced = filter(&Confinement::new(Tier::Reduced));
        let of = |number, [a, b]: [u64; 2]| run(&reduced, number, [a, b, 0, 0, 0, 0]);
        assert_eq!(of(libc::SYS_setpgid, [0; 2]), REFUSED_AS);
        assert_eq!(of(libc::SYS_setsid, [0; 2]), REFUSED_AS);
        let token = TOKEN.0.map(u64::from);
        assert_eq!(of(libc::SYS_setsid, token), ALLOWED);
        for wrong in 0..2 {
            let mut token = token;
            token[wrong] ^= 1 << 31;
            assert_eq!(of(libc::SYS_setsid, token), REFUSED_AS);
        }
        let (one, other) = (Token::new().unwrap(), Token::new().unwrap());
        assert!(one.0.iter().all(|word| !other.0.contains(word)), "{one:?} {other:?}");
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_token_alone_creates_children_of_the_host() {
        let token = TOKEN.0.map(u64::from);
        for tier in [Tier::Full, Tier::Reduced] {
            let filter = filter(&Confinement::new(tier));
            let of = |flags: i32, [a, b]: [u64; 2]| run(&filter, libc::SYS_clone, [flags as u64, 0, 0, a, b, 0]);
            assert_eq!(of(libc::CLONE_PARENT, token), ALLOWED);
            assert_eq!(of(libc::CLONE_PARENT | libc::CLONE_NEWUSER, token), REFUSED_AS);
            assert_eq!(of(libc::CLONE_VM | libc::SIGCHLD, [9; 2]), ALLOWED);
            assert_eq!(of(libc::CLONE_PARENT, [0; 2]), REFUSED_AS);
            for wrong in 0..2 {
                let mut token = token;
                token[wrong] ^= 1;
                assert_eq!(of(libc::CLONE_PARENT | libc::SIGCHLD, token), REFUSED_AS);
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn arguments_decide_where_they_have_to() {
        let full = filter(&Confinement::new(Tier::Full));
        let of = |number, first, second, third, fourth| run(&full, number, [first, second, third, fourth, 0, 0]);
        assert_eq!(of(libc::SYS_clone, libc::SIGCHLD as u64, 0, 0, 0), ALLOWED);
        assert_eq!(of(libc::SYS_clone, libc::CLONE_NEWUSER as u64, 0, 0, 0), REFUSED_AS);
        assert_eq!(of(libc::SYS_ioctl, 0, TIOCSTI.into(), 0, 0), REFUSED_AS);
        // The upper half is not looked at by the kernel either.
        assert_eq!(of(libc::SYS_ioctl, 0, u64::from(TIOCSTI) | 1 << 32, 0, 0), REFUSED_AS);
        assert_eq!(of(libc::SYS_ioctl, 0, libc::TCGETS, 0, 0), ALLOWED);
        assert_eq!(of(libc::SYS_chmod, 0, 0o755, 0, 0), ALLOWED);
        assert_eq!(of(libc::SYS_chmod, 0, 0o4755, 0, 0), REFUSED_AS);
        let garbage = 0o7777;
        assert_eq!(of(libc::SYS_openat, 0, 0, libc::O_DIRECTORY as u64, garbage), ALLOWED);
        assert_eq!(of(libc::SYS_openat, 0, 0, libc::O_CREAT as u64, garbage), REFUSED_AS);
        assert_eq!(of(libc::SYS_openat, 0, 0, libc::O_TMPFILE as u64, garbage), REFUSED_AS);
        assert_eq!(of(libc::SYS_openat, 0, 0, libc::O_CREAT as u64, 0o644), ALLOWED);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn pairs_of_sockets_are_connected_to_each_other_alone() {
        let answer = |unix_sockets, family: i32, kind: i32| {
            let mut confinement = Confinement::new(Tier::Full);
            confinement.unix_sockets = unix_sockets;
            let arguments = [family as u64, kind as u64, 0, 0, 0, 0];
            run(&filter(&confinement), libc::SYS_socketpair, arguments)
        };
        for kind in [libc::SOCK_STREAM, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC] {
            assert_eq!(answer(false, libc::AF_UNIX, kind), ALLOWED);
            assert_eq!(answer(true, libc::AF_TIPC, kind), REFUSED_AS);
        }
        for kind in [libc::SOCK_DGRAM, libc::SOCK_RAW | libc::SOCK_NONBLOCK] {
            assert_eq!(answer(false, libc::AF_UNIX, kind), REFUSED_AS);
            assert_eq!(answer(true, libc::AF_UNIX, kind), ALLOWED);
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_first_process_of_a_room_is_left_alone() {
        let full = filter(&Confinement::new(Tier::Full));
        for (call, argument) in [
            (libc::SYS_prlimit64, 0),
            (libc::SYS_sched_setaffinity, 0),
            (libc::SYS_sched_setscheduler, 0),
            (libc::SYS_setpriority, 1),
            (libc::SYS_ioprio_set, 1),
        ] {
            for (who, answer) in [(0, ALLOWED), (1, REFUSED_AS), (7, ALLOWED)] {
                let mut arguments = [0; 6];
                arguments[argument] = who;
                assert_eq!(run(&full, call, arguments), answer, "{call} {who}");
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn sockets_are_those_of_the_network() {
        let answer = |network: Network, unix_sockets, tier, family: i32, kind: i32, protocol: u64| {
            let mut confinement = Confinement::new(tier);
            confinement.network = network;
            confinement.unix_sockets = unix_sockets;
            run(
                &filter(&confinement),
                libc::SYS_socket,
                [family as u64, kind as u64, protocol, 0, 0, 0],
            )
        };
        let stream = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
        let datagram = libc::SOCK_DGRAM;
        let connect = || Network::Connect(vec![443]);
        assert_eq!(
            answer(Network::None, false, Tier::Full, libc::AF_INET, stream, 0),
            ALLOWED
        );
        assert_eq!(
            answer(Network::None, false, Tier::Full, libc::AF_INET6, datagram, 0),
            ALLOWED
        );
        assert_eq!(
            answer(Network::None, false, Tier::Full, libc::AF_UNIX, stream, 0),
            REFUSED_AS
        );
        assert_eq!(
            answer(Network::None, true, Tier::Full, libc::AF_UNIX, stream, 0),
            ALLOWED
        );
        assert_eq!(
            answer(Network::Host, true, Tier::Full, libc::AF_NETLINK, datagram, 0),
            REFUSED_AS
        );
        assert_eq!(
            answer(Network::Host, true, Tier::Full, libc::AF_VSOCK, stream, 0),
            REFUSED_AS
        );
        assert_eq!(
            answer(Network::Host, false, Tier::Full, libc::AF_INET, stream, 262),
            REFUSED_AS
        );
        assert_eq!(
            answer(Network::Host, false, Tier::Full, libc::AF_INET, libc::SOCK_RAW, 1),
            REFUSED_AS
        );
        assert_eq!(
            answer(Network::None, false, Tier::Reduced, libc::AF_INET, stream, 0),
            REFUSED_AS
        );
        assert_eq!(
            answer(Network::None, true, Tier::Reduced, libc::AF_INET, stream, 0),
            REFUSED_AS
        );
        assert_eq!(
            answer(Network::None, true, Tier::Reduced, libc::AF_UNIX, stream, 0),
            ALLOWED
        );
        assert_eq!(
            answer(connect(), false, Tier::Reduced, libc::AF_INET, stream, 6),
            ALLOWED
        );
        assert_eq!(
            answer(connect(), false, Tier::Reduced, libc::AF_INET, stream, 132),
            REFUSED_AS
        );
        assert_eq!(
            answer(connect(), false, Tier::Full, libc::AF_INET, datagram, 0),
            REFUSED_AS
        );
    }
}
