//! The vendored WIT of WASI: copies of what the `wasmtime-wasi` in `Cargo.lock` was built from.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use similar::TextDiff;

/// The packages that `childproof:process@0.2` depends on.
const FILES: [&str; 3] = ["clocks.wit", "filesystem.wit", "io.wit"];

/// Copies the files.
///
/// # Errors
///
/// When the source cannot be found, or a file not be read or written.
pub fn copy() -> Result<()> {
    let (source, copies) = places()?;
    for file in FILES {
        let (from, to) = (source.join(file), copies.join(file));
        fs::copy(&from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    }
    check()
}

/// Fails if a copy differs from its source.
///
/// # Errors
///
/// When one differs, is missing, or has no source, and when the source cannot be found. The message shows what differs.
pub fn check() -> Result<()> {
    let (source, copies) = places()?;
    let drift = drift(&source, &copies)?;
    if !drift.is_empty() {
        bail!("the vendored WIT of WASI differs from its source; `cargo xtask wit` copies it anew\n{drift}");
    }
    println!(
        "{} files in {} are those of {}",
        FILES.len(),
        copies.display(),
        source.display()
    );
    Ok(())
}

fn places() -> Result<(PathBuf, PathBuf)> {
    let metadata = crate::metadata()?;
    let mut found = metadata
        .packages
        .iter()
        .filter(|package| package.name.as_str() == "wasmtime-wasi");
    let (Some(wasi), None) = (found.next(), found.next()) else {
        bail!("Cargo.lock names no wasmtime-wasi, or more than one");
    };
    let package = wasi.manifest_path.parent().context("a manifest lies in a directory")?;
    Ok((
        package.join("src/p2/wit/deps").into_std_path_buf(),
        crate::root().join("wit/0.2/deps"),
    ))
}

/// What differs between the files in `source` and their copies, as a unified diff; empty if nothing does.
///
/// # Errors
///
/// When the source lacks a file, or something cannot be read.
pub fn drift(source: &Path, copies: &Path) -> Result<String> {
    let mut report = String::new();
    for file in FILES {
        let from = source.join(file);
        let wanted = fs::read_to_string(&from).with_context(|| format!("cannot read {}", from.display()))?;
        let found = match fs::read_to_string(copies.join(file)) {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                writeln!(report, "{file}: missing")?;
                continue;
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read the copy of {file}")),
        };
        if found != wanted {
            let diff = TextDiff::from_lines(&found, &wanted);
            write!(
                report,
                "{}",
                diff.unified_diff().header(file, &from.display().to_string())
            )?;
        }
    }
    for entry in fs::read_dir(copies).with_context(|| format!("cannot list {}", copies.display()))? {
        let name = entry?.file_name();
        if !FILES.iter().any(|file| *file == name) {
            writeln!(report, "{}: not one of the vendored files", name.display())?;
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> (tempfile::TempDir, tempfile::TempDir) {
        let (source, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for file in FILES {
            let text = format!(
                "package of:{};\n\ninterface poll {{\n}}\n",
                file.trim_end_matches(".wit")
            );
            fs::write(source.path().join(file), &text).unwrap();
            fs::write(copies.path().join(file), &text).unwrap();
        }
        (source, copies)
    }

    #[test]
    fn equal_files_are_no_drift() {
        let (source, copies) = places();
        assert_eq!(drift(source.path(), copies.path()).unwrap(), "");
    }

    #[test]
    fn a_changed_line_is_shown_with_both_of_its_versions() {
        let (source, copies) = places();
        fs::write(copies.path().join("io.wit"), "package of:io;\n\ninterface pull {\n}\n").unwrap();
        let drift = drift(source.path(), copies.path()).unwrap();
        assert!(drift.contains("--- io.wit"), "{drift}");
        assert!(drift.contains("\n-interface pull {\n+interface poll {\n"), "{drift}");
        assert!(!drift.contains("clocks"), "{drift}");
    }

    #[test]
    fn a_missing_copy_and_one_too_many_are_drift() {
        let (source, copies) = places();
        fs::rename(copies.path().join("clocks.wit"), copies.path().join("clock.wit")).unwrap();
        let drift = drift(source.path(), copies.path()).unwrap();
        assert!(drift.contains("clocks.wit: missing"), "{drift}");
        assert!(drift.contains("clock.wit: not one of the vendored files"), "{drift}");
    }

    #[test]
    fn the_vendored_files_are_up_to_date() {
        check().unwrap();
    }
}
