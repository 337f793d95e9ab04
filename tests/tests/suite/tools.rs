//! Programs that people use.

use childproof_tests::{Case, grant};

pub(crate) fn tool_git(case: Case) {
    case.grant("git", grant("git").env_allow("HOME")).grants(&["sort", "uniq"]).succeeds();
}

pub(crate) fn tool_gcc(case: Case) {
    case.grants(&["gcc"]).succeeds();
}

pub(crate) fn tool_tar(case: Case) {
    case.grants(&["tar"]).succeeds();
}

pub(crate) fn tool_python(case: Case) {
    case.grants(&["python3"]).succeeds();
}
