//! What leads out of the guest's directories, is no directory or is gone cannot be worked in.

use std::fs;

use childproof_test_guests::raw::{self, preopens};
use childproof_test_guests::sdk::Error;
use childproof_test_guests::{cause, invalid, refused, run};

childproof_test_guests::program!(guest);

fn guest() {
    fs::write("/data/file", "").unwrap();
    // The host has put the links there.
    for path in ["/data/root", "/data/above", "/data/..", "/data/above/data"] {
        assert_eq!(refused(run("true").current_dir(path).spawn()), "cwd", "{path}");
    }
    assert!(run("true").current_dir("/data/within").status().unwrap().success());
    assert_eq!(
        cause(run("true").current_dir("/data/file").spawn()),
        Error::NotADirectory
    );
    assert_eq!(
        cause(run("true").current_dir("/data/gone").spawn()),
        Error::DirectoryNotFound
    );
    assert_eq!(
        cause(run("true").current_dir("/data/file/below").spawn()),
        Error::NotADirectory
    );
    assert_eq!(invalid(run("true").current_dir("/elsewhere").spawn()), "cwd");

    let field = |path: &str| {
        let (data, _) = preopens::get_directories().pop().unwrap();
        let command = raw::Command::new("true");
        command.cwd(&data, Some(path));
        match command.spawn() {
            Err(raw::Error::Refused(problem)) => problem.field,
            Err(other) => panic!("{path}: {other:?}"),
            Ok(_) => panic!("{path}: this cannot be started"),
        }
    };
    for path in ["..", "/", "/etc", "/data", "within/../.."] {
        assert_eq!(field(path), "cwd");
    }
}
