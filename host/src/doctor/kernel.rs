//! What the kernel gives.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use childproof_launch::{ConfineError, Kernel, Profile};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;

use super::tiers::without_help;
use super::trial::find;
use super::{Check, Section};

pub(super) fn examine(full: Option<&Profile>) -> Vec<Check> {
    let kernel = Kernel::probe();
    let mut checks = vec![
        tried("user namespaces", &kernel.user_namespaces, "one was made"),
        tried(
            "mount namespaces",
            &kernel.mount_namespaces,
            "one was made, and something was mounted in it",
        ),
        tried(
            "other namespaces",
            &kernel.other_namespaces,
            "of processes, network, System V IPC, host name and control groups: one of each was made",
        ),
    ];
    checks.extend(landlock(&kernel.landlock));
    checks.extend([
        tried("seccomp filter", &kernel.seccomp, "a filter of system calls was put on a process"),
        proc(full),
        memfd(),
        of_pidfds(
            "pidfd group signals",
            kernel.group_signals,
            "a process group is signalled by descriptor, so that no other can be hit",
            "a process group is signalled by number, and only while that is known to be its own",
            "Linux 6.9",
        ),
        of_pidfds(
            "pidfd exit status",
            kernel.kept_status,
            "the kernel keeps the status of a child that somebody else in the host collected",
            "the status of a child is lost when somebody else in the host collects it (waitpid of any child, SIGCHLD ignored)",
            "Linux 6.15",
        ),
    ]);
    checks
}

fn tried(name: &'static str, result: &Result<(), ConfineError>, detail: &str) -> Check {
    match result {
        Ok(()) => Check::new(Section::Kernel, name, true, detail),
        Err(error) => Check::new(Section::Kernel, name, false, without_help(error, error.help())).fix(error.help()),
    }
}

fn of_pidfds(name: &'static str, has: bool, with: &str, without: &str, since: &str) -> Check {
    match has {
        true => Check::new(Section::Kernel, name, true, with),
        false => Check::new(Section::Kernel, name, false, without).fix(format!("{since} has it")),
    }
}

/// What a version of Landlock added, and what it means to lack it.
struct Part {
    name: &'static str,
    version: u32,
    linux: &'static str,
    covers: &'static str,
    lack: &'static str,
}

const PARTS: [Part; 5] = [
    Part {
        name: "Landlock: renames",
        version: 2,
        linux: "5.19",
        covers: "files can be moved and linked between directories that both may be written to",
        lack: "files cannot be moved or linked from one directory to another",
    },
    Part {
        name: "Landlock: truncate",
        version: 3,
        linux: "6.2",
        covers: "a file that may not be written cannot be truncated either",
        lack: "a file that may not be written can be truncated where it is shown: in the full tier nothing else is",
    },
    Part {
        name: "Landlock: TCP ports",
        version: 4,
        linux: "6.7",
        covers: "a grant can be held to ports, with network = { connect = [...] }",
        lack: "a grant with network = { connect = [...] } is refused, and so is the tier reduced",
    },
    Part {
        name: "Landlock: devices",
        version: 5,
        linux: "6.10",
        covers: "requests to devices (ioctl) are held to those that were given",
        lack: "requests to devices (ioctl) are held by their files' permissions alone",
    },
    Part {
        name: "Landlock: scopes",
        version: 6,
        linux: "6.12",
        covers: "signals and abstract Unix sockets stay among the processes of a child",
        lack: "nothing but namespaces keeps signals and abstract Unix sockets from the host: the tier reduced is refused",
    },
];

fn landlock(version: &Result<u32, ConfineError>) -> Vec<Check> {
    let version = match version {
        Ok(version) => *version,
        Err(error) => {
            let check = Check::new(Section::Kernel, "Landlock", false, without_help(error, error.help()));
            return vec![check.fix(error.help())];
        }
    };
    let parts = PARTS.iter().map(|part| match version >= part.version {
        true => Check::new(Section::Kernel, part.name, true, part.covers),
        false => Check::new(Section::Kernel, part.name, false, part.lack).fix(format!("Linux {} has it", part.linux)),
    });
    let detail = format!("version {version}; it decides about reading, writing, making and executing files");
    std::iter::once(Check::new(Section::Kernel, "Landlock", true, detail))
        .chain(parts)
        .collect()
}

/// Whether children of the full tier have a `/proc`, and what keeps them from it.
fn proc(full: Option<&Profile>) -> Check {
    const NAME: &str = "/proc";
    let Some(full) = full else {
        return Check::new(Section::Kernel, NAME, false, "not known: the tier full does not work");
    };
    if full.has_proc() {
        return Check::new(
            Section::Kernel,
            NAME,
            true,
            "a child has one of its own, which shows its own processes",
        );
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let below = |line: &str| {
        line.split(' ')
            .nth(4)
            .filter(|path| path.starts_with("/proc/"))
            .map(str::to_owned)
    };
    let covered: Vec<String> = mounts.lines().filter_map(below).collect();
    let none = "a child has none: the kernel gives it one only where the host sees all of its own";
    match covered.is_empty() {
        true => Check::new(Section::Kernel, NAME, false, none).fix("mount /proc whole, without subset= and hidepid="),
        false => Check::new(Section::Kernel, NAME, false, format!("{none}, and here {} is covered", covered.join(", "))).fix(
            "have the container show all of /proc: Docker, --security-opt systempaths=unconfined; Podman, --security-opt \
             unmask=ALL; Kubernetes, procMount: Unmasked",
        ),
    }
}

/// Runs a copy of a program from memory, as the first process of a tree is.
fn memfd() -> Check {
    const NAME: &str = "memfd execution";
    let broken = |detail: String| {
        let fix = "set vm.memfd_noexec to 0 or 1: sysctl vm.memfd_noexec=1";
        let is_set = fs::read_to_string("/proc/sys/vm/memfd_noexec").is_ok_and(|value| value.trim() == "2");
        Check::new(Section::Kernel, NAME, false, detail).fix(if is_set { fix } else { "" })
    };
    match run_from_memory() {
        Ok(true) => Check::new(Section::Kernel, NAME, true, "a program was executed from memory"),
        Ok(false) => broken("a program that was executed from memory failed".to_owned()),
        Err(error) => broken(format!("a program cannot be executed from memory: {error}")),
    }
}

fn run_from_memory() -> io::Result<bool> {
    let program = find("true").ok_or_else(|| io::Error::other("there is no program `true` to try it with"))?;
    let content = fs::read(program)?;
    let memory = match memfd_create(c"true", MemfdFlags::CLOEXEC | MemfdFlags::EXEC) {
        // Before Linux 6.3 the flag is unknown and what it asks for is the rule.
        Err(Errno::INVAL) => memfd_create(c"true", MemfdFlags::CLOEXEC)?,
        result => result?,
    };
    File::from(memory.try_clone()?).write_all(&content)?;
    // A file that is open for writing is not executed.
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    let readable = File::open(&path)?;
    drop(memory);
    let status = Command::new(format!("/proc/self/fd/{}", readable.as_raw_fd()))
        .arg0("true")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(status.success())
}
