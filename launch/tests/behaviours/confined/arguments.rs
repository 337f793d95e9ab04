//! Arguments that no kernel takes are refused as such, with and without confinement, before anything is done for them.

use childproof_launch::{Command, Profile, SpawnError, SpawnErrorKind, Stage, Termination, Tier};

use super::{Run, TIERS, as_each_user, assert_serves, profile};
use crate::support::{Refusal, block_on, name, null, program, quiet, refuse};

/// With each tier, and without confinement.
fn ways() -> Vec<Option<Profile>> {
    let confined = TIERS.map(|tier| Some(profile(tier, |_| {})));
    confined.into_iter().chain([None]).collect()
}

fn label(way: Option<&Profile>) -> String {
    way.map_or("no confinement".into(), |profile| profile.tier().to_string())
}

/// Starts `/bin/true` with this.
fn start(
    profile: Option<&Profile>,
    set_up: impl FnOnce(&mut Command<'_>),
) -> Result<childproof_launch::Child, SpawnError> {
    let (program, null) = (program("/bin/true"), null());
    let mut command = Command::new(&program, quiet(&null));
    if let Some(profile) = profile {
        command.confine(profile);
    }
    set_up(&mut command);
    command.spawn()
}

#[track_caller]
fn assert_too_long(result: Result<childproof_launch::Child, SpawnError>, context: &str) {
    let error = result.unwrap_err();
    let said = (error.stage(), error.kind(), error.errno());
    let right = (Stage::Exec, &SpawnErrorKind::ArgumentsTooLong, Some(libc::E2BIG));
    assert_eq!(said, right, "{context}: {error}");
}

/// With its NUL, the largest argument there is.
fn largest() -> usize {
    // SAFETY: the call takes a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    32 * page as usize - 1
}

/// Lets the kernel take as many arguments as it ever does.
fn allow_many_arguments() {
    let limit = libc::rlimit {
        rlim_cur: 64 << 20,
        rlim_max: 64 << 20,
    };
    // SAFETY: the limit lives during the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_STACK, &raw const limit) }, 0);
}

type SetUp<'a> = &'a dyn Fn(&mut Command<'_>);

/// Calls it with each of what no kernel takes.
fn each_too_long(check: impl Fn(&str, SetUp<'_>)) {
    let one = "a".repeat(largest() + 1);
    check("an argument", &|command| {
        command.args(["small", &one]);
    });
    check("the first argument", &|command| {
        command.argv0(&one);
    });
    check("a variable", &|command| {
        // With its name and the sign between them.
        command.env("V", &one[2..]);
    });
    let one = "a".repeat(100 << 10);
    check("7 MiB in all", &|command| {
        command.args(std::iter::repeat_n(&one, 70));
    });
    check("7 MiB, half of it environment", &|command| {
        command.args(std::iter::repeat_n(&one, 35));
        (0..35).for_each(|number| {
            command.env(format!("V{number}"), &one);
        });
    });
    check("a million that are empty", &|command| {
        command.args(std::iter::repeat_n("", 1_000_000));
    });
    let one = "a".repeat(200 << 20);
    check("200 MiB in one", &|command| {
        command.arg(&one);
    });
}

#[test]
fn more_than_any_kernel_takes_is_refused_and_the_profile_serves_on() {
    as_each_user(
        name!(more_than_any_kernel_takes_is_refused_and_the_profile_serves_on),
        || {
            allow_many_arguments();
            for way in ways() {
                let context = label(way.as_ref());
                each_too_long(|what, set_up| {
                    block_on(async {
                        assert_too_long(start(way.as_ref(), set_up), &format!("{context}, {what}"));
                        if let Some(profile) = &way {
                            assert_serves(profile, "hello").await;
                        }
                    });
                });
            }
        },
    );
}

#[test]
fn the_largest_that_the_kernel_takes_is_taken() {
    as_each_user(name!(the_largest_that_the_kernel_takes_is_taken), || {
        allow_many_arguments();
        let one = "a".repeat(largest());
        // Six MiB are the most there is for strings, their pointers, and what the kernel adds.
        let most = (6 << 20) / (largest() + 1) - 1;
        block_on(async {
            for way in ways() {
                let context = label(way.as_ref());
                let cases: [(&str, SetUp<'_>); 5] = [
                    ("an argument", &|command| {
                        command.arg(&one);
                    }),
                    ("the first argument", &|command| {
                        command.argv0(&one);
                    }),
                    ("a variable", &|command| {
                        command.env("V", &one[2..]);
                    }),
                    ("as many as there may be", &|command| {
                        command.args(std::iter::repeat_n(&one, most));
                    }),
                    ("half a million that are empty", &|command| {
                        command.args(std::iter::repeat_n("", 500_000));
                    }),
                ];
                for (what, set_up) in cases {
                    match start(way.as_ref(), set_up) {
                        Ok(child) => {
                            let end = child.wait().await.unwrap().termination;
                            assert_eq!(end, Termination::Exited(0), "{context}, {what}");
                        }
                        Err(error) => panic!("{context}, {what}: {error}"),
                    }
                }
                if let Some(profile) = &way {
                    let run = Run::program(profile, "/bin/sh", &["-c", "echo ${#1} ${#2}", "sh", &one, "b"]);
                    assert_eq!(run.text().await, format!("{} 1\n", one.len()), "{context}");
                }
            }
        });
    });
}

#[test]
fn no_process_is_made_for_what_no_kernel_takes() {
    as_each_user(name!(no_process_is_made_for_what_no_kernel_takes), || {
        let ways = ways();
        let (ways, runtime) = (
            &ways,
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        );
        runtime.block_on(async {
            // What is made once.
            start(None, |_| {}).unwrap().wait().await.unwrap();
        });
        let runtime = &runtime;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _entered = runtime.enter();
                for call in [libc::SYS_clone, libc::SYS_clone3] {
                    refuse(Refusal {
                        call,
                        argument: None,
                        errno: libc::EAGAIN,
                    });
                }
                for way in ways {
                    let context = label(way.as_ref());
                    let error = start(way.as_ref(), |_| {}).unwrap_err();
                    assert_eq!(error.kind(), &SpawnErrorKind::TooManyProcesses, "{context}: {error}");
                    each_too_long(|what, set_up| {
                        assert_too_long(start(way.as_ref(), set_up), &format!("{context}, {what}"));
                    });
                }
            });
        });
        let serves = |tier: Tier| ways.iter().flatten().find(|profile| profile.tier() == tier).unwrap();
        for tier in TIERS {
            block_on(assert_serves(serves(tier), "hello"));
        }
    });
}
