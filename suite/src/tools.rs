//! Finding the programs that cases start.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Python needs more than to be found: what `PATH` has may be a launcher that wants an environment of its own, and its library
/// need not lie in a directory of the system.
const PYTHON: &str = "python3";

/// What Python says of itself.
#[derive(Debug, Default)]
struct Python {
    program: Option<PathBuf>,
    prefixes: Vec<PathBuf>,
}

/// It is asked once, for that takes a while, and who asks may have other things to do.
static ASKED: LazyLock<Python> = LazyLock::new(|| {
    let asked = Command::new(PYTHON)
        .args([
            "-c",
            "import sys; print(sys.executable, sys.base_prefix, sys.prefix, sep='\\n')",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let Some(asked) = asked.ok().filter(|asked| asked.status.success()) else {
        return Python::default();
    };
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    let mut paths = said.lines().map(PathBuf::from);
    let program = paths.next().filter(|path| is_program(path));
    let mut prefixes: Vec<_> = paths.filter(|path| !path.starts_with("/usr")).collect();
    prefixes.dedup();
    Python { program, prefixes }
});

/// Where a program is, by the `PATH` of this process.
pub fn find(name: &str) -> Option<PathBuf> {
    if name == PYTHON {
        return ASKED.program.clone();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|path| is_program(path))
}

/// The directories outside of the system's own that a program needs to read.
pub fn belongings(name: &str) -> &'static [PathBuf] {
    if name == PYTHON { &ASKED.prefixes } else { &[] }
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
