//! The vendored WIT: copies of what the `wasmtime-wasi` in `Cargo.lock` was built from, and of the interface itself where a
//! package that is built by other tools than cargo has to hold it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use similar::TextDiff;

/// Files of one directory that are copied to another.
struct Vendored {
    /// Where the copies are, in the directory of the workspace.
    copies: &'static str,
    source: Source,
    /// The files: no more than the package of the copies cannot be resolved without.
    files: &'static [&'static str],
}

/// Where copies come from.
enum Source {
    /// A directory of wasmtime-wasi.
    Wasi(&'static str),
    /// A directory of the workspace.
    Own(&'static str),
}

const VENDORED: [Vendored; 4] = [
    Vendored {
        copies: "wit/0.2/deps",
        source: Source::Wasi("src/p2/wit/deps"),
        files: &["clocks.wit", "filesystem.wit", "io.wit"],
    },
    // A guest of 0.3 exports `wasi:cli/run` by a world of its own, for no standard library does that for it. That package
    // declares worlds, too, and they import the others.
    Vendored {
        copies: "wit/0.3/deps",
        source: Source::Wasi("src/p3/wit/deps"),
        files: &["cli.wit", "clocks.wit", "filesystem.wit", "random.wit", "sockets.wit"],
    },
    // So does one in Python, and componentize-py looks in the package for all that it needs.
    Vendored {
        copies: "guest-sdk/python/childproof/wit/deps",
        source: Source::Wasi("src/p2/wit/deps"),
        files: &[
            "cli.wit",
            "clocks.wit",
            "filesystem.wit",
            "io.wit",
            "random.wit",
            "sockets.wit",
        ],
    },
    Vendored {
        copies: "guest-sdk/python/childproof/wit/deps/process",
        source: Source::Own("wit/0.2"),
        files: &["types.wit", "world.wit"],
    },
];

impl Vendored {
    fn copies(&self) -> PathBuf {
        crate::root().join(self.copies)
    }

    fn source(&self, wasi: &Path) -> PathBuf {
        match self.source {
            Source::Wasi(directory) => wasi.join(directory),
            Source::Own(directory) => crate::root().join(directory),
        }
    }
}

/// Copies the files.
///
/// # Errors
///
/// When the source cannot be found, or a file not be read or written.
pub fn copy() -> Result<()> {
    let wasi = wasmtime_wasi()?;
    for vendored in &VENDORED {
        let (source, copies) = (vendored.source(&wasi), vendored.copies());
        for file in vendored.files {
            let (from, to) = (source.join(file), copies.join(file));
            fs::copy(&from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        }
    }
    check()
}

/// Fails if a copy differs from its source.
///
/// # Errors
///
/// When one differs, is missing, or has no source, and when the source cannot be found. The message shows what differs.
pub fn check() -> Result<()> {
    let wasi = wasmtime_wasi()?;
    for vendored in &VENDORED {
        let (source, copies) = (vendored.source(&wasi), vendored.copies());
        let drift = drift(&source, &copies, vendored.files)?;
        if !drift.is_empty() {
            bail!(
                "{} differs from its source; `cargo xtask wit` copies it anew\n{drift}",
                copies.display()
            );
        }
        println!(
            "{} files in {} are those of {}",
            vendored.files.len(),
            copies.display(),
            source.display()
        );
    }
    Ok(())
}

/// The directory of the package wasmtime-wasi.
fn wasmtime_wasi() -> Result<PathBuf> {
    let metadata = crate::metadata()?;
    let mut found = metadata
        .packages
        .iter()
        .filter(|package| package.name.as_str() == "wasmtime-wasi");
    let (Some(wasi), None) = (found.next(), found.next()) else {
        bail!("Cargo.lock names no wasmtime-wasi, or more than one");
    };
    let package = wasi.manifest_path.parent().context("a manifest lies in a directory")?;
    Ok(package.to_owned().into_std_path_buf())
}

/// What differs between `files` in `source` and their copies, as a unified diff; empty if nothing does.
///
/// # Errors
///
/// When the source lacks a file, or something cannot be read.
pub fn drift(source: &Path, copies: &Path, files: &[&str]) -> Result<String> {
    let mut report = String::new();
    for file in files {
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
        report += &diff(file, &found, &from.display().to_string(), &wanted);
    }
    for entry in fs::read_dir(copies).with_context(|| format!("cannot list {}", copies.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_file() && !files.iter().any(|file| *file == name) {
            writeln!(report, "{}: not one of the vendored files", name.display())?;
        }
    }
    Ok(report)
}

/// What differs between two texts, as a unified diff; empty if nothing does.
pub(crate) fn diff(old_name: &str, old: &str, new_name: &str, new: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .header(old_name, new_name)
        .to_string()
}

#[cfg(test)]
mod tests {
    use wit_parser::Resolve;

    use super::*;

    const FILES: [&str; 3] = ["clocks.wit", "filesystem.wit", "io.wit"];

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
        assert_eq!(drift(source.path(), copies.path(), &FILES).unwrap(), "");
    }

    #[test]
    fn a_changed_line_is_shown_with_both_of_its_versions() {
        let (source, copies) = places();
        fs::write(copies.path().join("io.wit"), "package of:io;\n\ninterface pull {\n}\n").unwrap();
        let drift = drift(source.path(), copies.path(), &FILES).unwrap();
        assert!(drift.contains("--- io.wit"), "{drift}");
        assert!(drift.contains("\n-interface pull {\n+interface poll {\n"), "{drift}");
        assert!(!drift.contains("clocks"), "{drift}");
    }

    #[test]
    fn a_missing_copy_and_one_too_many_are_drift() {
        let (source, copies) = places();
        fs::rename(copies.path().join("clocks.wit"), copies.path().join("clock.wit")).unwrap();
        let drift = drift(source.path(), copies.path(), &FILES).unwrap();
        assert!(drift.contains("clocks.wit: missing"), "{drift}");
        assert!(drift.contains("clock.wit: not one of the vendored files"), "{drift}");
    }

    #[test]
    fn a_file_of_the_source_that_is_not_listed_is_drift_once_it_is_copied() {
        let (source, copies) = places();
        let drift = drift(source.path(), copies.path(), &FILES[..2]).unwrap();
        assert_eq!(drift, "io.wit: not one of the vendored files\n");
    }

    #[test]
    fn the_vendored_files_are_up_to_date() {
        check().unwrap();
    }

    /// Copies all files of a directory but for one.
    fn copy_without(from: &Path, to: &Path, without: Option<&Path>) -> Result<()> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            if entry.file_type()?.is_dir() {
                copy_without(&from, &to, without)?;
            } else if Some(&*from) != without {
                fs::copy(&from, &to)?;
            }
        }
        Ok(())
    }

    /// A guest with the files of `package`, but for one.
    fn resolve(package: &Path, guest: &str, without: Option<&Path>) -> Result<()> {
        let copy = tempfile::tempdir()?;
        copy_without(package, copy.path(), without)?;
        let mut resolve = Resolve::default();
        resolve.push_dir(copy.path())?;
        resolve.push_str("guest.wit", guest)?;
        Ok(())
    }

    #[test]
    fn a_guest_resolves_with_the_vendored_files_and_without_none_of_them() {
        let python = "package a:guest; world guest { include childproof:python/command@0.1.0; }";
        let guests = [
            "package a:guest; world guest { include childproof:process/imports@0.2.0; }",
            "package a:guest; world guest { include childproof:process/imports@0.3.0; export wasi:cli/run@0.3.0; }",
            python,
            python,
        ];
        for (vendored, guest) in VENDORED.iter().zip(guests) {
            let copies = vendored.copies();
            let package = copies
                .ancestors()
                .find(|directory| directory.join("world.wit").is_file() && directory.join("deps").is_dir());
            let package = package.unwrap();
            resolve(package, guest, None).unwrap();
            for file in vendored.files {
                // The world of the interface is for those who have no other.
                let resolved = resolve(package, guest, Some(&copies.join(file)));
                assert!(resolved.is_err(), "{}: {file} is not needed", vendored.copies);
            }
        }
    }
}
