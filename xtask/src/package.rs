//! The packages of `wit/` as `wkg` builds them: cut off from the network, with the dependencies that each `wkg.toml` names.
//!
//! What comes out is read again and has to say what the source says, documentation included. `wkg.lock` has to be what
//! `wkg` writes; `wkg` has no option for that, it just writes the file, so it works on a copy of the package.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use wit_component::WitPrinter;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{PackageId, Resolve};

use crate::wit::diff;

/// The directories of the packages, in that of the workspace.
pub const PACKAGES: [&str; 2] = ["wit/0.2", "wit/0.3"];

/// The version of `wkg` that the packages are built with.
const WKG: &str = "0.16.1";

/// Builds all packages into `target/wit` and prints where they are.
///
/// # Errors
///
/// When `wkg` cannot be had, and as [`build`].
pub fn build_all() -> Result<()> {
    let into = crate::target()?.join("wit");
    fs::create_dir_all(&into).with_context(|| format!("cannot make {}", into.display()))?;
    for package in PACKAGES {
        println!("{}", build(&crate::root().join(package), &into)?.display());
    }
    Ok(())
}

/// Builds the package in a directory, whose `wkg.toml`, `wkg.lock` and dependencies are in it, too, and answers where in
/// the directory `into` it is. The directory of the package does not change.
///
/// # Errors
///
/// When it does not build without the network, when its `wkg.lock` is not the one that `wkg` writes for it, and as
/// [`verify`].
pub fn build(package: &Path, into: &Path) -> Result<PathBuf> {
    let name = package.display();
    let (resolve, id) = parse(package)?;
    let id = &resolve.packages[id].name;
    let version = id.version.as_ref().with_context(|| format!("{name} has no version"))?;
    let built = into.join(format!("{}-{}-{version}.wasm", id.namespace, id.name));

    let copy = tempfile::tempdir().context("cannot make a directory to build in")?;
    copy_files(package, copy.path())?;
    let arguments = ["build", "--wit-dir", ".", "--output"].map(OsStr::new);
    wkg(copy.path(), arguments.into_iter().chain([built.as_os_str()]))
        .with_context(|| format!("wkg cannot build {name}"))?;

    let lock = |directory: &Path| {
        let lock = directory.join("wkg.lock");
        fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))
    };
    let drift = diff("wkg.lock", &lock(package)?, "as wkg writes it", &lock(copy.path())?);
    ensure!(drift.is_empty(), "{name}/wkg.lock is not up to date\n{drift}");

    verify(&built, package)?;
    Ok(built)
}

/// Fails if a package that was built does not say what its source says.
///
/// # Errors
///
/// When they differ, which the message shows, and when either cannot be read.
pub fn verify(built: &Path, package: &Path) -> Result<()> {
    let (resolve, id) = parse(package)?;
    let source = print(&resolve, id)?;
    let bytes = fs::read(built).with_context(|| format!("cannot read {}", built.display()))?;
    let decoded = decode(&bytes).with_context(|| format!("{} is no package", built.display()))?;
    let DecodedWasm::WitPackage(resolve, id) = decoded else {
        bail!("{} is a component, not a package of WIT", built.display());
    };
    let (built, package) = (built.display(), package.display());
    let drift = diff("the source", &source, "the package", &print(&resolve, id)?);
    ensure!(drift.is_empty(), "{built} does not say what {package} says\n{drift}");
    Ok(())
}

/// Runs `wkg` in a directory, without the network and without the settings and the cache of the machine, so that it has
/// nothing but what is there.
///
/// # Errors
///
/// When `wkg` cannot be had or cannot be cut off from the network, and when it fails. The message is what it says.
pub fn wkg(project: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<()> {
    let program = crate::build::tool("wkg", WKG)?;
    let own = tempfile::tempdir().context("cannot make a directory for wkg's settings")?;
    let settings = own.path().join("config.toml");
    fs::write(&settings, "").with_context(|| format!("cannot write {}", settings.display()))?;
    let answer = Command::new("unshare")
        .args(["--map-root-user", "--net", "--"])
        .arg(program)
        .args(arguments)
        .env("WKG_CONFIG_FILE", &settings)
        .env("WKG_CACHE_DIR", own.path().join("cache"))
        .env_remove("WKG_REGISTRY")
        // Where in its own source it failed says nothing about a package.
        .env_remove("RUST_BACKTRACE")
        .current_dir(project)
        .stdin(Stdio::null())
        .output()
        .context("cannot run unshare, of util-linux, which cuts wkg off from the network")?;
    let said = String::from_utf8_lossy(&answer.stderr);
    ensure!(answer.status.success(), "{}\n({})", said.trim_end(), answer.status);
    Ok(())
}

/// The package in `directory`, whose dependencies are in its `deps`.
///
/// # Errors
///
/// When it is no package of WIT that resolves.
pub(crate) fn parse(directory: &Path) -> Result<(Resolve, PackageId)> {
    let mut resolve = Resolve {
        // What is behind a gate is a part of the package, too.
        all_features: true,
        ..Resolve::default()
    };
    let parsed = resolve.push_dir(directory);
    // Rendered, an error says where in the file.
    let (package, _) = parsed.map_err(|error| anyhow!(resolve.render_error(&error)))?;
    Ok((resolve, package))
}

/// A package as one text of WIT, the same for all sources that mean the same.
fn print(resolve: &Resolve, package: PackageId) -> Result<String> {
    let mut printer = WitPrinter::default();
    printer.print(resolve, package, &[])?;
    Ok(printer.output.to_string())
}

/// Copies what is in the directory `from` to the directory `to`, which is there.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            fs::create_dir(&copy)?;
            copy_files(&source, &copy)?;
        } else {
            fs::copy(&source, &copy).with_context(|| format!("cannot copy {}", source.display()))?;
        }
    }
    Ok(())
}
