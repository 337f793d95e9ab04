//! The probe: compiled from `tests/probe`, and started without any of childproof where a control asks for it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use childproof_tests::program;
use tempfile::TempDir;

/// What the probe says of itself by the way it exits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Did,
    /// With the name of the errno.
    CouldNot(String),
}

/// The probe's word, from its exit code and what it printed. `Err` says that it is broken.
pub(crate) fn word(code: Option<i64>, printed: &str) -> Result<Word, String> {
    match code {
        Some(0) => Ok(Word::Did),
        Some(1) => match printed.trim_end().rsplit_once("could not: ") {
            Some((_, errno)) => Ok(Word::CouldNot(errno.to_owned())),
            None => Err(format!("the probe does not say why it could not: {printed:?}")),
        },
        other => Err(format!(
            "the probe is broken: it ended with {other:?} and printed {printed:?}"
        )),
    }
}

/// The program's bytes. It is compiled by the first that asks.
pub(crate) fn program_bytes() -> &'static [u8] {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    PROGRAM.get_or_init(compile)
}

fn compile() -> Vec<u8> {
    let directory = TempDir::new().expect("a directory for the probe");
    let path = directory.path().join("probe");
    let sources = sources();
    // A static program needs nothing of the file system that it starts in. Where there is no static C library, the
    // dynamic one will do: the system's directories are part of every confinement.
    let linked = gcc(&["-static"], &sources, &path);
    if !linked.status.success() {
        let linked = gcc(&[], &sources, &path);
        let said = String::from_utf8_lossy(&linked.stderr);
        assert!(linked.status.success(), "the probe does not compile: {said}");
    }
    fs::read(path).expect("the probe was compiled")
}

fn sources() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("probe");
    let entries = fs::read_dir(directory).expect("the probe's sources");
    let mut sources: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the probe's sources can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    sources.sort();
    sources
}

fn gcc(flags: &[&str], sources: &[PathBuf], output: &Path) -> Output {
    Command::new(program("gcc"))
        .args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror"])
        .args(flags)
        .args(sources)
        .arg("-o")
        .arg(output)
        .output()
        .expect("gcc runs")
}

/// Runs the probe as any program would: with the environment and the descriptors of this process.
pub(crate) fn bare(probe: &Path, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> (Option<i64>, String) {
    let arguments = arguments.into_iter().map(Into::into);
    let output = Command::new(probe).args(arguments).output().expect("the probe runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().map(i64::from), printed)
}
