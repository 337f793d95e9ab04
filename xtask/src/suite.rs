//! The component test suite as an archive, for other hosts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::build;

/// Builds the guests of the suite, adding their target if it is missing, and packs them with the manifest into the file
/// `path`, or `childproof-suite.tar.zst` in the target directory. Answers where that is.
///
/// # Errors
///
/// When something cannot be built, and when the archive cannot be written.
pub fn pack(path: Option<&Path>) -> Result<PathBuf> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => crate::target()?.join("childproof-suite.tar.zst"),
    };
    let packer = build::host("childproof-pack-suite")?;
    let status = Command::new(&packer)
        .arg(&path)
        .status()
        .with_context(|| format!("cannot run {}", packer.display()))?;
    ensure!(status.success(), "the suite could not be packed ({status}): see above");
    Ok(path)
}
