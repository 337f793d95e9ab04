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
    let args = [
        "explain",
        "--policy",
        "policy.toml",
        "--dir",
        ".::/data:ro",
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
    assert!(!place.file("it").exists(), "the program was run");
    place
        .run(args.map(|arg| if arg == "explain" { "exec" } else { arg }))
        .code(0);
    assert!(
        place.file("it").exists(),
        "the same request does not run what was explained"
    );
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
fn a_policy_that_is_there_is_left_as_it_is() {
    let place = Place::new();
    place.write("policy.toml", "mine");
    place.run(["init"]).failed_saying(&["policy.toml is there already"]);
    assert_eq!(place.read("policy.toml"), "mine");
    place.run(["init", "other.toml"]).code(0);
    assert_eq!(place.read("other.toml"), place.run(["init", "-"]).code(0).stdout());
}
