//! The table of lifetimes: a descendant that left its session, was forked twice, cleared the signal for its parent's death
//! and ignores all others does not outlive what is ended.
//!
//! It holds the lock of a file, which tells the host that it is alive, and that it no longer is: nothing is timed. A second
//! lock is its leash: the test holds that, and a descendant that outlives all else ends when the test lets go.

use std::env;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use childproof_host::process::{Process, SpawnRequest, Stdout};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::ground::Ground;
use crate::tier::{self, PROBE, Tier};
use crate::user::{self, Host, User};

/// How long to wait for the end of a descendant. It is only over when that goes on to live.
const PATIENCE: Duration = Duration::from_secs(20);

/// In a process that is to be killed as the host: its directories.
const VICTIM: &str = "CHILDPROOF_ESCAPE_VICTIM";

/// What ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The host kills the process.
    Kill,
    /// The process exits.
    Exit,
    /// The host drops the process, as it does for a guest that ended, or trapped, or dropped it.
    Drop,
    /// The host is killed.
    Host,
}

macro_rules! lifetimes {
    ($($name:ident: $end:expr;)*) => {
        $(
            mod $name {
                use super::*;

                #[test]
                fn full_as_root() {
                    check(concat!(stringify!($name), "::full_as_root"), $end, Tier::Full, User::Root);
                }

                #[test]
                fn full_unprivileged() {
                    check(concat!(stringify!($name), "::full_unprivileged"), $end, Tier::Full, User::Unprivileged);
                }

                #[test]
                fn reduced_as_root() {
                    check(concat!(stringify!($name), "::reduced_as_root"), $end, Tier::Reduced, User::Root);
                }

                #[test]
                fn reduced_unprivileged() {
                    check(concat!(stringify!($name), "::reduced_unprivileged"), $end, Tier::Reduced, User::Unprivileged);
                }
            }
        )*
    };
}

// Both tiers end all of them.
lifetimes! {
    explicit_kill: End::Kill;
    own_exit: End::Exit;
    drop: End::Drop;
    death_of_the_host: End::Host;
}

fn check(name: &str, end: End, tier: Tier, user: User) {
    let test = format!("lifetimes::{name}");
    user::alone(&test, user, |host| {
        if let Some(base) = env::var_os(VICTIM) {
            return be_killed(Ground::at(PathBuf::from(base)), Tier::of_argument());
        }
        let (_base, ground) = ground(host);
        let leash = leash(&ground);
        outlive(&test, &ground, end, Tier::None).expect("no tier is always there");
        assert!(
            is_held(&ground),
            "unconfined, the descendant ends too: the probe proves nothing"
        );
        std::mem::drop(leash);
        assert!(is_released(&ground), "the descendant does not end by itself");

        let _leash = self::leash(&ground);
        match outlive(&test, &ground, end, tier) {
            Ok(()) => assert!(
                is_released(&ground),
                "a descendant outlives {end:?} in the tier {tier:?}"
            ),
            Err(why) => user::skipped(&test, &why),
        }
    });
}

fn ground(host: &Host) -> (TempDir, Ground) {
    let base = TempDir::new().expect("a directory");
    let ground = Ground::make(&base, &host.probe, &user::secret(), &host.secret);
    (base, ground)
}

/// What keeps a descendant from ending by itself, as long as it is open.
fn leash(ground: &Ground) -> File {
    let leash = File::open(ground.leash()).expect("it is there");
    flock(&leash, FlockOperation::LockExclusive).expect("a lock");
    leash
}

/// Lets a descendant take the lock, and makes `end` happen. `Err` says why the machine does not have the tier.
fn outlive(test: &str, ground: &Ground, end: End, tier: Tier) -> Result<(), String> {
    if let End::Host = end {
        return outlive_host(test, ground, tier);
    }
    let attempt = match end {
        End::Exit => "linger-and-leave",
        End::Kill | End::Drop | End::Host => "linger-and-stay",
    };
    let runtime = runtime();
    let process = runtime.block_on(linger(ground, attempt, tier))?;
    runtime.block_on(async {
        match end {
            End::Kill => process.kill().expect("it can be killed"),
            End::Exit | End::Host => {}
            End::Drop => return std::mem::drop(process),
        }
        process.wait().await.expect("the status is the host's own");
    });
    Ok(())
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

/// Starts the probe and waits until its descendant holds the lock.
async fn linger(ground: &Ground, attempt: &str, tier: Tier) -> Result<Process, String> {
    let context = tier::context(ground, None, tier)?;
    let mut request = SpawnRequest::new(PROBE);
    let locks = ["lock", "leash"].map(|name| ground.granted(tier, "data").join(name).display().to_string());
    request.args = std::iter::once(attempt.to_owned()).chain(locks).collect();
    request.stdout = Stdout::Piped;
    let process = context
        .spawn(&request)
        .unwrap_or_else(|error| panic!("{attempt}: {error}"));
    let stdout = process.take_stdout().expect("it is piped");
    let mut printed = Vec::new();
    while !has_it(&printed) {
        stdout.readable().await.expect("the runtime is there");
        let end = matches!(stdout.try_read(&mut printed, 4096), Ok(0));
        assert!(
            !end,
            "the probe does not linger: {:?}",
            String::from_utf8_lossy(&printed)
        );
    }
    Ok(process)
}

/// Whether it was said that a descendant holds the lock. The test harness may have printed before.
fn has_it(said: &[u8]) -> bool {
    String::from_utf8_lossy(said).contains("held\n")
}

/// The same, in a host of its own that is killed once the lock is held.
fn outlive_host(test: &str, ground: &Ground, tier: Tier) -> Result<(), String> {
    // Whether there is such a tier is known without it.
    tier::context(ground, None, tier)?;
    let mut command = user::again(test);
    let mut host: Child = command
        .env(VICTIM, ground.base())
        .env(Tier::ARGUMENT, tier.argument())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a host");
    let mut stdout = host.stdout.take().expect("it is piped");
    let mut said = Vec::new();
    while !has_it(&said) {
        let mut bytes = [0; 4096];
        let length = stdout.read(&mut bytes).expect("a pipe can be read");
        assert!(length > 0, "the host ended: {:?}", String::from_utf8_lossy(&said));
        said.extend(&bytes[..length]);
    }
    host.kill().expect("it is ours");
    host.wait().expect("it is ours");
    Ok(())
}

/// Is a host that waits for a process that stays.
fn be_killed(ground: Ground, tier: Tier) {
    runtime().block_on(async {
        let process = linger(&ground, "linger-and-stay", tier)
            .await
            .expect("it was asked for before");
        let mut stdout = std::io::stdout();
        writeln!(stdout, "held").and_then(|()| stdout.flush()).expect("a pipe");
        process.wait().await.expect("the status is the host's own");
    });
}

fn is_held(ground: &Ground) -> bool {
    let lock = File::open(ground.lock()).expect("it is there");
    flock(&lock, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
}

/// Waits until nobody holds the lock.
fn is_released(ground: &Ground) -> bool {
    let lock = File::open(ground.lock()).expect("it is there");
    let (done, released) = mpsc::channel();
    std::thread::spawn(move || {
        let locked = flock(&lock, FlockOperation::LockExclusive);
        // Nobody listens once the patience is over.
        let _ = done.send(locked);
    });
    matches!(released.recv_timeout(PATIENCE), Ok(Ok(())))
}
