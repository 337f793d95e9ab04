//! The suite as one file, for other hosts.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context as _, Result};
use childproof_suite::Flavour as Declared;
use childproof_suite::archive;

use crate::MANIFEST_TEXT;

/// Writes the archive of the suite: the manifest, and the components that were built with this crate.
///
/// # Errors
///
/// When a component cannot be read, or the archive cannot be written.
pub fn pack(path: &Path) -> Result<()> {
    let shown = path.display();
    let file = File::create(path).with_context(|| format!("cannot write {shown}"))?;
    let component = |flavour, guest: &str| {
        let directory = match flavour {
            Declared::P2 => crate::P2_COMPONENTS,
            Declared::P3 => crate::P3_COMPONENTS,
        };
        fs::read(Path::new(directory).join(format!("{guest}.wasm")))
    };
    archive::pack(MANIFEST_TEXT, component, BufWriter::new(file)).with_context(|| format!("cannot write {shown}"))
}
