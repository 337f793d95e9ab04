//! The example `repo-report`, from source to report.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::{root, run};

/// Builds the guest and the command `childproof`, adding the guests' target if it is missing, and runs the guest on the
/// checkout at `path`, or on this project's own. Answers the guest's exit code.
///
/// # Errors
///
/// When `path` is no directory, and when something cannot be built or run.
pub fn run(path: Option<&Path>) -> Result<ExitCode> {
    let checkout = path.map_or_else(root, Path::to_owned);
    let checkout = checkout
        .canonicalize()
        .with_context(|| format!("cannot open {}", checkout.display()))?;
    ensure!(checkout.is_dir(), "{} is not a directory", checkout.display());

    let name = checkout.file_name().unwrap_or(checkout.as_os_str()).to_owned();
    run::example("repo-report", &checkout, "/repo:ro", &[name])
}
