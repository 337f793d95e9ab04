//! Arguments arrive unchanged, whatever is in them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::support::{output, text};

async fn arguments_of(argv0: &str, arguments: &[OsString]) -> Vec<Vec<u8>> {
    let (_, said) = output("/bin/cat", |command| {
        command.argv0(argv0).arg("/proc/self/cmdline").args(arguments);
    })
    .await;
    // cat complains about arguments that are no files, behind what it was to show.
    let shown = arguments.len() + 2;
    said.split(|byte| *byte == 0).take(shown).map(<[u8]>::to_vec).collect()
}

#[tokio::test]
async fn newlines_quotes_bytes_and_length_arrive_unchanged() {
    let arguments: Vec<OsString> = vec![
        "".into(),
        "two\nlines\n".into(),
        "\"quotes' $HOME `id` \\ * ?".into(),
        OsString::from_vec((1..=255).collect()),
        "x".repeat(100 * 1024).into(),
        "-".into(),
    ];
    let arrived = arguments_of("a name of its own", &arguments).await;
    assert_eq!(arrived[0], b"a name of its own");
    for (arrived, given) in arrived[2..].iter().zip(&arguments) {
        assert!(*arrived == given.clone().into_vec(), "{given:?}");
    }
}

#[tokio::test]
async fn without_arguments_there_is_the_programs_path_alone() {
    let script = "import sys; print(len(sys.orig_argv), sys.orig_argv[0])";
    let said = text("/usr/bin/python3", |command| {
        command.args(["-c", script]);
    })
    .await;
    let path = std::fs::canonicalize("/usr/bin/python3").unwrap();
    assert_eq!(said, format!("3 {}\n", path.display()));
    assert_eq!(text("/bin/echo", |_| {}).await, "\n");
}
