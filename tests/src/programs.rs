//! The real programs that the guests start.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use childproof_host::policy::{Arguments, Grant};

/// Where a program is that every machine of the project has. One that is missing fails the test.
pub fn program(name: &str) -> PathBuf {
    if name == "python3" {
        // What PATH has may be a launcher that needs an environment of its own.
        let asked = Command::new(name)
            .args(["-c", "import sys; print(sys.executable)"])
            .output();
        let asked = asked.unwrap_or_else(|error| panic!("the suite needs {name}: {error}"));
        return PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|path| is_program(path));
    found.unwrap_or_else(|| panic!("the suite needs {name}: install it, or put its directory into PATH"))
}

fn is_program(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}

/// A grant of such a program with all arguments, which sees what belongs to it.
pub fn grant(name: &str) -> Grant {
    let grant = Grant::program(program(name)).args(Arguments::Any);
    match name {
        "python3" => grant.read(prefixes_of_python()),
        _ => grant,
    }
}

/// Where Python has its library, which need not be a directory of the system.
fn prefixes_of_python() -> Vec<PathBuf> {
    let asked = Command::new(program("python3"))
        .args(["-c", "import sys; print(sys.base_prefix, sys.prefix, sep='\\n')"])
        .output()
        .expect("python3 runs");
    let prefixes = String::from_utf8_lossy(&asked.stdout);
    let outside = prefixes
        .lines()
        .map(PathBuf::from)
        .filter(|path| !path.starts_with("/usr"));
    outside.collect()
}
