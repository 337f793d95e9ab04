//! Limits hold for the child and leave the host's own alone.

use childproof_launch::{Command, Resource, Rlimit, Signal, SpawnErrorKind, Stage, Termination};

use crate::support::{block_on, in_own_process, name, null, output, program, quiet, text};

#[tokio::test]
async fn every_limit_arrives() {
    let cases = [
        (Resource::CpuTime, "Max cpu time"),
        (Resource::FileSize, "Max file size"),
        (Resource::Data, "Max data size"),
        (Resource::Stack, "Max stack size"),
        (Resource::Core, "Max core file size"),
        (Resource::Processes, "Max processes"),
        (Resource::OpenFiles, "Max open files"),
        (Resource::LockedMemory, "Max locked memory"),
        (Resource::AddressSpace, "Max address space"),
    ];
    let own = std::fs::read_to_string("/proc/self/limits").unwrap();
    for (resource, line) in cases {
        // Large enough for cat to run, in whatever unit, and small enough to be allowed to anybody.
        let (soft, hard) = match resource {
            Resource::OpenFiles | Resource::Processes => (40, 50),
            Resource::LockedMemory => (4096, 8192),
            _ => (1 << 28, 1 << 29),
        };
        let limits = text("/bin/cat", |command| {
            command.arg("/proc/self/limits").rlimit(Rlimit { resource, soft, hard });
        })
        .await;
        let line = limits.lines().find(|text| text.starts_with(line)).unwrap();
        let numbers: Vec<_> = line
            .split_whitespace()
            .filter_map(|word| word.parse::<u64>().ok())
            .collect();
        assert_eq!(numbers, [soft, hard], "{line}");
    }
    assert_eq!(std::fs::read_to_string("/proc/self/limits").unwrap(), own);
}

#[tokio::test]
async fn past_the_limits_on_cpu_time_and_file_size_a_signal_ends_the_child() {
    let (exit, _) = output("/bin/sh", |command| {
        command.args(["-c", "while :; do :; done"]).rlimit(Rlimit {
            resource: Resource::CpuTime,
            soft: 1,
            hard: 5,
        });
    })
    .await;
    assert_eq!(exit.termination, Termination::Signaled(Signal::Xcpu));

    let directory = tempfile::tempdir().unwrap();
    let target = format!("of={}", directory.path().join("file").display());
    let (exit, _) = output("/bin/dd", |command| {
        command
            .args(["if=/dev/zero", &target, "bs=4096", "count=10"])
            .rlimit(Rlimit::new(Resource::FileSize, 8192));
    })
    .await;
    assert_eq!(exit.termination, Termination::Signaled(Signal::Xfsz));
}

#[test]
fn a_limit_above_the_hosts_is_refused_to_who_may_not_raise_it() {
    in_own_process(
        name!(a_limit_above_the_hosts_is_refused_to_who_may_not_raise_it),
        || {
            let (true_program, null) = (program("/bin/true"), null());
            let limit = libc::rlimit {
                rlim_cur: 100,
                rlim_max: 100,
            };
            // SAFETY: the calls take numbers and a limit that lives during the call.
            unsafe {
                assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
                assert!(libc::geteuid() != 0 || libc::setuid(64_124) == 0);
            }
            block_on(async {
                let mut command = Command::new(&true_program, quiet(&null));
                command.rlimit(Rlimit::new(Resource::OpenFiles, 101));
                let error = command.spawn().unwrap_err();
                assert_eq!(error.stage(), Stage::Rlimit(Resource::OpenFiles));
                assert_eq!(
                    (error.errno(), error.kind()),
                    (Some(libc::EPERM), &SpawnErrorKind::Other)
                );
            });
        },
    );
}

#[tokio::test]
async fn a_soft_limit_above_the_hard_one_is_refused() {
    let (true_program, null) = (program("/bin/true"), null());
    let mut command = Command::new(&true_program, quiet(&null));
    command.rlimit(Rlimit {
        resource: Resource::Core,
        soft: 2,
        hard: 1,
    });
    let error = command.spawn().unwrap_err();
    assert_eq!(
        (error.stage(), error.errno()),
        (Stage::Rlimit(Resource::Core), Some(libc::EINVAL))
    );
}
