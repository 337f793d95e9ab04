//! A process can inherit the guest's own streams. The host gave them contents and looks at what is written.

use childproof_test_guests::sdk::{Command, Stdio};
use childproof_test_guests::{refused, run};

childproof_test_guests::program!(guest);

fn guest() {
    let mut cat = run("sh");
    cat.args(["-c", "cat; echo error >&2"]);
    cat.stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit());
    assert!(cat.status().unwrap().success());

    // As in std, inheriting is what a command does that nothing was said to.
    assert!(Command::new("sh").args(["-c", "echo more"]).status().unwrap().success());

    // The policy may say which of them.
    assert!(run("no-stdout").stderr(Stdio::inherit()).status().unwrap().success());
    assert_eq!(refused(run("no-stdout").stdout(Stdio::inherit()).spawn()), "stdout");
    assert_eq!(refused(run("no-stdout").stdin(Stdio::inherit()).spawn()), "stdin");
}
