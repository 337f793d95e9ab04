//! Parts of measures that take a process of their own, so that they do not find what others left behind. The guest is
//! compiled before, so that the process does not grow into memory that the compiler is done with.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::guest::Guests;
use crate::{long_run, memory};

/// One of them. The program is started anew with its flag and the directory of compiled guests.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    MemoryOurs,
    MemoryPeer,
    LongRun,
}

impl Part {
    fn flag(self) -> &'static str {
        match self {
            Self::MemoryOurs => "--memory-ours",
            Self::MemoryPeer => "--memory-peer",
            Self::LongRun => "--long-run",
        }
    }

    /// Whether this process is for one of them, and its directory of compiled guests.
    pub(crate) fn of_this_process(words: &[String]) -> Option<(Self, &Path)> {
        let [flag, cache] = words else { return None };
        let part = [Self::MemoryOurs, Self::MemoryPeer, Self::LongRun]
            .into_iter()
            .find(|part| flag == part.flag())?;
        Some((part, Path::new(cache)))
    }

    /// Does the work, and prints what [`run`](Self::run) answers.
    pub(crate) fn print(self, cache: &Path) -> Result<()> {
        match self {
            Self::MemoryOurs => println!("{}", memory::ours(cache)?),
            Self::MemoryPeer => println!("{}", memory::peer()?),
            Self::LongRun => println!("{}", long_run::growth(cache)?),
        }
        Ok(())
    }

    /// Starts the process and answers what it printed.
    pub(crate) fn run(self, cache: &Path) -> Result<String> {
        let output = Command::new(std::env::current_exe()?)
            .arg(self.flag())
            .arg(cache)
            // The allocator gives back at once what is freed, so that a process neither grows into what it freed before nor
            // shrinks by it.
            .env("MIMALLOC_PURGE_DELAY", "0")
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(
            output.status.success(),
            "the measuring process failed ({})",
            output.status
        );
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// A directory with the compiled guest.
pub(crate) fn cache() -> Result<TempDir> {
    let cache = tempfile::tempdir()?;
    Guests::cached_in(cache.path())?;
    Ok(cache)
}

/// Lets this process hold as many descriptors as the system allows: many processes at once take some each.
pub(crate) fn allow_all_descriptors() -> Result<()> {
    let descriptors = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: descriptors.maximum,
        ..descriptors
    };
    Ok(setrlimit(Resource::Nofile, most)?)
}

/// The resident memory of this process, in KiB, counted page by page: what /proc/PID/status says lags behind. See
/// proc_pid_smaps_rollup(5).
pub(crate) fn resident() -> Result<f64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Rss:"))
        .context("no Rss in /proc/self/smaps_rollup")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
