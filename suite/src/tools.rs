//! Finding the programs that cases start.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Python needs more than to be found: what `PATH` has may be a launcher that wants an environment of its own, and its library
/// need not lie in a directory of the system.
const PYTHON: &str = "python3";

/// Where a program is, by the `PATH` of this process.
pub fn find(name: &str) -> Option<PathBuf> {
    if name == PYTHON {
        return of_python("print(sys.executable)")
            .into_iter()
            .find(|path| is_program(path));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|path| is_program(path))
}

/// The directories outside of the system's own that a program needs to read.
pub fn belongings(name: &str) -> Vec<PathBuf> {
    if name != PYTHON {
        return Vec::new();
    }
    let mut prefixes = of_python("print(sys.base_prefix, sys.prefix, sep='\\n')");
    prefixes.retain(|path| !path.starts_with("/usr"));
    prefixes.dedup();
    prefixes
}

/// The paths that Python prints, one a line; none where there is no Python.
fn of_python(print: &str) -> Vec<PathBuf> {
    let asked = Command::new(PYTHON)
        .args(["-c", &format!("import sys; {print}")])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    match asked {
        Ok(asked) if asked.status.success() => String::from_utf8_lossy(&asked.stdout)
            .lines()
            .map(PathBuf::from)
            .collect(),
        _ => Vec::new(),
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
