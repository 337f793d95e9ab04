//! The example `build-all`, from source to linked program.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::files::remove_directory;
use crate::run;

/// Builds the guest and the command `childproof`, adding the guests' target if it is missing, and runs the guest on the C
/// project at `path`, or on the sample project in `target/build-all`, which is made anew. Answers the guest's exit code.
///
/// # Errors
///
/// When `path` is no directory, and when something cannot be built or run.
pub fn run(path: Option<&Path>, arguments: &[OsString]) -> Result<ExitCode> {
    let project = match path {
        Some(path) => path.to_owned(),
        None => anew()?,
    };
    let project = project
        .canonicalize()
        .with_context(|| format!("cannot open {}", project.display()))?;
    ensure!(project.is_dir(), "{} is not a directory", project.display());
    run::example("build-all", &project, "/work", arguments)
}

/// An empty directory for the sample project.
fn anew() -> Result<PathBuf> {
    let directory = crate::target()?.join("build-all");
    remove_directory(&directory)?;
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}
