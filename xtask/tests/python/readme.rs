//! The README of the SDK for Python: its commands do what it shows.

use std::fs;

use super::*;

/// The commands of a `console` block, each with what it is to print.
fn console(block: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), String::new())),
            (None, Some((_, printed))) => printed.push_str(&format!("{line}\n")),
            (None, None) => panic!("a console block begins with a command"),
        }
    }
    commands
}

#[test]
fn the_first_guest_is_built_and_run_by_its_commands_alone() {
    let sdk = xtask::root().join("guest-sdk/python");
    let readme = fs::read_to_string(sdk.join("README.md")).unwrap();
    let blocks = xtask::readme::blocks(&readme).unwrap();
    let first = |info: &str| &blocks.iter().find(|block| block.info == info).unwrap().text;

    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("app.py"), first("python")).unwrap();
    // pip builds where the sources are.
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("python");
    let copied = Command::new("cp").arg("-r").arg(&sdk).arg(&copy).status().unwrap();
    assert!(copied.success());
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths(
        std::iter::once(childproof().parent().unwrap().to_owned()).chain(std::env::split_paths(&path)),
    )
    .unwrap();
    let commands = console(first("console"));
    assert!(commands.len() > 3, "{commands:?}");
    for (command, expected) in commands {
        let command = command.replace("/path/to/childproof/guest-sdk/python", copy.to_str().unwrap());
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", &command])
            .current_dir(directory.path())
            .env("PATH", &path)
            .env_remove("VIRTUAL_ENV");
        let output = output(&mut shell, b"");
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{command}: {}\n{stderr}", output.status);
        if !expected.is_empty() {
            assert_eq!(text(&output.stdout), expected, "{command}\n{stderr}");
        }
    }
}

#[test]
fn its_programs_are_python() {
    let readme = fs::read_to_string(xtask::root().join("guest-sdk/python/README.md")).unwrap();
    for block in xtask::readme::blocks(&readme).unwrap() {
        if block.info == "python" {
            let mut python = Command::new("python3");
            let output = output(
                python.args(["-c", "import ast, sys; ast.parse(sys.stdin.read())"]),
                block.text.as_bytes(),
            );
            assert!(output.status.success(), "line {}: {}", block.line, text(&output.stderr));
        }
    }
}
