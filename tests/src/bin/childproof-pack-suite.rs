//! Packs the component test suite, which this package builds, into the archive that its argument names. It is what
//! `cargo xtask suite` runs.

#![forbid(unsafe_code)]

use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(path), None) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: childproof-pack-suite ARCHIVE")
    };
    childproof_tests::pack(&PathBuf::from(path))
}
