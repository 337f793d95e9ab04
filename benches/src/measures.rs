//! What is measured.

use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use childproof_host::policy::Tier;

use crate::guest::{Flavour, Guests, Setting};
use crate::report::{Bound, Figures, Measure};
use crate::{confined, long_run, memory, native};

const MIB: usize = 1 << 20;
pub(crate) const GIB: usize = 1 << 30;

pub(crate) const ALL: &[Measure] = &[
    Measure {
        name: "spawn/p2-vs-tokio",
        bound: Bound::Ratio(1.10),
        run: |guests| spawn(guests, Flavour::P2),
    },
    Measure {
        name: "spawn/p3-vs-tokio",
        bound: Bound::Ratio(1.10),
        run: |guests| spawn(guests, Flavour::P3),
    },
    Measure {
        name: "spawn/host-4GiB-vs-20MiB",
        bound: Bound::Ratio(1.2),
        run: spawn_from_a_large_host,
    },
    Measure {
        name: "spawn/confined-vs-tokio",
        bound: Bound::Ratio(1.3),
        run: confined::spawn,
    },
    Measure {
        name: "spawn/confined-vs-bwrap",
        bound: Bound::Ratio(0.25),
        run: confined::spawn_beside_bubblewrap,
    },
    Measure {
        name: "spawn/confined-4GiB-vs-20MiB",
        bound: Bound::Ratio(1.2),
        run: confined::spawn_from_a_large_host,
    },
    Measure {
        name: "spawn/confined-20000-mappings-vs-few",
        bound: Bound::Ratio(1.2),
        run: confined::spawn_with_many_mappings,
    },
    Measure {
        name: "spawn/reduced-vs-tokio",
        bound: Bound::Ratio(1.15),
        run: confined::spawn_reduced,
    },
    Measure {
        name: "profile/build-ms",
        bound: Bound::None,
        run: confined::build,
    },
    Measure {
        name: "stream-read/p2-vs-tokio",
        bound: Bound::Ratio(1.0),
        run: |guests| stream_read(guests, Flavour::P2),
    },
    Measure {
        name: "stream-read/p3-vs-tokio",
        bound: Bound::Ratio(1.1),
        run: |guests| stream_read(guests, Flavour::P3),
    },
    Measure {
        name: "stream-write/p2-vs-tokio",
        bound: Bound::Ratio(1.05),
        run: |guests| stream_write(guests, Flavour::P2),
    },
    Measure {
        name: "stream-write/p3-vs-tokio",
        bound: Bound::Ratio(1.15),
        run: |guests| stream_write(guests, Flavour::P3),
    },
    Measure {
        name: "communicate/p2-vs-tokio",
        bound: Bound::Ratio(1.0),
        run: |guests| communicate(guests, Flavour::P2),
    },
    Measure {
        name: "communicate/p3-vs-tokio",
        bound: Bound::Ratio(1.1),
        run: |guests| communicate(guests, Flavour::P3),
    },
    Measure {
        name: "communicate-call/p2-vs-tokio",
        bound: Bound::Ratio(1.3),
        run: communicate_call,
    },
    Measure {
        name: "pipeline/p2-vs-shell",
        bound: Bound::Ratio(1.05),
        run: pipeline,
    },
    Measure {
        name: "concurrent-200/p2-vs-tokio",
        bound: Bound::Ratio(1.05),
        run: |guests| concurrent(guests, Flavour::P2, 200),
    },
    Measure {
        name: "concurrent-200/p3-vs-tokio",
        bound: Bound::Ratio(1.05),
        run: |guests| concurrent(guests, Flavour::P3, 200),
    },
    Measure {
        name: "concurrent-1000/p3-vs-tokio",
        bound: Bound::Ratio(1.1),
        run: |guests| concurrent(guests, Flavour::P3, 1_000),
    },
    Measure {
        name: "concurrent-1000/confined",
        bound: Bound::None,
        run: confined::concurrent,
    },
    Measure {
        name: "memory/host-KiB-per-live-child",
        bound: Bound::Ours(32.0),
        run: memory::measure,
    },
    Measure {
        name: "startup/run-vs-python",
        bound: Bound::Ratio(0.6),
        run: startup,
    },
    Measure {
        name: "long-run/20000-confined-descriptors",
        // A profile keeps one to four rooms, each by three descriptors.
        bound: Bound::Ours(9.0),
        run: long_run::descriptors,
    },
    Measure {
        name: "long-run/20000-confined-memory",
        bound: Bound::Ours(1024.0),
        run: long_run::memory,
    },
];

/// Starts `true` and waits for it; the figures are for one of them.
fn spawn(guests: &Guests, flavour: Flavour) -> Result<Figures> {
    const TIMES: usize = 100;
    let each = |total: f64| total / TIMES as f64;
    Figures::interleaved(
        15,
        || guests.run(flavour, "spawn", TIMES, 0).map(each),
        || guests.runtime.block_on(native::spawn(TIMES, native::program)).map(each),
    )
}

/// The same for a host that holds 4 GiB, against itself without them.
fn spawn_from_a_large_host(guests: &Guests) -> Result<Figures> {
    beside_itself_larger(guests, &Setting::new(Tier::None)?, || Ok(vec![1_u8; 4 * GIB]))
}

/// Spawns of a host that holds something large, against itself without it.
pub(crate) fn beside_itself_larger<T>(
    guests: &Guests,
    setting: &Setting,
    hold: impl Fn() -> Result<T>,
) -> Result<Figures> {
    const TIMES: usize = 100;
    // What the system still does about memory that was just taken, or given back, is none of the spawns'.
    let settled = || {
        guests.run_in(setting, "spawn", TIMES, 0)?;
        let total = guests.run_in(setting, "spawn", TIMES, 0)?;
        Ok(total / TIMES as f64)
    };
    Figures::interleaved(
        7,
        || {
            let held = black_box(hold()?);
            let took = settled();
            drop(held);
            took
        },
        settled,
    )
}

fn stream_read(guests: &Guests, flavour: Flavour) -> Result<Figures> {
    Figures::interleaved(
        7,
        || guests.run(flavour, "read", 1, GIB),
        || guests.runtime.block_on(native::read(GIB)),
    )
}

fn stream_write(guests: &Guests, flavour: Flavour) -> Result<Figures> {
    Figures::interleaved(
        7,
        || guests.run(flavour, "write", 1, GIB),
        || guests.runtime.block_on(native::write(GIB)),
    )
}

/// 64 MiB through `cat`, pumped by the guest.
fn communicate(guests: &Guests, flavour: Flavour) -> Result<Figures> {
    let peer = || guests.runtime.block_on(native::communicate(3, 64 * MIB));
    Figures::interleaved(9, || guests.run(flavour, "communicate", 3, 64 * MIB), peer)
}

/// 64 MiB through `cat`, in one call to the host.
fn communicate_call(guests: &Guests) -> Result<Figures> {
    let peer = || guests.runtime.block_on(native::communicate(3, 64 * MIB));
    Figures::interleaved(9, || guests.run(Flavour::P2, "communicate-call", 3, 64 * MIB), peer)
}

/// 1 GiB through three processes.
fn pipeline(guests: &Guests) -> Result<Figures> {
    Figures::interleaved(
        7,
        || guests.run(Flavour::P2, "pipeline", 1, GIB),
        || guests.runtime.block_on(native::pipeline(GIB)),
    )
}

/// That many processes at once, 256 KiB from each.
fn concurrent(guests: &Guests, flavour: Flavour, processes: usize) -> Result<Figures> {
    const EACH: usize = 256 << 10;
    let peer = || guests.runtime.block_on(native::concurrent(processes, EACH));
    Figures::interleaved(15, || guests.run(flavour, "concurrent", processes, EACH), peer)
}

/// Whole commands that start `true`: a guest, compiled before, and a Python script.
fn startup(_: &Guests) -> Result<Figures> {
    let childproof = command_line()?;
    let guest = xtask::build::guest("bench-guest")?;
    let ours = || {
        let mut command = Command::new(&childproof);
        command
            .args(["run", "--allow", "true"])
            .arg(&guest)
            .args(["spawn", "1", "0"]);
        native::command(&mut command)
    };
    let peer = || {
        let mut command = Command::new("python3");
        native::command(command.args(["-c", "import subprocess; subprocess.run(['true'], check=True)"]))
    };
    Figures::interleaved(25, ours, peer)
}

/// The command `childproof`, as it is released.
fn command_line() -> Result<PathBuf> {
    xtask::build::release("childproof-cli", "childproof").context("cannot build the command childproof")
}
