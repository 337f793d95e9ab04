//! What a child sees of the system and of itself.

use childproof_launch::Tier;

use super::{Run, TIERS, as_each_user, is_root, profile, sorted, user};
use crate::support::{block_on, name};

/// Those of these names that the host has in this directory.
fn there(directory: &str, names: &[&str]) -> Vec<String> {
    let there = |name: &&&str| std::fs::symlink_metadata(format!("{directory}/{name}")).is_ok();
    names.iter().filter(there).map(|name| (*name).to_owned()).collect()
}

fn with(mut names: Vec<String>, others: &[&str]) -> Vec<String> {
    names.extend(others.iter().map(|name| (*name).to_owned()));
    names.sort();
    names
}

#[test]
fn the_root_holds_the_system_and_nothing_else() {
    as_each_user(name!(the_root_holds_the_system_and_nothing_else), || {
        block_on(async {
            let profile = profile(Tier::Full, |_| {});
            let list =
                async |directory: &str| sorted(&Run::program(&profile, "/bin/ls", &["-A", directory]).text().await);
            let programs = there("", &["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"]);
            assert_eq!(list("/").await, with(programs, &["dev", "etc", "proc", "tmp", "var"]));
            let devices = there("/dev", &["null", "zero", "full", "random", "urandom", "tty"]);
            assert_eq!(
                list("/dev").await,
                with(devices, &["fd", "shm", "stderr", "stdin", "stdout"])
            );
            assert_eq!(list("/var").await, ["tmp"]);
            let configuration = [
                "alternatives",
                "ld.so.cache",
                "locale.alias",
                "locale.conf",
                "localtime",
                "mime.types",
                "os-release",
                "pki",
                "protocols",
                "services",
                "ssl",
                "timezone",
            ];
            let own = ["group", "hosts", "mtab", "nsswitch.conf", "passwd"];
            assert_eq!(list("/etc").await, with(there("/etc", &configuration), &own));
            let certificates = there("/etc/ssl", &["cert.pem", "certs", "openssl.cnf"]);
            assert_eq!(list("/etc/ssl").await, with(certificates, &[]));
        });
    });
}

#[test]
fn the_devices_are_those_they_are_called() {
    as_each_user(name!(the_devices_are_those_they_are_called), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let script = "head -c 5 /dev/zero | od -An -tx1; head -c 5 /dev/urandom | wc -c
                    echo gone > /dev/null; cat /dev/null; (echo full > /dev/full) 2>/dev/null || echo full";
                let said = Run::shell(&profile, script).text().await;
                let said: Vec<_> = said.lines().map(str::trim).collect();
                assert_eq!(said, ["00 00 00 00 00", "5", "full"], "{tier}");
            }
        });
    });
}

#[test]
fn the_nodes_of_devices_are_the_hosts() {
    as_each_user(name!(the_nodes_of_devices_are_the_hosts), || {
        block_on(async {
            let profile = profile(Tier::Full, |_| {});
            // A mode that they have already: what succeeds here changes nothing.
            let script = "for node in /dev/null /dev/full /proc/kpagecount /proc/self/fd/0; do
                if test -e $node && chmod $(stat -c %a $node) $node 2>/dev/null; then echo $node; fi; done";
            assert_eq!(Run::shell(&profile, script).text().await, "");
        });
    });
}

#[test]
fn keys_and_passwords_of_the_host_are_out_of_reach() {
    as_each_user(name!(keys_and_passwords_of_the_host_are_out_of_reach), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let script = "for path in /etc/shadow /etc/sudoers /etc/ssl/private /etc/ssh /root /home /var/lib /sys /run; do
                    ls -A $path/ && echo can list $path; cat $path && echo can read $path; done 2>/dev/null; cat /etc/ld.so.cache";
                let (_, said) = Run::shell(&profile, &format!("{{ {script}; }} | grep -a '^can'"))
                    .output()
                    .await;
                assert_eq!(said, "", "{tier}");
            }
        });
    });
}

#[test]
fn a_child_is_process_two_and_sees_its_own_processes_alone() {
    as_each_user(name!(a_child_is_process_two_and_sees_its_own_processes_alone), || {
        block_on(async {
            let profile = profile(Tier::Full, |_| {});
            // The shell lists by itself.
            let said = Run::shell(&profile, "echo $$ $PPID; sleep 100 & echo /proc/[0-9]*")
                .text()
                .await;
            let processes = if profile.has_proc() {
                "/proc/1 /proc/2 /proc/3"
            } else {
                "/proc/[0-9]*"
            };
            assert_eq!(said, format!("2 0\n{processes}\n"));
        });
    });
}

/// What a root host's child may try to change, and what belongs to any child.
const OF_PROC: &[&str] = &[
    "/proc/self/comm",
    "/proc/self/oom_score_adj",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/domainname",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/user/max_user_namespaces",
    "/proc/sys/vm/drop_caches",
    "/proc/sysrq-trigger",
];

#[test]
fn proc_cannot_be_written_to() {
    as_each_user(name!(proc_cannot_be_written_to), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let paths = OF_PROC.join(" ");
                let script = format!("for path in {paths}; do test -e $path && (echo 1 > $path) 2>&1; done; exit 0");
                let said = Run::shell(&profile, &script).text().await;
                let is_refused = |line: &str| {
                    ["Read-only file system", "Permission denied"]
                        .iter()
                        .any(|why| line.ends_with(why))
                };
                assert!(said.lines().all(is_refused), "{tier}: {said}");
                assert!(said.lines().count() >= 5, "{tier}: {said}");
                if tier == Tier::Full && profile.has_proc() {
                    let of_itself = said.lines().next().unwrap();
                    assert!(of_itself.ends_with("comm: Read-only file system"), "{said}");
                }
            }
        });
    });
}

#[test]
fn what_proc_tells_root_alone_a_roots_child_is_not_told() {
    as_each_user(name!(what_proc_tells_root_alone_a_roots_child_is_not_told), || {
        if is_root() {
            let told = std::fs::read("/proc/vmallocinfo").unwrap();
            assert!(!told.is_empty(), "the host itself is told");
        }
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let script = "
import os, stat
try: names = os.listdir('/proc')
except PermissionError: names = []
for name in names:
    path = '/proc/' + name
    try:
        mode = os.stat(path).st_mode
        if name.isdigit() or not stat.S_ISREG(mode) or mode & 0o004: continue
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        content = os.read(fd, 1)
    except OSError: continue
    if content: print(name)
for name in ('kcore', 'kmsg', 'vmallocinfo', 'slabinfo', 'timer_list', 'kpagecount'):
    try:
        if os.read(os.open('/proc/' + name, os.O_RDONLY | os.O_NONBLOCK), 1): print(name)
    except OSError: pass";
                assert_eq!(Run::python(&profile, script).text().await, "", "{tier}");
            }
        });
    });
}

#[test]
fn the_first_process_of_its_tree_is_closed_to_it() {
    as_each_user(name!(the_first_process_of_its_tree_is_closed_to_it), || {
        block_on(async {
            let profile = profile(Tier::Full, |_| {});
            let script = "for path in mem environ auxv maps stack; do head -c 1 /proc/1/$path && echo read $path; done 2>/dev/null
                for path in exe cwd root fd/0 fd/1 ns/mnt; do readlink /proc/1/$path && echo follow $path; done
                kill -KILL 1 2>/dev/null; kill -TERM 1 2>/dev/null; ls -d /proc/1; readlink /proc/$$/exe >/dev/null && echo its own 2>/dev/null";
            let (_, said) = Run::shell(&profile, script).output().await;
            assert_eq!(said, "/proc/1\nits own\n");
        });
    });
}

#[test]
fn it_has_a_name_and_no_privilege() {
    as_each_user(name!(it_has_a_name_and_no_privilege), || {
        block_on(async {
            let profile = profile(Tier::Full, |_| {});
            let inside = if is_root() { 1000 } else { user() };
            let said = Run::shell(&profile, "id -u; id -g; id -un; whoami; id -Gn")
                .text()
                .await;
            assert_eq!(
                said,
                format!("{inside}\n{inside}\nchildproof\nchildproof\nchildproof\n")
            );
            let status = Run::program(&profile, "/bin/cat", &["/proc/self/status"]).text().await;
            let of = |key: &str| {
                let line = status.lines().find(|line| line.starts_with(key)).unwrap();
                line.split_once(':').unwrap().1.trim()
            };
            for key in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(of(key), "0000000000000000", "{key}");
            }
            assert_eq!(
                (of("NoNewPrivs"), of("Seccomp"), of("Seccomp_filters")),
                ("1", "2", "1")
            );
            assert_eq!(of("Groups"), "");
            // What the kernel says to who asks for itself: capget(2) and prctl(2).
            let script = "
import ctypes
libc = ctypes.CDLL(None)
header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[7] * 6)
print(libc.capget(header, sets), list(sets), libc.prctl(39, 0, 0, 0, 0), libc.prctl(21, 0, 0, 0, 0))
print(sum(libc.prctl(23, capability, 0, 0, 0) == 1 for capability in range(64)))";
            for tier in TIERS {
                let profile = super::profile(tier, |_| {});
                let said = Run::python(&profile, script).text().await;
                let (itself, bounds) = said.split_once('\n').unwrap();
                assert_eq!(itself, "0 [0, 0, 0, 0, 0, 0] 1 2", "{tier}");
                if tier == Tier::Full || is_root() {
                    assert_eq!(bounds.trim(), "0", "{tier}");
                }
            }
        });
    });
}

#[test]
fn its_namespaces_are_not_the_hosts() {
    as_each_user(name!(its_namespaces_are_not_the_hosts), || {
        block_on(async {
            let profile = profile(Tier::Full, |_| {});
            for kind in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
                let path = format!("/proc/self/ns/{kind}");
                let host = std::fs::read_link(&path).unwrap();
                let child = Run::program(&profile, "/bin/readlink", &[&path]).text().await;
                assert!(child.starts_with(&format!("{kind}:[")), "{child}");
                assert_ne!(child.trim(), host.to_str().unwrap());
            }
        });
    });
}

#[test]
fn it_starts_with_three_descriptors_and_leads_a_session() {
    as_each_user(name!(it_starts_with_three_descriptors_and_leads_a_session), || {
        // SAFETY: the call takes numbers; the descriptor stays open on purpose, and exec would leave it open.
        assert!(unsafe { libc::fcntl(0, libc::F_DUPFD, 40) } >= 40);
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let script = "import os
print([fd for fd in range(1024) if os.path.exists(f'/proc/self/fd/{fd}')], os.getsid(0) == os.getpid() == os.getpgid(0))";
                assert_eq!(Run::python(&profile, script).text().await, "[0, 1, 2] True\n", "{tier}");
            }
        });
    });
}
