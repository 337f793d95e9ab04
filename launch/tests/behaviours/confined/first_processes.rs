//! The first process of a room, as a child sees it: its signals are not kept, and so count for nobody.

use childproof_launch::Tier;

use super::gates::until_at_rest;
use super::{Run, as_each_user, profile};
use crate::support::{block_on, name};

/// Sends signals to process 1, with and without a value, whatever the kernel says of it, and then shows its signals.
const SCRIPT: &str = "
import ctypes, os, signal
libc = ctypes.CDLL(None)
libc.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    for _ in range(3):
        libc.sigqueue(1, number, 7)
        libc.kill(1, number)
for line in open('/proc/1/status'):
    if line.startswith(('SigPnd', 'ShdPnd', 'SigBlk')):
        print(*line.split())";

#[test]
fn the_first_process_of_a_room_blocks_no_signal_and_keeps_none() {
    as_each_user(
        name!(the_first_process_of_a_room_blocks_no_signal_and_keeps_none),
        || {
            block_on(async {
                let profile = profile(Tier::Full, |_| {});
                assert!(profile.has_proc());
                Run::program(&profile, "/bin/true", &[]).text().await;
                for _ in 0..3 {
                    // The room waits: its first process has begun.
                    until_at_rest(Tier::Full, 1);
                    let said = Run::python(&profile, SCRIPT).text().await;
                    let none = ["SigPnd", "ShdPnd", "SigBlk"].map(|key| format!("{key}: {:016}\n", 0));
                    assert_eq!(said, none.concat());
                }
            });
        },
    );
}
