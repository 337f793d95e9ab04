//! Running an example's guest, from its source, with the command `childproof`.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::{build, root};

/// Builds the guest `package` of `examples/` and the command `childproof`, adding the guests' target if it is missing, and
/// runs the guest under its own policy. It has one directory, `directory`, as `place`: `/work`, or `/work:ro`. Answers the
/// guest's exit code.
///
/// # Errors
///
/// When something cannot be built or run.
pub fn example(package: &str, directory: &Path, place: &str, arguments: &[OsString]) -> Result<ExitCode> {
    guest(
        package,
        &build::guest(package)?,
        directory,
        place,
        arguments,
        Stdio::inherit(),
    )
}

/// The same for a component that was built already, which reads `stdin`. The policy is that of `examples/EXAMPLE`.
///
/// # Errors
///
/// When the command `childproof` cannot be built, or run.
pub(crate) fn guest(
    example: &str,
    component: &Path,
    directory: &Path,
    place: &str,
    arguments: &[OsString],
    stdin: Stdio,
) -> Result<ExitCode> {
    let childproof = build::host("childproof")?;
    let policy = root().join("examples").join(example).join("policy.toml");

    let mut dir = directory.to_owned().into_os_string();
    dir.push(format!("::{place}"));
    let mut words = vec![
        OsString::from("run"),
        "--policy".into(),
        policy.into(),
        "--dir".into(),
        dir,
        component.into(),
    ];
    words.extend_from_slice(arguments);
    eprintln!("{}", shown(&childproof, &words));
    let status = Command::new(&childproof)
        .args(&words)
        .stdin(stdin)
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
