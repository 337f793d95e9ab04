//! The policy's limits and quotas.

use std::time::Duration;

use childproof_host::policy::{Limits, Tier};
use childproof_tests::{Case, grant, isolated};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::start::write_program;

crate::succeed! {
    row09_limit_of_output
}

pub(crate) fn row09_limit_of_output_after_the_end(case: Case) {
    // In a confinement nothing is left to write.
    case.tier(Tier::None).succeeds();
}

pub(crate) fn row09_limit_of_wall_time(case: Case) {
    let sleep = grant("sleep").limits(Limits {
        wall: Some(Duration::from_millis(50)),
        ..Limits::default()
    });
    case.grant("sleep", sleep)
        .limits(Limits {
            wall: Some(Duration::from_secs(60)),
            ..Limits::default()
        })
        .succeeds();
}

pub(crate) fn row09_limit_of_cpu_time(case: Case) {
    case.limits(Limits {
        cpu: Some(Duration::from_secs(1)),
        ..Limits::default()
    })
    .succeeds();
}

pub(crate) fn row09_limit_of_file_size(case: Case) {
    case.limits(Limits {
        file_size: Some(65_536),
        ..Limits::default()
    })
    .succeeds();
}

pub(crate) fn limits_of_held_bytes(case: Case) {
    // What the host once held would count as the peak of the processes that other tests start.
    let name = case.test().to_owned();
    isolated(&name, || drop(case.succeeds()));
}

pub(crate) fn limits_of_held_processes(case: Case) {
    case.limits(Limits {
        live: Some(2),
        held: Some(4),
        ..Limits::default()
    })
    .succeeds();
}

pub(crate) fn limits_of_live_processes(case: Case) {
    let programs = tempfile::tempdir().unwrap();
    let missing = write_program(programs.path(), "script", "#!/nowhere/interpreter\n");
    let single = grant("sleep").limits(Limits {
        live: Some(1),
        ..Limits::default()
    });
    case.grant("single", single)
        .grant("interpreter-missing", missing)
        .limits(Limits {
            live: Some(4),
            ..Limits::default()
        })
        .succeeds();
}

pub(crate) fn limits_of_total_spawns(case: Case) {
    let programs = tempfile::tempdir().unwrap();
    let missing = write_program(programs.path(), "script", "#!/nowhere/interpreter\n");
    let twice = grant("true").limits(Limits {
        spawns: Some(2),
        ..Limits::default()
    });
    case.grant("twice", twice)
        .grant("interpreter-missing", missing)
        .limits(Limits {
            spawns: Some(5),
            ..Limits::default()
        })
        .succeeds();
}

pub(crate) fn limits_of_memory_and_descriptors(case: Case) {
    let name = case.test().to_owned();
    isolated(&name, || {
        // The host itself may dump as much core as it can, which is to be no matter for its processes.
        let limit = getrlimit(Resource::Core);
        let current = limit.maximum;
        setrlimit(Resource::Core, Rlimit { current, ..limit }).unwrap();
        let python = grant("python3").limits(Limits {
            memory: Some(256 << 20),
            ..Limits::default()
        });
        case.grant("python3", python)
            .limits(Limits {
                open_files: Some(64),
                ..Limits::default()
            })
            .succeeds();
    });
}
