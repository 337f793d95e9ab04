//! Programs that people use.

use childproof_tests::{Case, grant};

pub(crate) fn tool_git(case: Case) {
    case.grant("git", grant("git").env_allow("HOME"))
        .grants(&["sort", "uniq"])
        .succeeds();
}

pub(crate) fn tool_gcc(case: Case) {
    // It looks for the parts it consists of from its own place, which it finds through PATH.
    let path = std::env::var("PATH").unwrap();
    case.grant("gcc", grant("gcc").env_set("PATH", path)).succeeds();
}

pub(crate) fn tool_tar(case: Case) {
    case.grants(&["tar"]).succeeds();
}

pub(crate) fn tool_python(case: Case) {
    case.grants(&["python3"]).succeeds();
}
