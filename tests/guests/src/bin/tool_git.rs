//! Real git on a repository of the guest's, with a pipeline over its history.

use std::fs;

use childproof_test_guests::run;
use childproof_test_guests::sdk::{Command, Stdio};

fn git(args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=Guest", "-c", "user.email=guest@example.org"])
        .args(args)
        .current_dir("/data/repo");
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

fn must(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

childproof_test_guests::program!(guest);

fn guest() {
    fs::create_dir("/data/repo").unwrap();
    must(git(&["init", "--quiet"]).env("HOME", "/nowhere"));
    for index in 0..5 {
        fs::write("/data/repo/file", format!("{index}\n")).unwrap();
        must(&mut git(&["add", "file"]));
        must(&mut git(&[
            "commit",
            "--quiet",
            "--message",
            &format!("Commit {}", index % 2),
        ]));
    }
    assert_eq!(must(&mut git(&["rev-list", "--count", "HEAD"])).trim(), "5");

    let mut log = git(&["log", "--format=%s"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut sorted = run("sort")
        .stdin(log.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let counted = run("uniq")
        .arg("-c")
        .stdin(sorted.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let counted = String::from_utf8(counted.stdout).unwrap();
    let counted: Vec<&str> = counted.lines().map(str::trim).collect();
    assert_eq!(counted, ["3 Commit 0", "2 Commit 1"]);
    assert!(log.wait().unwrap().success() && sorted.wait().unwrap().success());
}
