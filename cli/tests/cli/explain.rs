//! `childproof explain` and `childproof init`: what a policy says, and a policy to start from.

use crate::command::Place;

const POLICY: &str = r#"
[grants.sh]
program = "sh"
cwd = ["/data"]
forms = [
  { name = "touch", words = ["-c", "touch it"] },
  ["-n", { path = true }],
]
env = { set = { FIXED = "1" }, allow = { LANG = "[a-z]+" } }
"#;

#[test]
fn what_is_allowed_is_said_with_its_rule_and_not_run() {
    let place = Place::new();
    place.write("policy.toml", POLICY);
    std::fs::create_dir(place.file("data")).unwrap();
    let args = [
        "explain",
        "--policy",
        "policy.toml",
        "--dir",
        "data::/data",
        "--env",
        "LANG=de",
        "--",
        "sh",
        "-c",
        "touch it",
    ];
    let ended = place.run(args).code(0);
    let stdout = ended.stdout();
    assert!(
        stdout.starts_with("allowed sh -c \"touch it\" [grants.sh.forms.touch]\n  program: /"),
        "{stdout}"
    );
    assert!(stdout.ends_with("  env: FIXED=1\n  env: LANG=de\n"), "{stdout}");
    assert_eq!(ended.stderr(), "");
    assert!(!place.file("data/it").exists(), "the program was run");
    place
        .run(args.map(|arg| if arg == "explain" { "exec" } else { arg }))
        .code(0);
    assert!(
        place.file("data/it").exists(),
        "the same request does not run what was explained"
    );
}

#[test]
fn the_flags_of_the_confinement_change_nothing_of_what_is_allowed() {
    let place = Place::new();
    place.write("policy.toml", POLICY).write("file", "");
    std::fs::create_dir(place.file("below")).unwrap();
    let flags: &[&[&str]] = &[
        &["--confine", "full"],
        &["--confine", "reduced", "--read", "file", "--read", "/etc"],
        &["--confine", "none"],
        &["--allow", "echo", "--network", "none"],
        &["--allow", "echo", "--network", "host", "--confine", "none"],
        &["--allow", "echo", "--network", "80,443", "--read", "."],
    ];
    let explain = |flags: &[&str]| {
        let with = ["explain", "--policy", "policy.toml", "--dir", ".::/data:ro"];
        place.run([&with, flags, &["--", "sh", "-n", "file"]].concat())
    };
    let plain = explain(&[]).code(0).stdout();
    for flags in flags {
        let ended = explain(flags).code(0);
        assert_eq!(
            (ended.stdout(), ended.stderr()),
            (plain.clone(), String::new()),
            "{flags:?}"
        );
    }
    // A path to read is one from where the command is run, which may be below.
    let above = ["explain", "--allow", "true", "--read", "../file", "--", "true"];
    let ended = place.command(above).current_dir(place.file("below")).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    place.run(above).failed_saying(&["--read ../file", "cannot be given"]);
}

#[test]
fn what_is_refused_is_said_with_its_rule_and_a_remedy() {
    let place = Place::new();
    place.write("policy.toml", POLICY);
    let refused = |args: &[&str], parts: &[&str]| {
        let with = ["explain", "--policy", "policy.toml", "--dir", ".::/data:ro"];
        let ended = place.run([&with[..], args].concat()).code(1);
        let stdout = ended.stdout();
        assert!(
            stdout.starts_with("refused ") && stdout.lines().count() == 1,
            "{stdout}"
        );
        for part in parts {
            assert!(stdout.contains(part), "{part:?} is not in: {stdout}");
        }
        assert_eq!(ended.stderr(), "");
    };
    refused(&["--", "sh", "-x"], &["args[0]", "[grants.sh.forms]", "to allow it"]);
    refused(&["--", "sh", "-n", "../outside"], &["args[1]", "inside a preopen"]);
    refused(
        &["--env", "LANG=DE", "--", "sh", "-n", "x"],
        &["env LANG", "grants.sh.env.allow.LANG"],
    );
    refused(&["--", "nothing"], &["nothing", "[grants]", "--allow nothing"]);
    refused(&["--", "/bin/sh"], &["is a path", "[grants]"]);
}

#[test]
fn the_starter_policy_loads_and_holds() {
    let place = Place::new();
    assert!(place.run(["init"]).code(0).stdout().contains("policy.toml"));
    place
        .run(["explain", "--policy", "policy.toml", "--", "echo", "hello"])
        .code(0);
    place
        .run(["explain", "--policy", "policy.toml", "--", "echo", "-e", "hello"])
        .code(1);
    assert_eq!(
        place
            .run(["exec", "--policy", "policy.toml", "--", "echo", "-n", "hello"])
            .code(0)
            .stdout(),
        "hello"
    );
}

#[test]
fn git_as_the_starter_grants_it_runs_no_monitor_and_no_hook_of_the_repository() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let git = |args: &[&str]| {
        let status = std::process::Command::new("git")
            .args(args)
            .current_dir(place.file("repo"))
            .status()
            .unwrap();
        assert!(status.success());
    };
    let program = |name: &str, mark: &str| {
        let path = place.file(name);
        place.write(name, format!("#!/bin/sh\n: > {:?}\n", place.file(mark)));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    std::fs::create_dir(place.file("repo")).unwrap();
    git(&["init", "--quiet"]);
    place.write("repo/file", "content");
    git(&["add", "file"]);
    git(&["config", "core.fsmonitor", &program("monitor", "monitor-ran")]);
    program("repo/.git/hooks/post-index-change", "hook-ran");

    let starter = place.run(["init", "-"]).code(0).stdout();
    let (_, grant) = starter.split_once("\n#[grants.git]\n").unwrap();
    let policy: String = grant
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| !line.starts_with(' ') || line.starts_with("  "))
        .map(|line| format!("{line}\n"))
        .collect();
    place.write("policy.toml", format!("[grants.git]\n{policy}"));
    let run = |policy: &str, tier: &str| {
        // Its content is as it was, and it is another file: git looks, and notes in its index what it saw.
        place.write("new", "content");
        std::fs::rename(place.file("new"), place.file("repo/file")).unwrap();
        let flags = ["exec", "--policy", policy, "--confine", tier, "--dir", "repo::/repo:ro"];
        let ended = place
            .run([&flags[..], &["--", "git", "status", "--short"]].concat())
            .code(0);
        assert_eq!(ended.stdout(), "A  file\n");
        ["monitor-ran", "hook-ran"].map(|mark| place.file(mark).exists())
    };
    assert_eq!(run("policy.toml", "full"), [false, false]);
    // Without a confinement, in which neither could leave its mark, whatever the variables say.
    assert_eq!(run("policy.toml", "none"), [false, false]);
    // The repository is what it should be: without these variables, both are run.
    let (bare, _) = policy.split_once("[grants.git.env]").unwrap();
    place.write("bare.toml", format!("[grants.git]\n{bare}"));
    assert_eq!(run("bare.toml", "none"), [true, true]);
}

#[test]
fn a_policy_that_is_there_is_left_as_it_is() {
    let place = Place::new();
    place.write("policy.toml", "mine");
    place.run(["init"]).failed_saying(&["policy.toml is there already"]);
    assert_eq!(place.read("policy.toml"), "mine");
    place.run(["init", "other.toml"]).code(0);
    assert_eq!(place.read("other.toml"), place.run(["init", "-"]).code(0).stdout());
}
