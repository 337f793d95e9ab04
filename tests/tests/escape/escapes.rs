//! The table of the ways out: what is attempted, what it is aimed at, what proves that it can succeed, and what each tier
//! does about it.
//!
//! A row is a name, the probe's attempt, and the target outside of the grant. Without more it says that both tiers shut it
//! and that it succeeds unconfined. `inside` aims the same attempt at something granted, where it must succeed in the same
//! tier. What stands in braces is told by `World::value`.

use crate::row::Control::{Bare, UnconfinedRoot};
use crate::row::Expected::{Gap, Untold};
use crate::row::Row;
use crate::tier::Tier;
use crate::user::User;
use crate::world::Sight::{Arrival, Change, Memory, Planted, Secret};

/// Declares the table, and a test for each row, tier and user.
macro_rules! rows {
    ($($name:ident: ($attempt:literal, $target:literal) $(.$word:ident($($argument:expr),+))*;)*) => {
        /// All rows.
        pub(crate) static ROWS: &[Row] = &[
            $(Row::new(stringify!($name), $attempt, $target)$(.$word($($argument),+))*,)*
        ];

        $(
            mod $name {
                use super::*;

                #[test]
                fn full_as_root() {
                    test(stringify!($name), "full_as_root", Tier::Full, User::Root);
                }

                #[test]
                fn full_unprivileged() {
                    test(stringify!($name), "full_unprivileged", Tier::Full, User::Unprivileged);
                }

                #[test]
                fn reduced_as_root() {
                    test(stringify!($name), "reduced_as_root", Tier::Reduced, User::Root);
                }

                #[test]
                fn reduced_unprivileged() {
                    test(stringify!($name), "reduced_unprivileged", Tier::Reduced, User::Unprivileged);
                }
            }
        )*
    };
}

fn test(name: &str, test: &str, tier: Tier, user: User) {
    let row = ROWS
        .iter()
        .find(|row| row.name == name)
        .expect("the test is made from the row");
    row.check(&format!("escapes::{name}::{test}"), tier, user);
}

/// Landlock has no right for it, and a filter of system calls cannot see paths.
const BY_PATH: &str = "Landlock does not know the operation, and a filter does not see the path";
const NO_XATTR: &[&str] = &["EOPNOTSUPP"];
const XATTR: &str = "the file system of the temporary directory has no extended attributes of users";
const RIGHTS: &str = "it takes capabilities";

rows! {
    // Files that are not granted.
    read: ("read", "{outside}/secret").sees(Secret).inside("{data}/secret");
    write: ("write", "{outside}/secret").sees(Change).inside("{data}/secret");
    truncate: ("truncate", "{outside}/secret").sees(Change).inside("{data}/secret");
    create: ("create", "{outside}/new").sees(Change).inside("{data}/new");
    mkdir: ("mkdir", "{outside}/new").sees(Change).inside("{data}/new");
    unlink: ("unlink", "{outside}/secret").sees(Change).inside("{data}/secret");
    rename_out: ("rename", "{outside}/secret {data}/stolen").sees(Change).inside("{data}/secret {data}/moved");
    rename_in: ("rename", "{data}/secret {outside}/planted").sees(Change).inside("{data}/secret {data}/moved");
    rename_over: ("rename", "{data}/secret {outside}/secret").sees(Change).inside("{data}/secret {data}/other");
    link_out: ("link", "{outside}/secret {data}/stolen").sees(Change).inside("{data}/secret {data}/linked");
    link_in: ("link", "{data}/secret {outside}/planted").sees(Change).inside("{data}/secret {data}/linked");
    chmod: ("chmod", "{outside}/secret").sees(Change).inside("{data}/secret").reduced(Gap(BY_PATH));
    utimes: ("utimes", "{outside}/secret").sees(Change).inside("{data}/secret").reduced(Gap(BY_PATH));
    setxattr: ("setxattr", "{outside}/secret").sees(Change).inside("{data}/secret").may_lack(NO_XATTR, XATTR)
        .reduced(Gap(BY_PATH));
    stat: ("stat", "{outside}/secret").inside("{data}/secret").reduced(Gap(BY_PATH));
    list_directory: ("list-directory", "{outside}").sees(Secret).inside("{data}");
    inotify: ("inotify", "{outside}/secret").inside("{data}/secret").reduced(Gap(BY_PATH));
    name_to_handle: ("name-to-handle", "{outside}/secret").inside("{data}/secret").reduced(Gap(BY_PATH))
        .may_lack(&["EOPNOTSUPP"], "the file system of the temporary directory has no handles");
    open_by_handle: ("open-handle", "{data} {handle}").sees(Secret).control(UnconfinedRoot(RIGHTS));

    // The same files by other ways.
    symlink_read: ("read", "{data}/to-secret").sees(Secret).inside("{data}/to-own");
    symlink_write: ("write", "{data}/to-secret").sees(Change).inside("{data}/to-own");
    symlink_truncate: ("truncate", "{data}/to-secret").sees(Change).inside("{data}/to-own");
    symlink_upwards: ("read", "{data}/up-to-secret").sees(Secret).inside("{data}/to-own");
    symlink_directory: ("create", "{data}/to-outside/new").sees(Change).inside("{data}/to-below/new");
    dot_dot: ("read", "{data}/../outside/secret").sees(Secret).inside("{data}/below/../secret");
    dot_dot_from_cwd: ("read", "../outside/secret").sees(Secret).inside("below/../secret");
    dot_dot_write: ("write", "{data}/../outside/secret").sees(Change).inside("{data}/below/../secret");
    proc_self_root: ("read", "/proc/self/root{outside}/secret").sees(Secret);
    proc_self_cwd: ("read", "/proc/self/cwd/../outside/secret").sees(Secret);
    proc_host_root: ("read", "/proc/{pid}/root{outside}/secret").sees(Secret);
    proc_host_cwd: ("read", "/proc/{pid}/cwd/secret").sees(Secret);
    proc_host_mem: ("read-at", "/proc/{pid}/mem {address}").sees(Secret);
    proc_host_environ: ("read", "/proc/{pid}/environ").sees(Secret);
    proc_host_fd: ("read", "/proc/{pid}/fd/{fd}").sees(Secret);
    // The parent of a confined process may be a part of the host that looks like a process of its own.
    proc_parent_root: ("read", "/proc/@parent/root{outside}/secret").sees(Secret);
    proc_parent_cwd: ("read", "/proc/@parent/cwd/secret").sees(Secret);
    proc_parent_mem: ("read-at", "/proc/@parent/mem {address}").sees(Secret);
    proc_parent_environ: ("read", "/proc/@parent/environ").sees(Secret);
    proc_parent_fd: ("read", "/proc/@parent/fd/{fd}").sees(Secret);
    proc_anyone: ("scan-processes", "").sees(Secret);
    leaked_descriptor: ("descriptors", "").sees(Secret).control(Bare);
    memfd_read: ("memfd", "read {outside}/secret {probe}").sees(Secret).inside("read {data}/secret {probe}");
    memfd_unlink: ("memfd", "unlink {outside}/secret {probe}").sees(Change).inside("unlink {data}/secret {probe}");

    // A directory that is granted to be read.
    ro_write: ("write", "{ro}/secret").sees(Change).inside("{data}/secret");
    ro_reopen: ("reopen", "{ro}/secret").sees(Change);
    ro_truncate: ("truncate", "{ro}/secret").sees(Change).inside("{data}/secret");
    ro_create: ("create", "{ro}/new").sees(Change).inside("{data}/new");
    ro_mkdir: ("mkdir", "{ro}/new").sees(Change).inside("{data}/new");
    ro_unlink: ("unlink", "{ro}/secret").sees(Change).inside("{data}/secret");
    ro_rename: ("rename", "{ro}/secret {ro}/moved").sees(Change).inside("{data}/secret {data}/moved");
    ro_rename_out: ("rename", "{ro}/secret {data}/moved").sees(Change).inside("{data}/secret {data}/moved");
    ro_link: ("link", "{ro}/secret {data}/linked").sees(Change).inside("{data}/secret {data}/linked");
    ro_chmod: ("chmod", "{ro}/secret").sees(Change).inside("{data}/secret").reduced(Gap(BY_PATH));
    ro_utimes: ("utimes", "{ro}/secret").sees(Change).inside("{data}/secret").reduced(Gap(BY_PATH));
    ro_setxattr: ("setxattr", "{ro}/secret").sees(Change).inside("{data}/secret").may_lack(NO_XATTR, XATTR)
        .reduced(Gap(BY_PATH));

    // What would serve others beside the process.
    device: ("mknod", "{data}/device").sees(Planted).control(UnconfinedRoot(RIGHTS));
    setuid_by_open: ("plant-setuid", "{data}/planted open").sees(Planted);
    setuid_by_openat2: ("plant-setuid", "{data}/planted openat2").sees(Planted);
    setuid_by_mknod: ("plant-setuid", "{data}/planted mknod").sees(Planted);
    setuid_by_chmod: ("plant-setuid", "{data}/planted chmod").sees(Planted);
    setuid_by_fchmod: ("plant-setuid", "{data}/planted fchmod").sees(Planted);
    setuid_by_fchmodat: ("plant-setuid", "{data}/planted fchmodat").sees(Planted);
    setuid_by_fchmodat2: ("plant-setuid", "{data}/planted fchmodat2").sees(Planted)
        .may_lack(&["ENOSYS"], "the system call is newer than the kernel");

    // The network.
    tcp_connect: ("tcp-connect", "{tcp}").sees(Arrival);
    tcp_connect_over_ipv6: ("tcp6-connect", "{tcp}").sees(Arrival).may_lack(&["EAFNOSUPPORT"], "there is no IPv6");
    tcp_listen: ("tcp-listen", "0").sees(Arrival);
    tcp_fast_open: ("tcp-fast-open", "{tcp}").sees(Arrival)
        .may_lack(&["EOPNOTSUPP"], "TCP Fast Open is switched off");
    mptcp_connect: ("mptcp-connect", "{tcp}").sees(Arrival)
        .may_lack(&["EPROTONOSUPPORT", "ENOPROTOOPT", "EINVAL"], "there is no Multipath TCP");
    udp_send: ("udp-send", "{udp}").only_sees(Arrival);
    unix_path: ("unix-connect", "{outside}/socket").sees(Arrival);
    unix_path_through_symlink: ("unix-connect", "{data}/to-outside/socket").sees(Arrival);
    unix_datagram_pair: ("datagram-pair", "");
    unix_abstract: ("abstract-connect", "{abstract}").sees(Arrival);
    netlink_interfaces: ("netlink-interfaces", "").may_lack(&["ENODATA"], "there is no interface but the loopback");
    netlink_sockets: ("netlink-sockets", "{tcp}").may_lack(&["ENOENT"], "the kernel does not list its sockets");
    proc_sockets: ("proc-sockets", "{tcp}");
    vsock: ("vsock", "").may_lack(&["EAFNOSUPPORT"], "there are no sockets to a hypervisor");
    packet: ("packet", "").control(UnconfinedRoot(RIGHTS)).may_lack(&["EAFNOSUPPORT"], "there are no packet sockets");
    raw: ("raw", "").control(UnconfinedRoot(RIGHTS));
    kernel_crypto: ("kernel-crypto", "").may_lack(&["EAFNOSUPPORT"], "there are no sockets to the kernel's cryptography");

    // Ways around a filter of system calls.
    io_uring: ("io-uring", "").may_lack(&["ENOSYS", "EPERM"], "there is no io_uring, or it is switched off");
    int80: ("int80", "").may_lack(&["ENOSYS"], "there is no gate for 32-bit programs");
    x32: ("x32", "").may_lack(&["ENOSYS"], "there is no x32 ABI");

    // Other processes.
    kill_host: ("kill", "{pid}");
    kill_parent: ("kill", "@parent").full(Untold("a process may send signals to the first one of its own namespace"));
    kill_group: ("kill-group", "{group}");
    kill_all: ("kill-all", "").reduced(Untold("kill(2) answers success for -1 even where every signal was refused"));
    pidfd_signal: ("pidfd-signal", "{pid}");
    pidfd_getfd_host: ("pidfd-getfd", "{pid} {fd}").sees(Secret);
    pidfd_getfd_parent: ("pidfd-getfd", "@parent {fd}").sees(Secret);
    ptrace_host: ("ptrace", "{pid}");
    ptrace_parent: ("ptrace", "@parent");
    vm_read_host: ("vm-read", "{pid} {address}").sees(Secret);
    vm_read_parent: ("vm-read", "@parent {address}").sees(Secret);
    vm_write_host: ("vm-write", "{pid} {scratch}").sees(Memory);
    vm_write_parent: ("vm-write", "@parent {scratch}").sees(Memory);
    prlimit_read: ("prlimit-read", "{pid}");
    prlimit_write: ("prlimit-write", "{pid}");
    prlimit_parent: ("prlimit-write", "@parent");
    prlimit_first: ("prlimit-write", "1").control(UnconfinedRoot(RIGHTS));
    set_priority: ("set-priority", "{pid}");
    set_affinity: ("set-affinity", "{pid}");
    set_priority_first: ("set-priority", "1").control(UnconfinedRoot(RIGHTS));
    set_affinity_first: ("set-affinity", "1").control(UnconfinedRoot(RIGHTS));
    set_scheduler: ("set-scheduler", "{pid}");
    set_ioprio: ("set-ioprio", "{pid}");
    clone_parent: ("clone-parent", "");
    environment: ("environment", "").sees(Secret).control(Bare);

    // What processes share without a file.
    segment_by_id: ("segment-by-id", "{segment-id}").sees(Secret);
    segment_by_key: ("segment-by-key", "{segment-key}").sees(Secret);
    queue_by_id: ("queue-by-id", "{queue-id}").sees(Secret);
    queue_by_key: ("queue-by-key", "{queue-key}").sees(Secret);
    posix_queue: ("posix-queue", "{posix-queue}").sees(Secret);
    key_by_serial: ("key-by-serial", "{key-serial}").sees(Secret);
    key_by_name: ("key-by-name", "{key-name}").sees(Secret);
    add_key: ("add-key", "");

    // More rights than it was started with.
    setuid_program: ("setuid-program", "{suid}");
    unshare_user: ("unshare-user", "");
    clone_user: ("clone-user", "");
    clone3_user: ("clone3-user", "");
    user_namespace_mount: ("user-namespace-mount", "{data}");
    enter_network: ("enter-namespace", "/proc/{pid}/ns/net").control(UnconfinedRoot(RIGHTS));
    enter_network_of_parent: ("enter-namespace", "/proc/@parent/ns/net").control(UnconfinedRoot(RIGHTS));
    mount: ("mount", "{data}").control(UnconfinedRoot(RIGHTS));
    open_tree: ("open-tree", "{data}").control(UnconfinedRoot(RIGHTS));
    chroot: ("chroot", "{data}").control(UnconfinedRoot(RIGHTS));
    pivot_root: ("pivot-root", "{data}").control(UnconfinedRoot(RIGHTS));
    capabilities: ("capabilities", "").control(UnconfinedRoot("it has none to begin with"));
    capability_bound: ("capability-bound", "").reduced(Untold("no_new_privs makes the bounding set meaningless"));
    new_privileges: ("new-privileges", "");
    raise_limit: ("raise-limit", "1").inside("0").control(UnconfinedRoot(RIGHTS))
        .may_lack(&["EPERM"], "root itself may not: it has not the capability CAP_SYS_RESOURCE");
}
