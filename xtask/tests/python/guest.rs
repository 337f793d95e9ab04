//! The SDK's own tests, which are a guest.

use std::fs;

use xtask::python::Component;

use super::*;

fn component() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let component = xtask::target().unwrap().join("python-tests.wasm");
        let sdk = xtask::root().join("guest-sdk/python");
        let path = [sdk.join("tests"), sdk];
        Component {
            module: "app",
            path: &path,
        }
        .build(&component)
        .unwrap();
        component
    })
}

/// Runs the guest in a directory of its own.
fn guest(arguments: &[&str], stdin: &[u8]) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let policy = xtask::root().join("guest-sdk/python/tests/policy.toml");
    let data = format!("{}::/data", directory.path().display());
    let output = run(component(), &policy, &data, arguments, stdin);
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_guests_tests_pass() {
    let (code, stdout, stderr) = guest(&[], b"");
    assert_eq!(code, Some(0), "{stdout}\n{stderr}");
    assert!(stdout.ends_with("\nOK\n"), "no test may be skipped\n{stdout}");
    // All that there are, and not those of a module that lists none.
    let tests = xtask::root().join("guest-sdk/python/tests");
    let defined: usize = fs::read_dir(tests)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .map(|path| fs::read_to_string(path).unwrap().matches("def test_").count())
        .sum();
    assert!(stdout.contains(&format!("Ran {defined} tests ")), "{defined}: {stdout}");
}

#[test]
fn a_program_succeeds_by_what_it_answers() {
    assert_eq!(
        guest(&["returns", "nothing"], b""),
        (Some(0), String::new(), String::new())
    );
    assert_eq!(guest(&["exits", "0"], b""), (Some(0), String::new(), String::new()));
    assert_eq!(guest(&["returns", "one"], b""), (Some(1), String::new(), String::new()));
    // WASI 0.2 has one code for what is no success.
    assert_eq!(guest(&["exits", "7"], b""), (Some(1), String::new(), String::new()));
}

#[test]
fn a_program_that_fails_says_why() {
    let (code, stdout, stderr) = guest(&["returns", "text"], b"");
    assert_eq!((code, &*stdout, &*stderr), (Some(1), "", "this is what went wrong\n"));
    let (code, stdout, stderr) = guest(&["raises"], b"");
    assert_eq!((code, &*stdout), (Some(1), ""));
    assert!(stderr.starts_with("Traceback (most recent call last):\n"), "{stderr}");
    assert!(stderr.ends_with("\nLookupError: this is what went wrong\n"), "{stderr}");
}

#[test]
fn the_event_loop_reads_standard_input() {
    let (code, stdout, stderr) = guest(&["reads"], b"one\ntwo\nthree");
    assert_eq!(
        (code, &*stdout, &*stderr),
        (Some(0), "read one\nread two\nread three", "")
    );
}
