//! What a manifest may say, and what is said about one that is wrong.

use childproof_suite::{Ended, Expect, Flavour, Manifest, Setting, SettingError, Tier};

const HEAD: &str =
    "format = 1\nsuite = \"1.2.3\"\npackages = [\"a:b@0.2.0\"]\n\n[policy.grants]\nsh = { program = \"sh\" }\n\n";

fn manifest(guests: &str) -> Manifest {
    Manifest::from_toml(&format!("{HEAD}{guests}")).unwrap()
}

/// The error about a manifest with these guests, whose first line is called 1.
#[track_caller]
fn error(guests: &str) -> (usize, usize, String) {
    let error = Manifest::from_toml(&format!("{HEAD}{guests}")).unwrap_err().to_string();
    let mut parts = error.splitn(3, ':');
    let mut number = || parts.next().unwrap().parse::<usize>().unwrap();
    let (line, column) = (number(), number());
    (
        line - HEAD.lines().count(),
        column,
        parts.next().unwrap().trim().to_owned(),
    )
}

fn names(manifest: &Manifest) -> Vec<String> {
    manifest.cases(Tier::Full).map(|case| case.to_string()).collect()
}

#[test]
fn a_guest_is_run_in_each_flavour_each_tier_and_each_way() {
    let manifest = manifest(
        r#"
[guests.a]
[guests.b]
only = { flavour = "0.3", because = "so" }
tiers = ["full", "reduced"]
[guests.b.runs]
one = { args = ["1"], expect = "trap" }
two = { expect = { exit = 3 } }
[guests.c]
host_only = "no"
"#,
    );
    assert_eq!(
        names(&manifest),
        [
            "a/0.2/full",
            "a/0.3/full",
            "b/0.3/full/one",
            "b/0.3/full/two",
            "b/0.3/reduced/one",
            "b/0.3/reduced/two"
        ]
    );
    let case = manifest.cases(Tier::Full).nth(2).unwrap();
    assert_eq!(
        (case.args, case.expect, case.flavour),
        (&["1".to_owned()][..], &Expect::Trap, Flavour::P3)
    );
}

#[test]
fn a_guest_that_is_about_no_tier_is_run_in_any() {
    let manifest = manifest(
        "[guests.a]\nonly = { flavour = \"0.2\", because = \"so\" }\n[guests.b]\nonly = { flavour = \"0.2\", because = \"so\" }\n\
         tiers = [\"none\", \"full\"]\n[guests.c]\nonly = { flavour = \"0.2\", because = \"so\" }\n\
         not_in = { tier = \"reduced\", because = \"so\" }\n",
    );
    for (tier, other) in [(Tier::Full, "full"), (Tier::Reduced, "full"), (Tier::None, "none")] {
        let names: Vec<_> = manifest.cases(tier).map(|case| case.to_string()).collect();
        let expected = [
            &format!("a/0.2/{tier}"),
            "b/0.2/none",
            "b/0.2/full",
            &format!("c/0.2/{other}"),
        ];
        assert_eq!(names, expected);
    }
}

#[test]
fn an_end_is_as_expected_or_not() {
    let ends = [
        Ended::Success,
        Ended::Exit(1),
        Ended::Exit(3),
        Ended::Trap,
        Ended::Killed,
    ];
    for (expect, met) in [
        (Expect::Success, Ended::Success),
        (Expect::Exit(3), Ended::Exit(3)),
        (Expect::Trap, Ended::Trap),
        (Expect::KilledAt("up".to_owned()), Ended::Killed),
    ] {
        for end in ends {
            assert_eq!(expect.is_met_by(end), end == met, "{expect}, {end}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (guests, place, part) in [
        ("[guests.a]\narg = []\n", (2, 1), "unknown field `arg`"),
        ("[guests.a]\n\n[gests.b]\n", (3, 2), "unknown field `gests`"),
        ("[guests.a]\nexpect = \"succes\"\n", (2, 10), "unknown variant `succes`"),
        ("[guests.a]\nexpect = { exit = 256 }\n", (2, 19), "256"),
        (
            "[guests.a]\ntiers = [\"full\"]\nnot_in = { tier = \"none\", because = \"so\" }\n",
            (1, 9),
            "`not_in` is for what has no `tiers`",
        ),
        (
            "[guests.a]\nnot_in = { tier = \"full\", because = \"so\" }\n",
            (1, 9),
            "the full tier is for all",
        ),
        (
            "[guests.a]\nexpect = { exit = 125 }\n",
            (1, 9),
            "guests.a: it is to end with the exit code 125",
        ),
        (
            "[guests.a.runs]\nb = { expect = { exit = 77 } }\n",
            (1, 9),
            "exit code 77, which says something else",
        ),
        (
            "[guests.a]\ntiers = [\"fuller\"]\n",
            (2, 10),
            "unknown variant `fuller`",
        ),
        (
            "[guests.a]\ndata.x = { txt = \"\" }\n",
            (2, 12),
            "unknown variant `txt`",
        ),
        (
            "[guests.a]\nonly = { flavour = \"0.3\" }\n",
            (2, 8),
            "missing field `because`",
        ),
        ("[guests.a]\ntiers = []\n", (1, 9), "guests.a: `tiers` is empty"),
        (
            "[guests.a]\ntiers = [\"none\", \"full\", \"none\"]\n",
            (1, 9),
            "guests.a: `tiers` has none twice",
        ),
        (
            "[guests.a]\nargs = [\"x\"]\n[guests.a.runs]\nb = {}\n",
            (1, 9),
            "guests.a: it has `runs`",
        ),
        (
            "[guests.a]\n[guests.a.runs]\nB = {}\n",
            (1, 9),
            "guests.a: the run \"B\"",
        ),
        ("[guests.\"../a\"]\n", (1, 9), "lower-case letters"),
        (
            "[guests.a]\ndata.\"../x\" = { text = \"\" }\n",
            (1, 9),
            "\"../x\" is no name of a file",
        ),
        (
            "[guests.a]\nprograms.\"..\" = { text = \"\" }\n",
            (1, 9),
            "\"..\" is no name of a file",
        ),
        (
            "[guests.a]\nargs = [\"${dta}\"]\n",
            (1, 9),
            "guests.a: \"${dta}\" has an unknown placeholder, ${dta}",
        ),
        (
            "[guests.a]\nargs = [\"${data\"]\n",
            (1, 9),
            "has a placeholder without an end",
        ),
        (
            "[guests.a]\nstarter = [\"sh\", \"${}\"]\n",
            (1, 9),
            "unknown placeholder",
        ),
        (
            "[guests.a.runs]\nb = { args = [\"${b}\"] }\n",
            (1, 9),
            "unknown placeholder, ${b}",
        ),
        (
            "[guests.a]\npolicy.grants.x.forms = [[{ regex = \"${c}\" }]]\n",
            (1, 9),
            "unknown placeholder, ${c}",
        ),
        ("[guests.a\n", (1, 10), ""),
    ] {
        let (line, column, message) = error(guests);
        assert_eq!((line, column), place, "{guests}: {message}");
        assert!(message.contains(part), "{guests}: {message}");
    }
}

#[test]
fn the_policy_of_all_is_looked_at_too() {
    let text = "format = 1\nsuite = \"1\"\npackages = []\nguests = {}\npolicy.grants.a.program = \"${d}/a\"\n";
    let error = Manifest::from_toml(text).unwrap_err().to_string();
    assert_eq!(error, "5:1: policy: \"${d}/a\" has an unknown placeholder, ${d}");
}

#[test]
fn a_message_repeats_no_long_text() {
    for text in [
        format!("[guests.a]\nargs = [\"{}${{x}}\"]\n", "x".repeat(1 << 20)),
        format!("[guests.a]\n{} = 1\n", "x".repeat(1 << 20)),
    ] {
        let (_, _, message) = error(&text);
        assert!(message.len() < 1000, "{} bytes", message.len());
    }
}

#[test]
fn a_manifest_of_another_format_says_so_and_nothing_else() {
    let newer = Manifest::from_toml("suite = 1\nformat = 2\nwhatever = true\n")
        .unwrap_err()
        .to_string();
    assert!(newer.starts_with("2:10: the manifest has the format 2"), "{newer}");
    assert!(newer.ends_with("use a newer one"), "{newer}");
    let older = Manifest::from_toml("format = 0\n").unwrap_err().to_string();
    assert!(older.contains("get a newer manifest"), "{older}");
    let none = Manifest::from_toml("suite = \"1\"\n").unwrap_err().to_string();
    assert!(none.contains("missing field `format`"), "{none}");
}

#[test]
fn a_setting_has_the_files_and_the_policy_of_its_case() {
    let manifest = manifest(
        r##"
[guests.a]
tiers = ["reduced"]
args = ["${data}", "$x {y}"]
stdin = "to read"
policy.limits.live = 3
policy.grants.sh = { program = "cat", args = "any" }
policy.grants.own = { program = "${programs}/own" }
policy.grants.regex = { program = "true", forms = [[{ regex = "a{1,2}$" }]] }
data.text = { text = "said" }
data.link = { link = ".." }
programs.own = { executable = "#!/bin/sh\n" }
programs.busy = { busy = "true" }
"##,
    );
    let case = manifest.cases(Tier::Full).next().unwrap();
    let setting = Setting::new(&manifest, &case).unwrap();
    let (data, programs) = (setting.data(), setting.programs());
    assert_eq!(setting.args(), [data.to_str().unwrap(), "$x {y}"]);
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(data.join("text")), "said");
    assert_eq!(read(setting.stdin()), "to read");
    assert_eq!(std::fs::read_link(data.join("link")).unwrap().to_str(), Some(".."));
    assert!(
        std::process::Command::new(programs.join("own"))
            .status()
            .unwrap()
            .success()
    );
    let busy = std::process::Command::new(programs.join("busy")).status().unwrap_err();
    assert_eq!(busy.kind(), std::io::ErrorKind::ExecutableFileBusy);

    let policy: toml::Table = toml::from_str(&read(setting.policy_file())).unwrap();
    assert_eq!(policy["confine"]["tier"].as_str(), Some("reduced"));
    assert_eq!(policy["limits"]["live"].as_integer(), Some(3));
    let grants = &policy["grants"];
    assert_eq!(
        grants["sh"]["args"].as_str(),
        Some("any"),
        "it takes the place of the one of all"
    );
    assert!(grants["sh"]["program"].as_str().unwrap().ends_with("/cat"));
    assert_eq!(grants["own"]["program"].as_str(), programs.join("own").to_str());
    assert_eq!(grants["regex"]["forms"][0][0]["regex"].as_str(), Some("a{1,2}$"));

    let directory = setting.directory().to_owned();
    assert!(directory.is_dir());
    drop(setting);
    assert!(!directory.exists());
}

#[test]
fn what_cannot_be_prepared_is_named() {
    let prepare = |guest: &str| {
        let manifest = manifest(&format!("[guests.a]\n{guest}\n"));
        let case = manifest.cases(Tier::Full).next().unwrap();
        Setting::new(&manifest, &case).unwrap_err()
    };
    for guest in [
        "tools = [\"no-such-tool\"]",
        "starter = [\"no-such-tool\"]",
        "policy.grants.x.program = \"no-such-tool\"",
        "programs.x = { busy = \"no-such-tool\" }",
    ] {
        match prepare(guest) {
            SettingError::MissingTool(tool) => assert_eq!(tool, "no-such-tool"),
            other => panic!("{guest}: {other}"),
        }
    }
    for (guest, part) in [
        ("policy.grants.x = 1", "x of its policy is no table"),
        ("policy.confine = 1", "confine of its policy is no table"),
    ] {
        let error = prepare(guest).to_string();
        assert!(error.contains(part), "{guest}: {error}");
    }
}
