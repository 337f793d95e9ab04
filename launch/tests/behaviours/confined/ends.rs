//! How a confined child ends is told as it is, although another process is the first of its tree.

use childproof_launch::{Signal, Termination, Tier};

use super::{Run, TIERS, as_each_user, profile};
use crate::support::{block_on, line, name, peek};

#[test]
fn exit_codes_arrive() {
    as_each_user(name!(exit_codes_arrive), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                for code in [0, 1, 2, 126, 127, 128, 137, 143, 254, 255] {
                    let (exit, said) = Run::shell(&profile, &format!("exit {code}")).output().await;
                    assert_eq!((exit.termination, &*said), (Termination::Exited(code), ""), "{tier}");
                }
            }
        });
    });
}

#[test]
fn signals_from_within_end_a_child() {
    as_each_user(name!(signals_from_within_end_a_child), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let signals = [
                    ("ABRT", Signal::Abrt),
                    ("HUP", Signal::Hup),
                    ("INT", Signal::Int),
                    ("KILL", Signal::Kill),
                    ("PIPE", Signal::Pipe),
                    ("SEGV", Signal::Segv),
                    ("TERM", Signal::Term),
                ];
                for (name, signal) in signals {
                    let (exit, _) = Run::shell(&profile, &format!("kill -{name} $$; exit 1")).output().await;
                    assert_eq!(exit.termination, Termination::Signaled(signal), "{tier}");
                }
                let (exit, _) = Run::python(&profile, "import os; os.abort()").output().await;
                assert_eq!(exit.termination, Termination::Signaled(Signal::Abrt), "{tier}");
            }
        });
    });
}

#[test]
fn signals_of_the_host_have_their_default_meaning_and_can_be_caught() {
    as_each_user(
        name!(signals_of_the_host_have_their_default_meaning_and_can_be_caught),
        || {
            block_on(async {
                for tier in TIERS {
                    let profile = profile(tier, |_| {});
                    for signal in [Signal::Term, Signal::Int, Signal::Hup, Signal::Usr1, Signal::Kill] {
                        let (child, mut said) = Run::shell(&profile, "echo ready; exec sleep 1000").spawn();
                        assert_eq!(line(&mut said), "ready");
                        child.signal(signal).unwrap();
                        assert_eq!(
                            child.wait().await.unwrap().termination,
                            Termination::Signaled(signal),
                            "{tier}"
                        );
                    }
                    let (child, mut said) =
                        Run::shell(&profile, "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done").spawn();
                    assert_eq!(line(&mut said), "ready");
                    child.signal(Signal::Term).unwrap();
                    assert_eq!(
                        child.wait().await.unwrap().termination,
                        Termination::Exited(9),
                        "{tier}"
                    );
                }
            });
        },
    );
}

#[test]
fn a_stopped_child_has_not_ended_and_goes_on() {
    as_each_user(name!(a_stopped_child_has_not_ended_and_goes_on), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                let (child, mut said) = Run::shell(&profile, "echo ready; kill -STOP $$; exit 7").spawn();
                assert_eq!(line(&mut said), "ready");
                assert_eq!(peek(child.id(), libc::WSTOPPED).unwrap(), libc::CLD_STOPPED);
                assert_eq!(child.try_wait().unwrap(), None);
                child.signal(Signal::Cont).unwrap();
                assert_eq!(
                    child.wait().await.unwrap().termination,
                    Termination::Exited(7),
                    "{tier}"
                );
            }
        });
    });
}

#[test]
fn what_it_used_is_told() {
    as_each_user(name!(what_it_used_is_told), || {
        block_on(async {
            for tier in TIERS {
                let profile = profile(tier, |_| {});
                // It works until it has used a tenth of a second.
                let script = "import os\nwhile os.times().user < 0.1: pass";
                let (exit, _) = Run::python(&profile, script).output().await;
                assert_eq!(exit.termination, Termination::Exited(0), "{tier}");
                assert!(exit.usage.unwrap().user_time.as_millis() >= 90, "{tier}: {exit:?}");
            }
        });
    });
}

#[test]
fn orphans_leave_no_zombie_in_the_tree() {
    as_each_user(name!(orphans_leave_no_zombie_in_the_tree), || {
        block_on(async {
            let profile = profile(Tier::Full, |_| {});
            assert!(profile.has_proc());
            // The end of the pipe says that the grandchildren have closed all they had; then they end.
            let script = "
import os
reader, writer = os.pipe()
for _ in range(20):
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os.setsid()
        os._exit(0)
    os.waitpid(child, 0)
os.close(writer)
os.read(reader, 1)
others = lambda: [name for name in os.listdir('/proc') if name.isdigit() and name not in ('1', '2')]
while others(): pass
print(others())";
            assert_eq!(Run::python(&profile, script).text().await, "[]\n");
        });
    });
}
