//! What a child starts with.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::{fs, path::Path};

use childproof_host::Proposal;
use childproof_host::policy::{Arguments, Grant};
use childproof_tests::{Case, isolated, isolated_by, program};
use rustix::io::{FdFlags, fcntl_setfd};

crate::succeed! {
    row30_its_stdio_blocks
    row33_its_own_session_without_a_terminal
}

pub(crate) fn row27_sigpipe_is_at_its_default(case: Case) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    assert_ne!(
        u64::from_str_radix(ignored.trim(), 16).unwrap(),
        0,
        "the host ignores SIGPIPE, as Rust has it"
    );
    case.grants(&["yes"]).succeeds();
}

/// Blocks signals and becomes the program of its arguments.
const BLOCK_SIGNALS: &str = "import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGRTMAX})
os.execv(sys.argv[1], sys.argv[1:])";

pub(crate) fn row28_no_signal_is_blocked(case: Case) {
    let name = case.test().to_owned();
    let python = program("python3");
    let starter = [python.as_os_str(), "-c".as_ref(), BLOCK_SIGNALS.as_ref()];
    isolated_by(&starter, &name, || {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        assert_ne!(
            u64::from_str_radix(blocked.trim(), 16).unwrap(),
            0,
            "each thread of the host has inherited this"
        );
        case.succeeds();
    });
}

pub(crate) fn row29_only_its_stdio_is_inherited(case: Case) {
    let open: Vec<_> = (0..20).map(|_| tempfile::tempfile().unwrap()).collect();
    for file in &open {
        fcntl_setfd(file, FdFlags::empty()).unwrap();
    }
    case.succeeds();
    drop(open);
}

pub(crate) fn row31_failed_spawns_leak_nothing(case: Case) {
    let name = case.test().to_owned();
    isolated(&name, || {
        let programs = tempfile::tempdir().unwrap();
        let script = write_program(programs.path(), "script", "#!/nowhere/interpreter\n");
        let counts = descriptors_at_each_spawn(case.grant("interpreter-missing", script));
        assert_eq!(counts.len(), 1_000);
        // Some are kept: /dev/null, and those of a few rooms. Those of rooms that are being ended come and go.
        let last = counts[900..].iter().min().unwrap();
        assert!(*last < counts[0] + 20, "{counts:?}");
    });
}

/// Runs the guest, and answers how many descriptors this process had open whenever it was asked for a process.
pub(crate) fn descriptors_at_each_spawn(case: Case) -> Vec<usize> {
    let counts = Arc::new(Mutex::new(Vec::new()));
    let counter = counts.clone();
    let count = move |_: &Proposal<'_>| {
        let open = fs::read_dir("/proc/self/fd").unwrap().count();
        counter.lock().unwrap().push(open);
        Ok(())
    };
    case.hook(count).succeeds();
    std::mem::take(&mut counts.lock().unwrap())
}

/// A grant of an executable file with these contents, with all arguments.
pub(crate) fn write_program(directory: &Path, name: &str, contents: impl AsRef<[u8]>) -> Grant {
    let path = directory.join(name);
    fs::write(&path, contents).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Grant::program(path).args(Arguments::Any)
}
