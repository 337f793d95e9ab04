//! How much the host's memory grows with each live process. Each side is measured in a process of its own, so that
//! neither finds what the other left behind; and the guest is compiled before, so that ours does not grow into memory that
//! the compiler is done with.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::guest::Guests;
use crate::report::{Figures, Unit};

const CHILDREN: usize = 1_500;

#[derive(Clone, Copy)]
pub(crate) enum Side {
    Ours,
    Peer,
}

impl Side {
    fn flag(self) -> &'static str {
        match self {
            Self::Ours => "--memory-ours",
            Self::Peer => "--memory-peer",
        }
    }
}

/// Whether this process is one of the two, and the cache it was given.
pub(crate) fn side(words: &[String]) -> Option<(Side, &Path)> {
    let [flag, cache] = words else { return None };
    let side = [Side::Ours, Side::Peer].into_iter().find(|side| flag == side.flag())?;
    Some((side, Path::new(cache)))
}

pub(crate) fn measure(_: &Guests) -> Result<Figures> {
    let cache = tempfile::tempdir()?;
    Guests::cached_in(cache.path())?;
    let growth = |side: Side| {
        let output = Command::new(std::env::current_exe()?)
            .arg(side.flag())
            .arg(cache.path())
            // The allocator gives back at once what is freed, so that a side neither grows into what it freed before nor
            // shrinks by it.
            .env("MIMALLOC_PURGE_DELAY", "0")
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(
            output.status.success(),
            "the measuring process failed ({})",
            output.status
        );
        Ok(String::from_utf8(output.stdout)?.trim().parse::<f64>()?)
    };
    let figures = Figures::interleaved(3, || growth(Side::Ours), || growth(Side::Peer))?;
    Ok(Figures {
        unit: Unit::Memory,
        ..figures
    })
}

/// Prints the KiB that the host grows by with each live process.
pub(crate) fn print_growth(side: Side, cache: &Path) -> Result<()> {
    // Each process takes three descriptors.
    let descriptors = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: descriptors.maximum,
        ..descriptors
    };
    setrlimit(Resource::Nofile, most)?;
    let (before, held) = match side {
        Side::Ours => ours(cache)?,
        Side::Peer => peer()?,
    };
    println!("{}", (held - before) / CHILDREN as f64);
    Ok(())
}

fn ours(cache: &Path) -> Result<(f64, f64)> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let marks = seen.clone();
    Guests::cached_in(cache)?.run_marked("hold", CHILDREN, 0, move || {
        marks.lock().unwrap_or_else(PoisonError::into_inner).push(resident());
    })?;
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    match (seen.pop(), seen.pop()) {
        (Some(held), Some(before)) => Ok((before?, held?)),
        _ => bail!("the guest gave no mark"),
    }
}

fn peer() -> Result<(f64, f64)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let spawn = || {
            let mut command = tokio::process::Command::new("cat");
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
        };
        drop(spawn()?.wait_with_output().await?);
        let before = resident()?;
        let held = (0..CHILDREN).map(|_| spawn()).collect::<Result<Vec<_>, _>>()?;
        let with = resident()?;
        drop(held);
        Ok((before, with))
    })
}

/// The resident memory of this process, in KiB, counted page by page: what /proc/PID/status says lags behind. See
/// proc_pid_smaps_rollup(5).
fn resident() -> Result<f64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Rss:"))
        .context("no Rss in /proc/self/smaps_rollup")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
