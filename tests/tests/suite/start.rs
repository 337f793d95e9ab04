//! What a child starts with.

use std::fs;
use std::sync::{Arc, Mutex};

use childproof_host::Proposal;
use childproof_tests::Case;
use rustix::io::{FdFlags, fcntl_setfd};

pub(crate) fn row27_sigpipe_is_at_its_default(case: Case) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    assert_ne!(
        u64::from_str_radix(ignored.trim(), 16).unwrap(),
        0,
        "the host ignores SIGPIPE, as Rust has it"
    );
    case.meets();
}

pub(crate) fn row28_no_signal_is_blocked(case: Case) {
    case.isolated(|case| {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        assert_ne!(
            u64::from_str_radix(blocked.trim(), 16).unwrap(),
            0,
            "each thread of the host has inherited this"
        );
        case.meets();
    });
}

pub(crate) fn row29_only_its_stdio_is_inherited(case: Case) {
    case.isolated(|case| {
        let open: Vec<_> = (0..20).map(|_| tempfile::tempfile().unwrap()).collect();
        for file in &open {
            fcntl_setfd(file, FdFlags::empty()).unwrap();
        }
        case.meets();
        drop(open);
    });
}

pub(crate) fn row31_failed_spawns_leak_nothing(case: Case) {
    case.isolated(|case| {
        let counts = descriptors_at_each_spawn(case);
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
    case.hook(count).meets();
    std::mem::take(&mut counts.lock().unwrap())
}
