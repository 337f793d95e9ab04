//! Calling cargo, adding the guests' target, and installing tools.

use std::ffi::OsString;
use std::fs;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::Message;

use crate::files::lock;

/// The target that guests are built for.
pub const TARGET: &str = "wasm32-wasip2";

/// The packages of `examples/` that are guests. Each is one program of the same name.
pub const GUESTS: [&str; 4] = ["build-all", "hello", "hello-async", "repo-report"];

/// Builds a guest that is a package of its own and answers where its component is.
///
/// # Errors
///
/// When the target is missing and cannot be added, and when the build fails.
pub fn guest(package: &str) -> Result<PathBuf> {
    guest_program(package, package)
}

/// Builds one program of a package of guests and answers where its component is.
///
/// # Errors
///
/// As [`guest`].
pub fn guest_program(package: &str, program: &str) -> Result<PathBuf> {
    have_target()?;
    let mut cargo = cargo();
    // Flags for the host's linker are none for the guest's.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.args([
        "build",
        "--release",
        "--target",
        TARGET,
        "--package",
        package,
        "--bin",
        program,
    ]);
    executable(cargo, program)
}

/// Builds a program of the workspace for this machine and answers where it is.
///
/// # Errors
///
/// When the build fails.
pub fn host(program: &str) -> Result<PathBuf> {
    let mut cargo = cargo();
    // Not by its package: its dependencies would get fewer features than in `cargo test --workspace`, and wasmtime be
    // built once for each.
    cargo.args(["build", "--workspace", "--bin", program]);
    executable(cargo, program)
}

/// The same as it is released: optimised.
///
/// # Errors
///
/// When the build fails.
pub fn release(package: &str, program: &str) -> Result<PathBuf> {
    let mut cargo = cargo();
    cargo.args(["build", "--release", "--package", package, "--bin", program]);
    executable(cargo, program)
}

/// Adds the guests' target to the toolchain if it is missing.
///
/// # Errors
///
/// When it cannot be added. The message says what to do.
pub fn have_target() -> Result<()> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let answer = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .with_context(|| format!("cannot run {}", Path::new(&rustc).display()))?;
    if Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_dir() {
        return Ok(());
    }
    eprintln!("adding the target {TARGET}: rustup target add {TARGET}");
    match Command::new("rustup").args(["target", "add", TARGET]).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!("`rustup target add {TARGET}` failed ({status})"),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "guests need the target {TARGET}, which this Rust lacks, and there is no rustup to add it: install Rust from \
             https://rustup.rs, or your distribution's package of the Rust standard library for {TARGET}"
        ),
        Err(error) => Err(error).context("cannot run rustup"),
    }
}

/// The program that a package of crates.io installs under its own name; built where it is not there yet, once for each
/// version, below `target/tools`.
///
/// # Errors
///
/// When it cannot be downloaded or built.
pub fn tool(package: &str, version: &str) -> Result<PathBuf> {
    let target = crate::target()?;
    let place = target.join("tools").join(format!("{package}-{version}"));
    let program = place.join("bin").join(package);
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    let _lock = lock(&place.join("lock"))?;
    if program.is_file() {
        return Ok(program);
    }
    eprintln!("installing {package} {version} to {}", place.display());
    let building = place.join("build");
    let status = cargo()
        // Its dependencies are those that its own lock file names. It is to be built soon rather than to run fast.
        .args([
            "install",
            package,
            "--locked",
            "--debug",
            "--version",
            version,
            "--root",
        ])
        .arg(&place)
        .arg("--target-dir")
        .arg(&building)
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_INCREMENTAL", "0")
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo")?;
    ensure!(
        status.success(),
        "cargo could not install {package} {version} ({status}): see above"
    );
    fs::remove_dir_all(&building).with_context(|| format!("cannot remove {}", building.display()))?;
    Ok(program)
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.current_dir(crate::root());
    cargo
}

/// Runs a `cargo build` and finds the program `name` in what it says.
fn executable(mut cargo: Command, name: &str) -> Result<PathBuf> {
    cargo
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut building = cargo.spawn().context("cannot run cargo")?;
    let messages = building.stdout.take().context("cargo's output is not piped")?;
    let mut found = None;
    for message in Message::parse_stream(BufReader::new(messages)) {
        match message.context("cannot read what cargo says")? {
            Message::CompilerArtifact(artifact) if artifact.target.name == name => {
                found = artifact.executable.or(found);
            }
            _ => {}
        }
    }
    let status = building.wait().context("cannot wait for cargo")?;
    ensure!(status.success(), "cargo could not build {name} ({status}): see above");
    Ok(found
        .with_context(|| format!("cargo built no program named {name}"))?
        .into_std_path_buf())
}
