//! What many confined spawns, one after the other, leave behind in the host.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use childproof_host::policy::Tier;

use crate::guest::Guests;
use crate::part::{self, Part};
use crate::report::{Figures, Unit};

const SPAWNS: usize = 20_000;

/// The descriptors that the host has more after them than before.
pub(crate) fn descriptors(_: &Guests) -> Result<Figures> {
    Ok(Figures::alone(grown()?.0, Unit::Count))
}

/// The resident memory that it has more.
pub(crate) fn memory(_: &Guests) -> Result<Figures> {
    Ok(Figures::alone(grown()?.1, Unit::Memory))
}

fn grown() -> Result<(f64, f64)> {
    let printed = Part::LongRun.run(part::cache()?.path())?;
    let (descriptors, memory) = printed
        .split_once(' ')
        .with_context(|| format!("the measuring process printed {printed:?}"))?;
    Ok((descriptors.parse()?, memory.parse()?))
}

/// Both, with a space between.
pub(crate) fn growth(cache: &Path) -> Result<String> {
    let look = || Ok((open_descriptors()?, part::resident()?));
    let (before, after) = Guests::cached_in(cache)?.look_twice(Tier::Full, look, "long-run", SPAWNS)?;
    Ok(format!("{} {}", after.0 - before.0, after.1 - before.1))
}

fn open_descriptors() -> Result<f64> {
    Ok(fs::read_dir("/proc/self/fd")?.count() as f64)
}
