//! Processes that append to one file do not overwrite each other.

use std::fs;

use childproof::{Child, File};
use childproof_test_guests::sh;

fn main() {
    fs::write("/data/log", "begin\n").unwrap();
    let log = File::options().append(true).open("/data/log").unwrap();
    let script = "i=0; while [ $i -lt 200 ]; do echo out; echo err >&2; i=$((i + 1)); done";
    let mut children: Vec<Child> =
        (0..4).map(|_| sh(script).stdout(&log).stderr(&log).spawn().unwrap()).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let text = fs::read_to_string("/data/log").unwrap();
    assert!(text.starts_with("begin\n"));
    assert_eq!(text.lines().filter(|line| *line == "out").count(), 800);
    assert_eq!(text.lines().filter(|line| *line == "err").count(), 800);
    assert_eq!(text.lines().count(), 1601);
}
