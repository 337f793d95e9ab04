//! The example `agent`, under its own policy.

use super::*;

/// What the agent says to a list of tasks, in a repository with one commit, and its exit code.
fn transcript(tasks: &str) -> (Option<i32>, String, String) {
    let component = xtask::agent::component().unwrap();
    let repository = tempfile::tempdir().unwrap();
    let script = "git init --quiet . && echo text >file.txt && git add . && \
                  git -c user.name=a -c user.email=a@example.com commit --quiet --message 'the first'";
    let made = Command::new("bash")
        .args(["-euc", script])
        .current_dir(&repository)
        .status()
        .unwrap();
    assert!(made.success());
    let policy = xtask::root().join("examples/agent/policy.toml");
    let directory = format!("{}::/work:ro", repository.path().display());
    let output = run(&component, &policy, &directory, &[], tasks.as_bytes());
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn task(run: &str, more: &str) -> String {
    format!("[[task]]\nname = \"a task\"\nrun = {run}\n{more}\n")
}

#[test]
fn its_own_list_shows_every_outcome() {
    let tasks = std::fs::read_to_string(xtask::root().join("examples/agent/tasks.toml")).unwrap();
    let (code, said, trouble) = transcript(&tasks);
    assert_eq!(code, Some(1), "{said}\n{trouble}");
    for part in [
        "Task 1 of 7: What changed last\n  $ git log --oneline -3\n  | ",
        " the first\n  -> exited with 0 after ",
        "  $ sort -r\n  | grace\n  | barbara\n  | ada\n  -> exited with 0 after ",
        "  $ git show --stat no-such-commit\n  ! fatal: ",
        "  -> exited with 128 after ",
        "  $ sleep 1000\n  -> out of time after 0.2 s, ended by SIGTERM\n",
        "  $ git push --force\n  -> refused: args[0]: ",
        "  $ curl https://example.com/tool\n  -> not started: ",
        "\n3 of 7 tasks went well\n",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}

#[test]
fn what_a_tool_says_is_shown_as_a_person_can_read_it() {
    let long = "y".repeat(300_000);
    let many: String = (10..40).map(|number| format!("{number}\\n")).collect();
    let input = format!("input = \"{long}\\n\\u001b[31mred\\n{many}\"");
    let (code, said, trouble) = transcript(&task(r#"["sort", "-r"]"#, &input));
    assert_eq!((code, &*trouble), (Some(0), ""));
    assert!(
        said.contains(&format!("  | {}...\n  | 39\n", "y".repeat(160))),
        "{said}"
    );
    assert!(said.contains("    and 20 lines more\n"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn a_list_that_is_none_is_refused_with_the_reason() {
    for (list, reason) in [
        ("[[task", "the list of tasks: "),
        ("[[task]]\nname = 'a'\nrun = ['sort']\ncolour = 'red'\n", "'colour'"),
        ("[[task]]\nname = 'a'\n", "'run'"),
        ("[[task]]\nname = 'a'\nrun = []\n", "'run'"),
        ("[[task]]\nname = 'a'\nrun = 'sort -r'\n", "'run'"),
        ("[[task]]\nname = 'a'\nrun = ['sort']\nseconds = 'many'\n", "'seconds'"),
        ("task = 7\n", "task"),
    ] {
        let (code, said, trouble) = transcript(list);
        assert_eq!((code, &*said), (Some(1), ""), "{list}");
        assert!(trouble.contains(reason), "{list}: {trouble}");
    }
}

#[test]
fn what_no_tool_can_be_given_is_a_line_of_the_transcript() {
    let (code, said, trouble) = transcript(&task(r#"["sort", "-r\u0000"]"#, "input = 'x'"));
    assert_eq!((code, &*trouble), (Some(1), ""));
    assert!(said.contains("  -> not started: embedded null byte\n"), "{said}");
    assert!(!said.contains('\0'), "{said}");
}

#[test]
fn a_tool_that_the_policy_ends_is_told_so() {
    let input = format!("input = \"{}\"", "x".repeat(9 << 20));
    let (code, said, trouble) = transcript(&task(r#"["sort", "-r"]"#, &input));
    assert_eq!((code, &*trouble), (Some(1), ""), "{said}");
    assert!(said.contains(", by the policy's limit of output after "), "{said}");
}

#[test]
fn a_tool_that_does_not_read_is_no_trouble() {
    let input = format!("input = \"{}\"", "x".repeat(1 << 20));
    let (code, said, trouble) = transcript(&task(r#"["git", "log", "--oneline", "-1"]"#, &input));
    assert_eq!((code, &*trouble), (Some(0), ""), "{said}");
}
