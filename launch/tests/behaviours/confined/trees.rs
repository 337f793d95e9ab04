//! A confined child's tree ends with it, whatever its processes do to outlive it. The end of a pipe that all of them hold is
//! the end of all of them.

use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::process::Stdio as HostStdio;

use childproof_launch::{Child, Profile, Signal, Stdio, Termination, Tier};

use super::{Run, TIERS, again_as, as_each_user, become_user, profile, until_all_has_ended, users};
use crate::support::{block_on, is_inner, line, name, null, output};

/// A process that has left its session and its parent, where it may, ignores signals and has itself not be told of its
/// parent's end. `after` is what the child does then.
fn stubborn(after: &str) -> String {
    format!(
        "
import ctypes, os, signal, sys, time
def leave(way):
    try: way()
    except PermissionError: os.write(1, b'refused ')
reader, writer = os.pipe()
if os.fork() == 0:
    leave(os.setsid)
    if os.fork() != 0: os._exit(0)
    leave(lambda: os.setpgid(0, 0))
    for number in set(signal.valid_signals()) - {{signal.SIGKILL, signal.SIGSTOP}}: signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
    os.write(1, b'started\\n')
    os.write(writer, b'.')
    # Long enough for nobody to wait for, and then it tells.
    time.sleep(120)
    os.write(1, b'survived\\n')
    os._exit(0)
os.read(reader, 1)
{after}"
    )
}

fn start(profile: &Profile, after: &str) -> (Child, PipeReader) {
    let (child, mut said) = Run::python(profile, &stubborn(after)).spawn();
    let expected = match profile.tier() {
        Tier::Full => "started",
        Tier::Reduced => "refused refused started",
    };
    assert_eq!(line(&mut said), expected);
    (child, said)
}

fn assert_ended(mut said: impl Read) {
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn a_kill_ends_the_tree() {
    as_each_user(name!(a_kill_ends_the_tree), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let (child, said) = start(&profile, "signal.pause()");
                child.kill_tree().unwrap();
                assert_ended(said);
                assert_eq!(
                    child.wait().await.unwrap().termination,
                    Termination::Signaled(Signal::Kill),
                    "{tier}"
                );
                child.kill_tree().unwrap();
            }
        });
    });
}

#[test]
fn a_kill_is_what_ended_the_child_whatever_it_loses_then() {
    as_each_user(name!(a_kill_is_what_ended_the_child_whatever_it_loses_then), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                for _ in 0..100 {
                    let (child, mut said) = Run::shell(&profile, "while :; do echo output; done").spawn();
                    assert_eq!(line(&mut said), "output");
                    child.kill_tree().unwrap();
                    // Its next write would end it, too.
                    drop(said);
                    let end = child.wait().await.unwrap().termination;
                    assert_eq!(end, Termination::Signaled(Signal::Kill), "{tier}");
                }
            }
        });
    });
}

#[test]
fn the_childs_own_end_ends_the_tree() {
    as_each_user(name!(the_childs_own_end_ends_the_tree), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                // Nobody waits for the child, or somebody does.
                let (child, said) = start(&profile, "sys.exit(3)");
                assert_ended(said);
                assert_eq!(
                    child.wait().await.unwrap().termination,
                    Termination::Exited(3),
                    "{tier}"
                );
                let (child, said) = start(&profile, "os.kill(os.getpid(), 9)");
                assert_eq!(
                    child.wait().await.unwrap().termination,
                    Termination::Signaled(Signal::Kill),
                    "{tier}"
                );
                assert_ended(said);
            }
        });
    });
}

#[test]
fn a_drop_ends_the_tree() {
    as_each_user(name!(a_drop_ends_the_tree), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let (child, said) = start(&profile, "signal.pause()");
                drop(child);
                assert_ended(said);
                let (child, said) = start(&profile, "sys.exit(0)");
                child.wait().await.unwrap();
                drop(child);
                assert_ended(said);
            }
        });
    });
}

#[test]
fn the_hosts_end_by_sigkill_ends_the_tree() {
    let name = name!(the_hosts_end_by_sigkill_ends_the_tree);
    const TIER: &str = "CHILDPROOF_LAUNCH_TEST_TIER";
    if is_inner(name) {
        if std::env::var_os(super::AS_USER).is_some() {
            become_user();
        }
        let tier = if std::env::var_os(TIER).is_some_and(|tier| tier == "full") {
            Tier::Full
        } else {
            Tier::Reduced
        };
        return block_on(async {
            let profile = profile(tier, |_| {});
            // The test's pipe came as standard input.
            let (input, null) = (io::stdin(), null());
            let stdio = Stdio {
                stdin: null.as_fd(),
                stdout: input.as_fd(),
                stderr: null.as_fd(),
            };
            let child = Run::python(&profile, &stubborn("signal.pause()"))
                .spawn_with(stdio)
                .unwrap();
            child.wait().await.unwrap();
        });
    }
    for user in users() {
        for tier in TIERS {
            let (mut said, writer) = io::pipe().unwrap();
            let mut host = again_as(name, user)
                .env(TIER, tier.to_string())
                .stdin(writer)
                .stdout(HostStdio::null())
                .spawn()
                .unwrap();
            assert!(line(&mut said).ends_with("started"), "{tier} as {user}");
            host.kill().unwrap();
            host.wait().unwrap();
            assert_ended(said);
        }
    }
}

/// A program that creates processes which are to be its parent's children, in all ways that there are, and one of its own. Each
/// ends with status 7 at once. It prints an errno for each, or the number of the process.
fn sibling() -> String {
    format!(
        "
import ctypes, errno, os, signal
# Nothing is done between the call and what the new process does.
system = ctypes.PyDLL(None, use_errno=True).syscall
def ask(*arguments):
    pid = system(*(ctypes.c_ulong(argument) for argument in arguments))
    if pid == 0: os._exit(7)
    return errno.errorcode[ctypes.get_errno()] if pid < 0 else pid
def clone(flags, *arguments): return ask({clone}, flags, 0, 0, *arguments)
PARENT, VFORK, KILL, END = {parent:#x}, {vfork:#x}, signal.SIGKILL, signal.SIGCHLD
print(clone(PARENT | END, 0, 0), clone(PARENT, 0, 0), clone(PARENT | VFORK | KILL, 0, 0))
# Where the gate shows that it may; and beyond what the kernel looks at.
print(clone(PARENT | END, 2**64 - 1, 2**64 - 1), clone(PARENT | END, 0, 1), clone(PARENT | END | 1 << 40, 1, 0))
fields = (ctypes.c_uint64 * 8)(PARENT)
print(ask({clone3}, ctypes.addressof(fields), ctypes.sizeof(fields)))
own = clone(END, 0, 0)
print(os.waitstatus_to_exitcode(os.waitpid(own, 0)[1]))",
        clone = libc::SYS_clone,
        clone3 = libc::SYS_clone3,
        parent = libc::CLONE_PARENT,
        vfork = libc::CLONE_VFORK,
    )
}

#[test]
fn it_cannot_give_the_host_a_child() {
    as_each_user(name!(it_cannot_give_the_host_a_child), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let said = Run::python(&profile, &sibling()).text().await;
                assert_eq!(said, "EPERM EPERM EPERM\nEPERM EPERM EPERM\nENOSYS\n7\n", "{tier}");
                drop(profile);
                // Of such a child the host would not know, and keep it for ever.
                until_all_has_ended();
            }
            // What is not confined can.
            let (_, said) = output("/usr/bin/python3", |command| {
                command.args(["-c", &sibling()]);
            })
            .await;
            let said = String::from_utf8(said).unwrap();
            let created: Vec<i32> = said.split_whitespace().map(|word| word.parse().unwrap()).collect();
            let (own, created) = created.split_last().unwrap();
            assert_eq!((*own, created.len()), (7, 7), "{said}");
            for &pid in created {
                let mut status = 0;
                // SAFETY: the kernel writes a number to the variable, which lives during the call.
                let ended = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) };
                assert_eq!((ended, libc::WEXITSTATUS(status)), (pid, 7), "{said}");
            }
        });
    });
}
