//! The example `repo-report`, from source to report.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::{build, root};

/// Where the guest sees the checkout.
const GUEST_PATH: &str = "/repo";

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

    let guest = build::guest("repo-report")?;
    let childproof = build::host("childproof")?;
    let policy = root().join("examples/repo-report/policy.toml");

    let mut dir = checkout.clone().into_os_string();
    dir.push(format!("::{GUEST_PATH}:ro"));
    let arguments = [
        OsString::from("run"),
        "--policy".into(),
        policy.into(),
        "--dir".into(),
        dir,
        guest.into(),
        checkout.file_name().unwrap_or(checkout.as_os_str()).into(),
    ];
    eprintln!("{}", shown(&childproof, &arguments));
    let status = Command::new(&childproof)
        .args(&arguments)
        .status()
        .with_context(|| format!("cannot run {}", childproof.display()))?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The command line, as one could type it, relative to the current directory where that is shorter.
fn shown(program: &Path, arguments: &[OsString]) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let words = std::iter::once(program.as_os_str())
        .chain(arguments.iter().map(OsString::as_os_str))
        .map(|word| {
            let short = Path::new(word)
                .strip_prefix(&here)
                .map_or(word, Path::as_os_str)
                .to_string_lossy();
            let plain = |c: char| c.is_alphanumeric() || "/-_.,:=+@%".contains(c);
            if short.chars().all(plain) && !short.is_empty() {
                short.into_owned()
            } else {
                format!("{:?}", &*short)
            }
        });
    format!("$ {}\n", words.collect::<Vec<_>>().join(" "))
}
