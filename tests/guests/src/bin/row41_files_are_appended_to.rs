//! Processes that append to one file do not overwrite each other.

use std::fs;
use std::io::Write;

use childproof_test_guests::sdk::{Child, Error, File};
use childproof_test_guests::{cause, sh};

childproof_test_guests::program!(guest);

fn guest() {
    fs::write("/data/log", "begin\n").unwrap();
    let mut log = File::options().append(true).open("/data/log").unwrap();
    let script = "i=0; while [ $i -lt 200 ]; do echo out; echo err >&2; i=$((i + 1)); done";
    let mut children: Vec<Child> = (0..4)
        .map(|_| sh(script).stdout(&log).stderr(&log).spawn().unwrap())
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    log.write_all(b"end\n").unwrap();
    let text = fs::read_to_string("/data/log").unwrap();
    assert!(text.starts_with("begin\n") && text.ends_with("end\n"));
    assert_eq!(text.lines().filter(|line| *line == "out").count(), 800);
    assert_eq!(text.lines().filter(|line| *line == "err").count(), 800);
    assert_eq!(text.lines().count(), 1602);

    // Without appending, two outputs into one file would overwrite each other from one offset on.
    let file = File::create("/data/both").unwrap();
    let mut command = sh("echo out; echo err >&2");
    command.stdout(&file).stderr(&file);
    match cause(command.spawn()) {
        Error::InvalidArgument(problem) => {
            assert_eq!(problem.field, "stderr");
            assert!(problem.message.contains("stderr_to_stdout"), "{}", problem.message);
        }
        other => panic!("{other:?}"),
    }
    assert!(command.stderr_to_stdout().status().unwrap().success());
    assert_eq!(fs::read("/data/both").unwrap(), b"out\nerr\n");
}
