//! Programs that look at how they were started work when they run through a descriptor.

use childproof_launch::Termination;

use crate::support::{PATH, output, text};

/// Where a tool is: the first of the usual places that has it.
fn find(name: &str) -> String {
    let places = PATH.split(':').map(|place| format!("{place}/{name}"));
    places
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
        .unwrap_or_else(|| panic!("{name} is not installed"))
}

#[tokio::test]
async fn git_finds_its_own_commands() {
    let directory = tempfile::tempdir().unwrap();
    let repository = directory.path().join("repository");
    let (exit, said) = output(&find("git"), |command| {
        command
            .argv0("git")
            .args(["init", "--quiet"])
            .arg(&repository)
            .env("PATH", PATH);
    })
    .await;
    assert_eq!(
        exit.termination,
        Termination::Exited(0),
        "{}",
        String::from_utf8_lossy(&said)
    );
    // A command that git starts as a further process, through a script of its own.
    let help = text(&find("git"), |command| {
        command
            .argv0("git")
            .arg("-C")
            .arg(&repository)
            .args(["submodule", "status"])
            .env("PATH", PATH);
    })
    .await;
    assert_eq!(help, "");
}

#[tokio::test]
async fn a_compiler_finds_its_parts_and_what_it_makes_runs() {
    let directory = tempfile::tempdir().unwrap();
    let (source, binary) = (directory.path().join("answer.c"), directory.path().join("answer"));
    std::fs::write(&source, "int main(void) { return 42; }").unwrap();
    let (exit, said) = output(&find("gcc"), |command| {
        command
            .argv0("gcc")
            .arg("-o")
            .arg(&binary)
            .arg(&source)
            .env("PATH", PATH);
    })
    .await;
    assert_eq!(
        exit.termination,
        Termination::Exited(0),
        "{}",
        String::from_utf8_lossy(&said)
    );
    let (exit, _) = output(binary.to_str().unwrap(), |_| {}).await;
    assert_eq!(exit.termination, Termination::Exited(42));
}

#[tokio::test]
async fn python_finds_its_library() {
    let said = text("/usr/bin/python3", |command| {
        command.args([
            "-c",
            "import json, subprocess, sys; print(json.dumps([sys.executable, sys.argv]))",
        ]);
    })
    .await;
    let executable = std::fs::canonicalize("/usr/bin/python3").unwrap();
    assert_eq!(said, format!("[\"{}\", [\"-c\"]]\n", executable.display()));
}

#[tokio::test]
async fn a_program_of_many_names_goes_by_argv0() {
    // bash is the shell of POSIX when it is called sh.
    let script = "shopt -o -q posix && echo posix || echo own";
    for (name, mode) in [("sh", "posix\n"), ("bash", "own\n")] {
        let said = text(&find("bash"), |command| {
            command.argv0(name).args(["-c", script]);
        })
        .await;
        assert_eq!(said, mode);
    }
}
