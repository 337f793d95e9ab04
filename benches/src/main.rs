//! Measures childproof side by side with a peer that does the same work natively.
//!
//! `cargo perf` prints one line a measure: its name, what we took, what the peer took, the ratio of the two, and the bound
//! with whether it is met. `cargo perf -- NAME...` runs those whose name holds one of the words.
//!
//! Both sides run in turn, in one process where they can, and each figure is the median of the rounds: machines differ and
//! are noisy, ratios of one run are not. Nothing here fails for being slow. What cannot be measured fails, after the rest was.
//!
//! The tier that processes of the guest are confined in:
//!
//! - what is named after the tier, and `concurrent-1000` and `long-run`: that tier, `confined` being the full one;
//! - `startup`: the command's default, the full one, because this is what its user waits for;
//! - all others: none. They are about spawning, about the data path or about the host's memory, and their peers confine
//!   nothing either.

#![forbid(unsafe_code)]

mod confined;
mod guest;
mod long_run;
mod measures;
mod memory;
mod native;
mod part;
mod report;

use anyhow::{Result, ensure};
use mimalloc::MiMalloc;

use guest::Guests;
use part::Part;
use report::Measure;

/// The allocator of the command `childproof`. Both sides have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((part, cache)) = Part::of_this_process(&words) {
        return part.print(cache);
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
    part::allow_all_descriptors()?;
    println!("{}", report::head());
    let mut failed = Vec::new();
    for measure in measures {
        match (measure.run)(&guests) {
            Ok(figures) => println!("{}", figures.line(measure)),
            Err(error) => {
                println!("{} FAILED: {error:#}", measure.name);
                failed.push(measure.name);
            }
        }
    }
    ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}

fn names() -> String {
    measures::ALL
        .iter()
        .map(|measure| measure.name)
        .collect::<Vec<_>>()
        .join(", ")
}
