//! Limits hold in a confined child, and it cannot raise them, whoever the host is.

use childproof_launch::{Resource, Rlimit, Signal, Stage, Termination};

use super::{Run, TIERS, as_each_user, directory, profile};
use crate::support::{block_on, name};

#[test]
fn every_limit_arrives_and_none_can_be_raised() {
    as_each_user(name!(every_limit_arrives_and_none_can_be_raised), || {
        block_on(async {
            let own = std::fs::read_to_string("/proc/self/limits").unwrap();
            let cases = [
                (Resource::CpuTime, "RLIMIT_CPU", 100, 200),
                (Resource::FileSize, "RLIMIT_FSIZE", 1 << 20, 1 << 21),
                (Resource::Data, "RLIMIT_DATA", 1 << 28, 1 << 29),
                (Resource::Stack, "RLIMIT_STACK", 1 << 22, 1 << 23),
                (Resource::Core, "RLIMIT_CORE", 0, 0),
                (Resource::OpenFiles, "RLIMIT_NOFILE", 40, 50),
                (Resource::LockedMemory, "RLIMIT_MEMLOCK", 4096, 8192),
                (Resource::AddressSpace, "RLIMIT_AS", 1 << 30, 1 << 31),
            ];
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                for (resource, kind, soft, hard) in cases {
                    let script = format!(
                        "
import resource
kind = resource.{kind}
soft, hard = resource.getrlimit(kind)
print(soft, hard)
resource.setrlimit(kind, (hard, hard))
for limits in ((hard, hard + 1), (hard, resource.RLIM_INFINITY)):
    try: resource.setrlimit(kind, limits); print('raised', limits)
    except (ValueError, PermissionError, OSError): pass"
                    );
                    let run = Run::python(&profile, &script).rlimit(Rlimit { resource, soft, hard });
                    assert_eq!(run.text().await, format!("{soft} {hard}\n"), "{tier}: {resource}");
                }
            }
            assert_eq!(std::fs::read_to_string("/proc/self/limits").unwrap(), own);
        });
    });
}

#[test]
fn past_a_limit_a_child_is_ended_or_refused() {
    as_each_user(name!(past_a_limit_a_child_is_ended_or_refused), || {
        block_on(async {
            let host = tempfile::tempdir().unwrap();
            let path = host.path().to_str().unwrap();
            for tier in TIERS {
                let profile = profile(tier, |confinement| {
                    confinement.directories = vec![directory(host.path(), path, true)]
                });
                let burn = Run::shell(&profile, "while :; do :; done").rlimit(Rlimit {
                    resource: Resource::CpuTime,
                    soft: 1,
                    hard: 5,
                });
                assert_eq!(
                    burn.output().await.0.termination,
                    Termination::Signaled(Signal::Xcpu),
                    "{tier}"
                );

                let large = Run::shell(
                    &profile,
                    &format!("exec dd if=/dev/zero of={path}/large bs=4096 count=10"),
                )
                .rlimit(Rlimit::new(Resource::FileSize, 8192));
                assert_eq!(
                    large.output().await.0.termination,
                    Termination::Signaled(Signal::Xfsz),
                    "{tier}"
                );
                assert_eq!(host.path().join("large").metadata().unwrap().len(), 8192);

                let script = "
import errno, os
try:
    while True: os.dup(0)
except OSError as error: print(errno.errorcode[error.errno])";
                let many = Run::python(&profile, script).rlimit(Rlimit::new(Resource::OpenFiles, 20));
                assert_eq!(many.text().await.trim(), "EMFILE", "{tier}");

                let script = "
try: bytearray(1 << 29); print('had')
except MemoryError: print('refused')";
                let memory = Run::python(&profile, script).rlimit(Rlimit::new(Resource::AddressSpace, 1 << 28));
                assert_eq!(memory.text().await, "refused\n", "{tier}");
                assert_eq!(Run::python(&profile, script).text().await, "had\n", "{tier}");
            }
        });
    });
}

#[test]
fn a_limit_above_the_hosts_is_refused_to_root_as_well() {
    as_each_user(name!(a_limit_above_the_hosts_is_refused_to_root_as_well), || {
        let limit = libc::rlimit {
            rlim_cur: 100,
            rlim_max: 100,
        };
        // SAFETY: the limit lives during the call.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let run = Run::shell(&profile, "true").rlimit(Rlimit::new(Resource::OpenFiles, 101));
                let error = run.try_spawn().unwrap_err();
                assert_eq!(
                    (error.stage(), error.errno()),
                    (Stage::Rlimit(Resource::OpenFiles), Some(libc::EPERM)),
                    "{tier}"
                );
                assert_eq!(Run::shell(&profile, "ulimit -Hn").text().await, "100\n", "{tier}");
                let (_, said) = Run::shell(&profile, "ulimit -Hn 101 || echo refused").output().await;
                assert!(
                    said.ends_with("refused\n") || said.contains("error setting limit"),
                    "{tier}: {said}"
                );
            }
        });
    });
}
