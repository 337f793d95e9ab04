//! How much the host's memory grows with each live process. Each side is measured in a process of its own, so that
//! neither finds what the other left behind.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};

use crate::guest::Guests;
use crate::report::{Figures, Unit};

const CHILDREN: usize = 500;

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

/// Whether this process is one of the two.
pub(crate) fn side(words: &[String]) -> Option<Side> {
    [Side::Ours, Side::Peer]
        .into_iter()
        .find(|side| words.first().is_some_and(|word| word == side.flag()))
}

pub(crate) fn measure(_: &Guests) -> Result<Figures> {
    let growth = |side: Side| {
        let output = Command::new(std::env::current_exe()?)
            .arg(side.flag())
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
pub(crate) fn print_growth(side: Side) -> Result<()> {
    let (before, held) = match side {
        Side::Ours => ours()?,
        Side::Peer => peer()?,
    };
    println!("{}", (held - before) / CHILDREN as f64);
    Ok(())
}

fn ours() -> Result<(f64, f64)> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let marks = seen.clone();
    Guests::build()?.run_marked("hold", CHILDREN, 0, move || {
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

/// The resident memory of this process, in KiB. See proc_pid_status(5).
fn resident() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
