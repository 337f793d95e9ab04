//! The real programs that the tests start themselves.

use std::path::PathBuf;

use childproof_suite::tools;

/// Where a program is that every machine of the project has. One that is missing fails the test.
pub fn program(name: &str) -> PathBuf {
    tools::find(name).unwrap_or_else(|| panic!("the suite needs {name}: install it, or put its directory into PATH"))
}
