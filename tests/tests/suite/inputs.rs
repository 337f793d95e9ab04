//! What a guest asks for and the system has not.

use std::fs;

use childproof_tests::{Case, refuse_processes};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub(crate) fn row35_what_is_missing_is_named(case: Case) {
    let programs = case.programs();
    let replace = move || {
        fs::remove_file(programs.join("missing")).unwrap();
        let (replaced, other) = (programs.join("replaced"), programs.join("other"));
        fs::copy(&replaced, &other).unwrap();
        fs::write(&other, "#!/bin/sh\necho another\n").unwrap();
        fs::rename(other, replaced).unwrap();
    };
    case.before(replace).meets();
}

pub(crate) fn row35_an_error_has_the_kind_of_std(case: Case) {
    let programs = case.programs();
    case.before(move || fs::remove_dir_all(programs).unwrap()).meets();
}

pub(crate) fn row40_no_descriptor_left_is_named(case: Case) {
    case.isolated(|case| {
        let lower = || {
            let open = fs::read_dir("/proc/self/fd").unwrap().count() as u64;
            let limit = getrlimit(Resource::Nofile);
            setrlimit(
                Resource::Nofile,
                Rlimit {
                    current: Some(open + 60),
                    ..limit
                },
            )
            .unwrap();
        };
        case.before(lower).meets();
    });
}

pub(crate) fn row40_no_room_for_a_process_is_named(case: Case) {
    case.isolated(|case| {
        for (what, errno) in [("process", Errno::AGAIN), ("memory", Errno::NOMEM)] {
            let case = case.again(&[what]);
            case.before(move || refuse_processes(errno.raw_os_error())).meets();
        }
    });
}
