//! The standard streams of a process.

use std::io::{Seek as _, Write as _};

use childproof_host::policy::StdStream;
use childproof_tests::{Case, grant};

crate::succeed! {
    row41_a_file_is_opened_as_in_std
    row41_a_file_gives_no_more_than_the_guest_has
    row41_a_stdin_is_anothers_stdout
    row41_a_stream_serves_one_spawn
    row41_files_are_appended_to
    row41_files_at_an_offset
    row41_stderr_goes_to_stdout_in_order
}

pub(crate) fn row41_null_is_nothing(case: Case) {
    let outcome = case.succeeds();
    assert_eq!(
        (outcome.inherited_stdout, outcome.inherited_stderr),
        (Vec::new(), Vec::new()),
        "nothing is written anywhere else"
    );
}

pub(crate) fn row41_the_guests_own_streams(case: Case) {
    let mut stdin = tempfile::tempfile().unwrap();
    stdin.write_all(b"given by the host\n").unwrap();
    stdin.rewind().unwrap();
    let no_stdout = grant("true").inherit([StdStream::Stderr]);
    let outcome = case.processes_stdin(stdin).grant("no-stdout", no_stdout).succeeds();
    assert_eq!(
        String::from_utf8_lossy(&outcome.inherited_stdout),
        "given by the host\nmore\n"
    );
    assert_eq!(String::from_utf8_lossy(&outcome.inherited_stderr), "error\n");
}

pub(crate) fn row42_pipelines_bypass_host_and_guest(case: Case) {
    case.grants(&["wc", "yes"]).succeeds();
}
