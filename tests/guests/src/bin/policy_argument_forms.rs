//! What no form of a grant matches is refused, and the argument that is wrong is named.

use childproof_test_guests::{refused, run};

childproof_test_guests::program!(guest);

fn guest() {
    let with = |args: &[&str]| {
        let mut command = run("formed");
        command.args(args);
        command
    };
    for args in [
        &["log", "--oneline"][..],
        &["log", "--oneline", "-n7"],
        &["show", "file"],
        &["show", "new", "file"],
    ] {
        assert!(with(args).status().unwrap().success(), "{args:?}");
    }
    for (args, field) in [
        (&["push"][..], "args[0]"),
        (&["log", "--exec=evil"], "args[1]"),
        (&["log", "--oneline", "-n12345"], "args[2]"),
        (&["log", "--oneline", "-n7", "more"], "args[3]"),
        (&["show", "../file"], "args[1]"),
        (&["show", "/etc/passwd"], "args[1]"),
        (&["show", "file", "--output=x"], "args[2]"),
    ] {
        assert_eq!(refused(with(args).spawn()), field, "{args:?}");
    }
    // Where one is missing, none of them is wrong.
    for args in [&[][..], &["log"], &["show"]] {
        assert_eq!(refused(with(args).spawn()), "args", "{args:?}");
    }
    // A grant without forms takes no arguments.
    assert!(run("bare").status().unwrap().success());
    assert_eq!(refused(run("bare").arg("x").spawn()), "args[0]");
}
