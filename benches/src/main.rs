//! Measures childproof side by side with a peer that does the same work natively.
//!
//! `cargo perf` prints one line a measure: its name, what we took, what the peer took, and the ratio of the two. `cargo
//! perf -- NAME...` runs those whose name holds one of the words.
//!
//! Both sides run in turn, in one process where they can, and each figure is the median of the rounds: machines differ and
//! are noisy, ratios of one run are not. Nothing here fails for being slow.

#![forbid(unsafe_code)]

mod guest;
mod measures;
mod memory;
mod native;
mod report;

use anyhow::{Result, ensure};
use mimalloc::MiMalloc;

use guest::Guests;
use report::Measure;

/// The allocator of the command `childproof`. Both sides have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((side, cache)) = memory::side(&words) {
        return memory::print_growth(side, cache);
    }
    let wanted = |measure: &&Measure| words.is_empty() || words.iter().any(|word| measure.name.contains(word));
    let measures: Vec<&Measure> = measures::ALL.iter().filter(wanted).collect();
    ensure!(
        !measures.is_empty(),
        "no measure is named {}; there are: {}",
        words.join(", "),
        names()
    );
    let guests = Guests::build()?;
    println!("{:<36} {:>12} {:>12} {:>7}", "NAME", "ours", "peer", "ratio");
    for measure in measures {
        println!("{}", (measure.run)(&guests)?.line(measure.name));
    }
    Ok(())
}

fn names() -> String {
    measures::ALL
        .iter()
        .map(|measure| measure.name)
        .collect::<Vec<_>>()
        .join(", ")
}
