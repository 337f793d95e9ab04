//! The example `agent`, from source to transcript.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::python::Component;
use crate::{root, run, target};

/// Builds the agent's component and answers where it is.
///
/// # Errors
///
/// When componentize-py cannot be had or fails.
pub fn component() -> Result<PathBuf> {
    let component = target()?.join("agent.wasm");
    let path = [root().join("examples/agent"), root().join("guest-sdk/python")];
    Component {
        module: "agent",
        path: &path,
    }
    .build(&component)?;
    Ok(component)
}

/// Builds the agent and the command `childproof`, and has the agent work through a list of tasks, its own by default, with the
/// git repository at `repository`, or with this project's own. Answers its exit code.
///
/// # Errors
///
/// When `repository` is no directory, when the list cannot be read, and when something cannot be built or run.
pub fn run(repository: Option<&Path>, tasks: Option<&Path>) -> Result<ExitCode> {
    let repository = repository.map_or_else(root, Path::to_owned);
    let repository = repository
        .canonicalize()
        .with_context(|| format!("cannot open {}", repository.display()))?;
    ensure!(repository.is_dir(), "{} is not a directory", repository.display());
    let tasks = tasks.map_or_else(|| root().join("examples/agent/tasks.toml"), Path::to_owned);
    let tasks = File::open(&tasks).with_context(|| format!("cannot read {}", tasks.display()))?;
    run::guest("agent", &component()?, &repository, "/work:ro", &[], tasks.into())
}
