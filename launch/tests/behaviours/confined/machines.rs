//! What a machine cannot give is an error that says so, and never a child that is held to less.

use childproof_launch::{ConfineError, Confinement, Need, Stage, Tier};

use super::{Run, TIERS, as_each_user, profile};
use crate::support::{Refusal, again, block_on, is_inner, name, refuse};

fn refused(tier: Tier) -> ConfineError {
    Confinement::new(tier).build().unwrap_err()
}

#[test]
fn where_a_filter_forbids_user_namespaces_the_full_tier_is_refused_and_the_reduced_one_is_not() {
    as_each_user(
        name!(where_a_filter_forbids_user_namespaces_the_full_tier_is_refused_and_the_reduced_one_is_not),
        || {
            for call in [libc::SYS_unshare, libc::SYS_clone] {
                refuse(Refusal {
                    call,
                    argument: Some((0, libc::CLONE_NEWUSER as u32)),
                    errno: libc::EPERM,
                });
            }
            let error = refused(Tier::Full);
            assert_eq!(
                (error.need(), error.errno(), error.path()),
                (Need::UserNamespace, Some(libc::EPERM), None)
            );
            assert!(
                error.help().contains("seccomp") && error.help().contains("containers"),
                "{error}"
            );
            assert!(error.help().contains("`reduced`"), "{error}");
            assert!(
                error
                    .to_string()
                    .starts_with("a user namespace is not to be had: Operation not permitted"),
                "{error}"
            );
            let reduced = profile(Tier::Reduced, |_| {});
            block_on(Run::program(&reduced, "/bin/true", &[]).text());
        },
    );
}

#[test]
fn where_the_system_allows_no_user_namespace_the_full_tier_is_refused() {
    let name = name!(where_the_system_allows_no_user_namespace_the_full_tier_is_refused);
    if is_inner(name) {
        let error = refused(Tier::Full);
        assert_eq!((error.need(), error.errno()), (Need::UserNamespace, Some(libc::ENOSPC)));
        assert!(error.help().contains("sysctl user.max_user_namespaces"), "{error}");
        let reduced = profile(Tier::Reduced, |_| {});
        block_on(Run::program(&reduced, "/bin/true", &[]).text());
        return;
    }
    let again = again(name);
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c"])
        .arg("echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"")
        .arg("sh")
        .arg(again.get_program())
        .args(again.get_args())
        .envs(again.get_envs().filter_map(|(key, value)| Some((key, value?))))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn where_landlock_is_off_both_tiers_are_refused() {
    as_each_user(name!(where_landlock_is_off_both_tiers_are_refused), || {
        // The filter that was added last answers.
        for (errno, help) in [(libc::ENOSYS, "CONFIG_SECURITY_LANDLOCK"), (libc::EOPNOTSUPP, "lsm=")] {
            refuse(Refusal {
                call: libc::SYS_landlock_create_ruleset,
                argument: None,
                errno,
            });
            for tier in TIERS {
                let error = refused(tier);
                if error.errno() == Some(errno) {
                    assert_eq!(error.need(), Need::Landlock);
                    assert!(error.help().contains(help), "{error}");
                } else {
                    panic!("{tier}: {error}");
                }
            }
        }
    });
}

#[test]
fn each_need_of_the_full_tier_is_told_from_the_others() {
    as_each_user(name!(each_need_of_the_full_tier_is_told_from_the_others), || {
        // What is needed last comes first: the filters stay.
        let cases = [
            (libc::SYS_pivot_root, None, Need::Root),
            (libc::SYS_open_tree, None, Need::Mount),
            (libc::SYS_fsopen, None, Need::Root),
            (
                libc::SYS_unshare,
                Some((0, libc::CLONE_NEWNET as u32)),
                Need::Namespaces,
            ),
        ];
        for (call, argument, need) in cases {
            refuse(Refusal {
                call,
                argument,
                errno: libc::EPERM,
            });
            let error = refused(Tier::Full);
            assert_eq!((error.need(), error.errno()), (need, Some(libc::EPERM)), "{error}");
        }
    });
}

#[test]
fn where_nothing_can_be_executed_from_memory_both_tiers_are_refused() {
    as_each_user(
        name!(where_nothing_can_be_executed_from_memory_both_tiers_are_refused),
        || {
            refuse(Refusal {
                call: libc::SYS_memfd_create,
                argument: None,
                errno: libc::EACCES,
            });
            for tier in TIERS {
                let error = refused(tier);
                assert_eq!(
                    (error.need(), error.errno()),
                    (Need::Init, Some(libc::EACCES)),
                    "{tier}"
                );
                assert!(error.help().contains("vm.memfd_noexec"), "{error}");
            }
        },
    );
}

#[test]
fn a_step_that_is_refused_is_an_error_and_no_child() {
    as_each_user(name!(a_step_that_is_refused_is_an_error_and_no_child), || {
        block_on(async {
            // What comes last comes first: the filters stay.
            let cases: [(libc::c_long, &[Stage], &[Stage]); 5] = [
                (libc::SYS_landlock_restrict_self, &[Stage::Landlock], &[Stage::Landlock]),
                (libc::SYS_seccomp, &[Stage::Seccomp], &[Stage::Seccomp]),
                (libc::SYS_capset, &[Stage::Privileges], &[Stage::Privileges]),
                (libc::SYS_mount, &[Stage::OwnFiles], &[]),
                (libc::SYS_setns, &[Stage::Namespaces], &[]),
            ];
            // A gate that was started before is not concerned: each case has its own.
            let cases = cases.map(|case| (case, TIERS.map(|tier| profile(tier, |_| {}))));
            for ((call, of_full, of_reduced), [full, reduced]) in &cases {
                refuse(Refusal {
                    call: *call,
                    argument: None,
                    errno: libc::EACCES,
                });
                for (profile, stages) in [(full, of_full), (reduced, of_reduced)] {
                    if stages.is_empty() {
                        continue;
                    }
                    for _ in 0..5 {
                        let error = Run::shell(profile, "exit 0").try_spawn().unwrap_err();
                        assert!(stages.contains(&error.stage()), "{}: {error}", profile.tier());
                        assert_eq!(error.errno(), Some(libc::EACCES), "{}: {error}", profile.tier());
                    }
                }
            }
        });
    });
}
