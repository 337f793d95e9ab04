//! Help that a person can use, and completions.

use crate::command::Place;

const COMMANDS: &[&str] = &["run", "exec", "explain", "doctor", "init", "suite", "completions"];

#[test]
fn help_says_what_each_command_is_for_and_what_its_exit_codes_mean() {
    let place = Place::new();
    let help = place.run(["--help"]).code(0).stdout();
    for part in COMMANDS
        .iter()
        .chain(&["Examples:", "Exit codes:", "124", "125", "126", "127", "134", "130"])
    {
        assert!(help.contains(part), "{part:?} is not in: {help}");
    }
    for command in COMMANDS {
        let help = place.run([command, "--help"]).code(0).stdout();
        assert!(help.contains("Examples:"), "{command}: {help}");
    }
}

#[test]
fn no_example_gives_the_guest_a_directory_to_write_that_may_hold_its_policy() {
    let place = Place::new();
    let mut with_both = 0;
    let commands = COMMANDS.iter().map(|command| vec![*command, "--help"]);
    for args in commands.chain([vec!["--help"]]) {
        let help = place.run(args).code(0).stdout();
        let examples = help.lines().filter(|line| line.trim_start().starts_with("childproof "));
        for example in examples.filter(|line| line.contains("--policy ") && line.contains("--dir ")) {
            with_both += 1;
            let (_, dir) = example.split_once("--dir ").unwrap();
            assert!(dir.split(' ').next().unwrap().ends_with(":ro"), "{example}");
        }
    }
    assert!(with_both >= 4, "the examples with --policy and --dir were not found");
}

#[test]
fn the_help_of_a_command_has_all_its_flags() {
    let given = [
        "--policy <FILE>",
        "--allow <NAME[=PATH]>",
        "--dir <HOST[::GUEST][:ro]>",
        "--env <KEY[=VALUE]>",
        "--confine <TIER>",
        "[possible values: full, reduced, none]",
        "--network <none|host|PORT[,PORT...]>",
        "--read <PATH>",
    ];
    let watched = ["--timeout <DUR>", "--audit <FILE>", "--quiet", "--verbose"];
    let of = |command: &str, flags: &[&str]| {
        let help = Place::new().run([command, "--help"]).code(0).stdout();
        for flag in flags {
            assert!(help.contains(flag), "{flag} is not in the help of {command}: {help}");
        }
    };
    of("run", &given);
    of("run", &watched);
    of("run", &["--no-cache", "<GUEST.wasm> [ARGS]...", "is dropped"]);
    of("exec", &given);
    of("exec", &watched);
    of("explain", &given);
    of("doctor", &["--json"]);
    of(
        "suite",
        &[
            "<ARCHIVE> [NAMES]...",
            "--flavour <VERSION>",
            "--list",
            "--jobs <N>",
            "--timeout <DUR>",
            "--allow-skipped",
            "--runner <COMMAND>...",
        ],
    );
    of("init", &["FILE"]);
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(
        Place::new().run(["--version"]).code(0).stdout(),
        concat!("childproof ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn completions_know_each_command_and_the_shell_takes_them() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(["completions", shell]).code(0).stdout();
        for command in COMMANDS {
            assert!(
                script.contains(command),
                "{command} is not in the completions of {shell}"
            );
        }
        assert!(
            !script.contains("keeper"),
            "the completions of {shell} have what is for nobody"
        );
    }
    let script = place.run(["completions", "bash"]).code(0).stdout();
    place.write("completions", script);
    let status = std::process::Command::new("bash")
        .arg("-n")
        .arg(place.file("completions"))
        .status()
        .unwrap();
    assert!(status.success());
}
