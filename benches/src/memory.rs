//! How much the host's memory grows with each live process.

use std::path::Path;
use std::process::Stdio;

use anyhow::Result;
use childproof_host::policy::Tier;

use crate::guest::Guests;
use crate::part::{self, Part};
use crate::report::{Figures, Unit};

const CHILDREN: usize = 1_500;

/// Both sides without a confinement.
pub(crate) fn measure(_: &Guests) -> Result<Figures> {
    let cache = part::cache()?;
    let growth = |part: Part| Ok(part.run(cache.path())?.parse()?);
    let figures = Figures::interleaved(3, || growth(Part::MemoryOurs), || growth(Part::MemoryPeer))?;
    Ok(figures.counted_in(Unit::Memory))
}

/// The KiB that our host grows by with each live process.
pub(crate) fn ours(cache: &Path) -> Result<f64> {
    part::allow_all_descriptors()?;
    let (before, held) = Guests::cached_in(cache)?.look_twice(Tier::None, part::resident, "hold", CHILDREN)?;
    Ok((held - before) / CHILDREN as f64)
}

/// The KiB that tokio's host grows by with each live process.
pub(crate) fn peer() -> Result<f64> {
    part::allow_all_descriptors()?;
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
        let before = part::resident()?;
        let held = (0..CHILDREN).map(|_| spawn()).collect::<Result<Vec<_>, _>>()?;
        let with = part::resident()?;
        drop(held);
        Ok((with - before) / CHILDREN as f64)
    })
}
