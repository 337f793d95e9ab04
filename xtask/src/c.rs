//! The C library of `guest-sdk/c` and what is built with it: its bindings, and calling make.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_parser::Resolve;

use crate::files::lock;
use crate::{root, target};

/// The directory of the library.
pub fn directory() -> PathBuf {
    root().join("guest-sdk/c")
}

/// Where the chores build: below the workspace's target directory.
///
/// # Errors
///
/// When cargo does not say where that is.
pub fn build_directory() -> Result<PathBuf> {
    Ok(target()?.join("c"))
}

/// Generates the bindings of `childproof:process` that the library stands on: a header, a source and an object with the
/// type of the component. A file that would not change is left as it is, so that make has nothing to do.
///
/// # Errors
///
/// When the WIT cannot be read, and when the files cannot be written.
pub fn bindings(into: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    resolve
        .push_dir(root().join("wit/0.2"))
        .context("cannot read wit/0.2")?;
    let package = resolve.push_file(directory().join("childproof.wit"))?;
    let world = resolve.select_world(&[package], None)?;
    let mut files = Files::default();
    let mut generator: Box<dyn WorldGenerator> = wit_bindgen_c::Opts::default().build();
    generator.generate(&mut resolve, world, &mut files)?;

    fs::create_dir_all(into).with_context(|| format!("cannot make {}", into.display()))?;
    for (name, contents) in files.iter() {
        let path = into.join(name);
        if fs::read(&path).is_ok_and(|there| there == contents) {
            continue;
        }
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The examples in C.
const EXAMPLES: [&str; 2] = ["hello-c.wasm", "sort-filter.wasm"];

/// Builds the library and its examples, and answers the directory that they are in.
///
/// # Errors
///
/// Those of [`build`].
pub fn build_examples() -> Result<PathBuf> {
    for example in EXAMPLES {
        build(example)?;
    }
    build_directory()
}

/// Builds `target` of the library's Makefile, whose path is relative to [`build_directory`], and answers where it is.
/// It takes make and a clang for WASI: see the library's README.
///
/// # Errors
///
/// When the bindings cannot be generated, and when make is missing or fails, which it explains on standard error.
pub fn build(target: &str) -> Result<PathBuf> {
    let build = build_directory()?;
    fs::create_dir_all(&build).with_context(|| format!("cannot make {}", build.display()))?;
    let _lock = lock(&build.join("lock"))?;
    let bindings = build.join("bindings");
    self::bindings(&bindings)?;
    let target = build.join(target);
    let status = Command::new("make")
        .arg("--no-print-directory")
        .arg("--silent")
        .arg(format!("BUILD={}", build.display()))
        .arg(format!("BINDINGS={}", bindings.display()))
        .arg(&target)
        .current_dir(directory())
        // What cargo was told, by a make above it or about programs for this machine, is not for this.
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .env_remove("CFLAGS")
        .env_remove("LDFLAGS")
        .stdin(Stdio::null())
        .status()
        .context("cannot run make")?;
    ensure!(
        status.success(),
        "make could not build {} ({status}): see above; guest-sdk/c/README.md says what it takes",
        target.display()
    );
    Ok(target)
}
