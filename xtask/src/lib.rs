//! The project's own chores: what `cargo demo`, `cargo xtask` and the continuous integration do.
//!
//! | module | owns |
//! |---|---|
//! | [`agent`] | the example `agent`, from source to transcript |
//! | [`build`] | calling cargo, adding the guests' target, and installing tools |
//! | [`build_all`] | the example `build-all`, from source to linked program |
//! | [`c`] | the C library and what is built with it: its bindings, and calling make |
//! | [`cpython`] | CPython's own tests, in a guest |
//! | [`demo`] | the example `repo-report`, from source to report |
//! | [`deny`] | licenses, sources and duplicates of the dependencies, by `deny.toml` |
//! | [`flavours`] | the agreement of the two flavours of the interface |
//! | [`package`] | the packages of the interface, as `wkg` builds them |
//! | [`python`] | components made of programs in Python |
//! | [`readme`] | what the README says: its blocks, and running its commands |
//! | [`run`] | running an example's guest with the command `childproof` |
//! | [`suite`] | the component test suite as an archive |
//! | [`wit`] | the vendored WIT of WASI |

#![forbid(unsafe_code)]

pub mod agent;
pub mod build;
pub mod build_all;
pub mod c;
pub mod cpython;
pub mod demo;
pub mod deny;
mod files;
pub mod flavours;
pub mod package;
pub mod python;
pub mod readme;
pub mod run;
pub mod suite;
pub mod wit;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};

/// The directory of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The directory for what is built and downloaded: `target`, unless cargo was told otherwise.
///
/// # Errors
///
/// As [`metadata`].
pub fn target() -> Result<PathBuf> {
    Ok(metadata()?.target_directory.into_std_path_buf())
}

/// What cargo says about the workspace and everything it depends on.
///
/// # Errors
///
/// When cargo fails, which it explains on standard error; when `Cargo.lock` is not up to date.
pub fn metadata() -> Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(["--locked".to_owned()])
        .exec()
        .context("cargo metadata failed")
}

/// The README: its Rust blocks are tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
