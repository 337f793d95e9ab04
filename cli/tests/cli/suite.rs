//! The suite: archives that are good and bad, and hosts that are right and wrong.

mod ends;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use childproof_suite::Flavour;
use childproof_suite::archive::pack;

use crate::command::{Ended, Place};
use crate::guest::{Guest, Wasi};

const HEAD: &str =
    "format = 1\nsuite = \"1\"\npackages = []\n[policy.grants]\nsh = { program = \"sh\", args = \"any\" }\n";

/// A guest that is to be made.
type Make = fn(Guest) -> Vec<u8>;

/// A guest of each end, and what must come of it.
const GOOD: &[(&str, &str, Make)] = &[
    ("fails", "expect = { exit = 1 }", |guest| guest.end(false)),
    ("says", "args = [\"a\", \"${data}\"]\nstdout = \"said\\n\"", |guest| {
        guest.say("said\n").end(true)
    }),
    ("prints", "stdout = \"printed\\n\"\nstderr = \"\"", |guest| {
        guest.spawn("sh", &["-c", "echo printed"]).wait().end(true)
    }),
    (
        "sees",
        "data.file = { text = \"in the file\\n\" }\nstdout = \"in the file\\n\"",
        |guest| guest.spawn("sh", &["-c", "cat /data/file"]).wait().end(true),
    ),
    ("traps", "expect = \"trap\"", |guest| guest.trap().end(true)),
];

/// Writes the archive `suite` of guests with these names, tables and components.
fn write(place: &Place, guests: &[(&str, &str, Make)]) {
    let mut manifest = HEAD.to_owned();
    let mut makes = BTreeMap::new();
    for (name, table, make) in guests {
        manifest.push_str(&format!("[guests.{name}]\n{table}\n"));
        makes.insert((*name).to_owned(), *make);
    }
    let mut archive = Vec::new();
    let component = |flavour: Flavour, name: &str| {
        let wasi = match flavour {
            Flavour::P2 => Wasi::P2,
            Flavour::P3 => Wasi::P3,
        };
        Ok(makes[name](Guest::of(wasi)))
    };
    pack(&manifest, component, &mut archive).unwrap();
    place.write("suite", archive);
}

/// Writes a runner: a shell script.
fn write_runner(place: &Place, script: &str) {
    place.write("runner", format!("#!/bin/sh\n{script}"));
    fs::set_permissions(place.file("runner"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// The runner that the README of the archive has, with the command of these tests.
fn write_runner_of_readme(place: &Place) {
    let readme = include_str!("../../../suite/README.md");
    let (_, block) = readme.split_once("```sh\n#!/bin/sh\n").unwrap();
    let (script, _) = block.split_once("```").unwrap();
    assert_eq!(script.matches("exec childproof run").count(), 1);
    write_runner(
        place,
        &script.replace("exec childproof", &format!("exec {}", env!("CARGO_BIN_EXE_childproof"))),
    );
}

/// The lines of a report without the summary, sorted, and the summary.
fn lines(ended: &Ended) -> (Vec<String>, String) {
    let stdout = ended.stdout();
    let (cases, summary) = stdout
        .split_once("\n\n")
        .unwrap_or_else(|| panic!("no summary: {stdout}"));
    let mut cases: Vec<String> = cases.lines().map(str::to_owned).collect();
    cases.sort();
    (cases, summary.to_owned())
}

/// The line of a case.
#[track_caller]
fn line(ended: &Ended, case: &str) -> String {
    let (lines, _) = lines(ended);
    let found = lines.iter().find(|line| line.contains(&format!("  {case}")));
    found.unwrap_or_else(|| panic!("{case} is not in {lines:#?}")).clone()
}

#[test]
fn a_suite_whose_cases_all_pass_is_a_success() {
    let place = Place::new();
    write(&place, GOOD);
    let expected: Vec<String> = GOOD
        .iter()
        .flat_map(|(name, ..)| ["0.2", "0.3"].map(|flavour| format!("ok       {name}/{flavour}/full")))
        .collect();
    let mut sorted = expected.clone();
    sorted.sort();
    let own = place.run(["suite", "suite"]).code(0);
    assert_eq!(lines(&own), (sorted.clone(), "10 ok, 0 failed, 0 skipped\n".to_owned()));
    assert_eq!(own.stderr(), "");

    write_runner_of_readme(&place);
    let other = place.run(["suite", "suite", "--runner", "./runner"]).code(0);
    assert_eq!(lines(&other), lines(&own), "through the runner of the README");
}

#[test]
fn what_does_not_come_as_it_must_is_a_failure_that_says_both() {
    let place = Place::new();
    write(
        &place,
        &[
            ("fails", "", |guest| guest.end(false)),
            ("says", "stdout = \"said\\n\"", |guest| guest.say("other\n").end(true)),
            ("silent", "stderr = \"\"", |guest| {
                guest
                    .spawn("sh", &["-c", "echo loud >/proc/self/fd/1; exit 1"])
                    .wait()
                    .trap()
                    .end(true)
            }),
            ("succeeds", "expect = \"trap\"", |guest| guest.end(true)),
            ("traps", "expect = { exit = 3 }", |guest| guest.trap().end(true)),
        ],
    );
    let ended = place.run(["suite", "suite", "--flavour", "0.2"]).code(1);
    let (_, summary) = lines(&ended);
    assert_eq!(summary, "0 ok, 5 failed, 0 skipped\n");
    for (case, words) in [
        ("fails/0.2/full", "expected success, and came the exit code 1"),
        ("says/0.2/full", r#"expected "said\\n" on stdout, and came "other\\n""#),
        (
            "silent/0.2/full",
            "expected success, and came a trap; expected \"\" on stderr, and came ",
        ),
        ("succeeds/0.2/full", "expected a trap, and came success"),
        ("traps/0.2/full", "expected the exit code 3, and came a trap"),
    ] {
        let line = line(&ended, case);
        assert!(
            line.starts_with(&format!("FAILED   {case}: {}", words.replace("\\\\", "\\"))),
            "{line}"
        );
    }
    let why = "         | childproof: ";
    assert!(
        ended.stdout().contains(why),
        "the trap is not explained: {}",
        ended.stdout()
    );
}

#[test]
fn a_runner_that_does_not_do_its_work_fails() {
    let place = Place::new();
    write(&place, GOOD);
    let passed = |script: &str| {
        write_runner(&place, script);
        let ended = place
            .run(["suite", "suite", "--flavour", "0.2", "--runner", "./runner"])
            .code(1);
        let (lines, _) = lines(&ended);
        let passed = lines
            .iter()
            .filter_map(|line| line.strip_prefix("ok       ")?.split_once('/'));
        passed.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    let childproof = env!("CARGO_BIN_EXE_childproof");
    assert_eq!(passed("exit 0"), [""; 0], "it says that all is well");
    assert_eq!(passed("exit 1"), ["fails"]);
    assert_eq!(passed("exit 125"), [""; 0], "it says that it has failed itself");
    assert_eq!(passed("exit 134"), ["traps"]);
    assert_eq!(passed("kill -9 $$"), [""; 0]);
    assert_eq!(passed("kill -ABRT $$"), [""; 0]);
    assert_eq!(
        passed(&format!("exec {childproof} run \"$@\"")),
        ["fails", "says", "traps"],
        "it has no policy"
    );
    let run = "--policy \"$CHILDPROOF_SUITE_POLICY\"";
    let dir = "--dir \"$CHILDPROOF_SUITE_DATA\"::/data";
    assert_eq!(
        passed(&format!("exec {childproof} run {run} \"$@\"")),
        ["fails", "prints", "says", "traps"],
        "it gives no directory"
    );
    assert_eq!(
        passed(&format!("echo noise; exec {childproof} run {run} {dir} \"$@\"")),
        ["fails", "traps"],
        "it writes to its standard output"
    );
    write_runner(&place, "exit 125");
    let failed = place
        .run(["suite", "suite", "fails/0.2", "--runner", "./runner"])
        .code(1);
    assert!(
        line(&failed, "fails/0.2")
            .ends_with("expected the exit code 1, and the host failed itself: it ended with the code 125"),
        "{}",
        failed.stdout()
    );
    let none = place
        .run(["suite", "suite", "says", "--runner", "./no-such-runner"])
        .code(1);
    assert!(
        line(&none, "says/0.2").contains("the host cannot be started: "),
        "{}",
        none.stdout()
    );
}

#[test]
fn what_cannot_be_run_is_skipped_and_no_success() {
    let place = Place::new();
    write(
        &place,
        &[
            ("runs", "", |guest| guest.end(true)),
            ("wants", "tools = [\"no-such-tool\"]", |guest| guest.end(true)),
        ],
    );
    let skipped = place.run(["suite", "suite", "--flavour", "0.2"]).code(4);
    let reason = "SKIPPED  wants/0.2/full: there is no no-such-tool in PATH";
    assert_eq!(
        lines(&skipped),
        (
            vec![reason.to_owned(), "ok       runs/0.2/full".to_owned()],
            "1 ok, 0 failed, 1 skipped\n".to_owned()
        )
    );
    place.run(["suite", "suite", "--allow-skipped"]).code(0);
    place.run(["suite", "suite", "wants", "--allow-skipped"]).code(4);

    write_runner(&place, "echo 'it has no namespaces' >&2; exit 77");
    let unable = place.run(["suite", "suite", "runs", "--runner", "./runner"]).code(4);
    assert_eq!(
        line(&unable, "runs/0.3"),
        "SKIPPED  runs/0.3/full: it has no namespaces"
    );
    write(
        &place,
        &[
            ("fails", "", |guest| guest.end(false)),
            ("wants", "tools = [\"no-such-tool\"]", |guest| guest.end(true)),
        ],
    );
    place.run(["suite", "suite", "--allow-skipped"]).code(1);
}

#[test]
fn a_tier_that_the_machine_does_not_give_is_skipped_and_not_lowered() {
    let place = Place::new();
    write(
        &place,
        &[("a", "tiers = [\"full\", \"none\"]", |guest| {
            guest.spawn("sh", &["-c", "exit 0"]).wait().end(true)
        })],
    );
    let ended = place
        .run_without_user_namespaces(&["suite", "suite", "--flavour", "0.2"])
        .code(4);
    let (lines, summary) = lines(&ended);
    let why = "this machine does not give the tier full; `childproof doctor` says why";
    assert_eq!(
        lines,
        [format!("SKIPPED  a/0.2/full: {why}"), "ok       a/0.2/none".to_owned()]
    );
    assert_eq!(summary, "1 ok, 0 failed, 1 skipped\n");
}

#[test]
fn cases_are_listed_and_chosen_by_their_names() {
    let place = Place::new();
    write(
        &place,
        &[
            ("a_one", "", |guest| guest.end(true)),
            (
                "b_two",
                "tiers = [\"full\", \"none\"]\n[guests.b_two.runs]\nx = {}\ny = { args = [\"y\"] }",
                |guest| guest.end(true),
            ),
            ("c_own", "host_only = \"it takes a hook\"", |guest| guest.end(true)),
        ],
    );
    let list = |args: &[&str]| {
        place
            .run([&["suite", "suite", "--list"], args].concat())
            .code(0)
            .stdout()
    };
    let own = "c_own: not in the archive: it takes a hook\n";
    let two = |flavour: &str| {
        ["full/x", "full/y", "none/x", "none/y"]
            .map(|rest| format!("b_two/{flavour}/{rest}\n"))
            .concat()
    };
    assert_eq!(
        list(&[]),
        format!("a_one/0.2/full\na_one/0.3/full\n{}{}{own}", two("0.2"), two("0.3"))
    );
    assert_eq!(list(&["two", "--flavour", "0.3"]), format!("{}{own}", two("0.3")));
    assert_eq!(
        list(&["a_one/0.2", "none/y"]),
        format!("a_one/0.2/full\nb_two/0.2/none/y\nb_two/0.3/none/y\n{own}")
    );

    let ran = place.run(["suite", "suite", "none/y", "-j", "1"]).code(0);
    assert_eq!(
        lines(&ran).0,
        ["ok       b_two/0.2/none/y", "ok       b_two/0.3/none/y"]
    );
    place
        .run(["suite", "suite", "one", "three"])
        .failed_saying(&["three: no case has this in its name", "--list"]);
    place
        .run(["suite", "suite", "own"])
        .failed_saying(&["no archive can ask a host for c_own: it takes a hook"]);
    place
        .run(["suite", "suite", "/0.2/", "--flavour", "0.3"])
        .failed_saying(&["/0.2/: no case of 0.3 has this in its name"]);
    place
        .run(["suite", "suite", "one", "two/0.2", "--flavour", "0.3"])
        .failed_saying(&["two/0.2: no case of 0.3 has this in its name"]);
    assert!(
        place
            .run(["suite", "suite", "--flavour", "0.4"])
            .code(2)
            .stderr()
            .contains("[possible values: 0.2, 0.3]")
    );
    place.run(["suite", "suite", "-j", "0"]).code(2);
}

#[test]
fn an_archive_that_is_none_is_refused_with_the_reason() {
    let place = Place::new();
    place
        .run(["suite", "suite"])
        .failed_saying(&["cannot read suite: No such file"]);
    place.write("suite", "this is no archive");
    place
        .run(["suite", "suite"])
        .failed_saying(&["cannot use suite: it is no archive of the suite, or it is damaged"]);
    write(&place, GOOD);
    let whole = fs::read(place.file("suite")).unwrap();
    place.write("suite", &whole[..whole.len() / 2]);
    place
        .run(["suite", "suite"])
        .failed_saying(&["cannot use suite", "damaged"]);

    let files = |manifest: &str, component: &str| {
        let directory = place.file("files");
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("p2")).unwrap();
        fs::write(directory.join("manifest.toml"), manifest).unwrap();
        fs::write(directory.join("p2/a.wasm"), "").unwrap();
        let (tar, suite) = (place.file("tar"), place.file("suite"));
        let status = std::process::Command::new("tar")
            .args(["--create", "--absolute-names", "--file"])
            .arg(&tar)
            .args(["manifest.toml", component])
            .current_dir(&directory)
            .status()
            .unwrap();
        assert!(status.success());
        fs::write(suite, zstd::encode_all(&fs::read(tar).unwrap()[..], 1).unwrap()).unwrap();
        place.run(["suite", "suite"])
    };
    let guest = format!("{HEAD}[guests.a]\nonly = {{ flavour = \"0.2\", because = \"so\" }}\n");
    files(&guest, "../files/p2/a.wasm").failed_saying(&["has not: \"../files/p2/a.wasm\""]);
    files(&guest, "/etc/hostname").failed_saying(&["has not: \"/etc/hostname\""]);
    files(&guest, "p2").failed_saying(&["has not: \"p2/\", which is no file"]);
    files(&guest, "manifest.toml").failed_saying(&["has not: \"manifest.toml\""]);
    files(&format!("{guest}[guests.b]\n"), "p2/a.wasm")
        .failed_saying(&["has no p2/b.wasm, which its manifest asks for"]);
    files(&format!("{HEAD}[guests]\n"), "p2/a.wasm")
        .failed_saying(&["has p2/a.wasm, which its manifest says nothing of"]);
    files(&format!("{guest}tier = \"full\"\n"), "p2/a.wasm")
        .failed_saying(&["manifest.toml:8:1: unknown field `tier`"]);
    files("format = 7\n", "p2/a.wasm").failed_saying(&["manifest.toml:1:10: the manifest has the format 7", "newer"]);
    let damaged = files(&guest, "p2/a.wasm").code(1);
    assert!(
        damaged.stdout().contains("| childproof: "),
        "the component is none: {}",
        damaged.stdout()
    );
}

#[test]
fn what_the_operator_logs_is_no_matter() {
    let place = Place::new();
    write(&place, GOOD);
    write_runner_of_readme(&place);
    for args in [&["suite", "suite"][..], &["suite", "suite", "--runner", "./runner"]] {
        let ended = Ended::of(place.command(args).env("RUST_LOG", "debug").output().unwrap());
        assert_eq!(lines(&ended.code(0)).1, "10 ok, 0 failed, 0 skipped\n");
    }
}

#[test]
fn a_case_that_cannot_be_prepared_fails_alone() {
    let place = Place::new();
    write(
        &place,
        &[
            ("a", "", |guest| guest.end(true)),
            ("b", "policy.grants.x = 1", |guest| guest.end(true)),
            ("c", "", |guest| guest.end(true)),
        ],
    );
    let ended = place.run(["suite", "suite", "--flavour", "0.2"]).code(1);
    let problem = "FAILED   b/0.2/full: it cannot be run: x of its policy is no table";
    assert_eq!(
        lines(&ended),
        (
            ["FAILED", "ok       a/0.2/full", "ok       c/0.2/full"]
                .map(|line| line.replace("FAILED", problem))
                .to_vec(),
            "2 ok, 1 failed, 0 skipped\n".to_owned()
        )
    );
}

#[test]
fn a_report_has_what_a_person_reads() {
    let place = Place::new();
    let manifest = format!("stdout = \"{}\"", "x".repeat(1 << 20));
    write(&place, &[("a", &manifest, |guest| guest.end(true))]);
    let wrong = "head -c 3000000 /dev/zero | tr '\\0' x\n\
                 { head -c 3000000 /dev/zero | tr '\\0' '\\n'; head -c 5000 /dev/zero | tr '\\0' y; printf '\\nthe reason\\n'; } >&2\n";
    write_runner(&place, wrong);
    let ended = place.run(["suite", "suite", "a/0.2", "--runner", "./runner"]).code(1);
    let stdout = ended.stdout();
    assert!(stdout.len() < 5000, "{} bytes", stdout.len());
    assert!(stdout.contains("which is another from byte 1048576 on"), "{stdout}");
    assert!(stdout.contains("         | the reason\n"), "{stdout}");

    write_runner(&place, "head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 77");
    let ended = place.run(["suite", "suite", "a/0.2", "--runner", "./runner"]).code(4);
    assert!(ended.stdout().len() < 1000, "{} bytes", ended.stdout().len());
}

#[test]
fn a_host_without_tiers_is_asked_for_what_is_about_none() {
    let place = Place::new();
    let only = "only = { flavour = \"0.2\", because = \"so\" }\n";
    let about = format!("{only}tiers = [\"reduced\"]");
    write(
        &place,
        &[
            ("a", only, |guest| guest.spawn("sh", &["-c", "exit 0"]).wait().end(true)),
            ("b", &about, |guest| guest.end(true)),
        ],
    );
    write_runner(
        &place,
        "grep -q \"tier = .$CHILDPROOF_SUITE_TIER.$\" \"$CHILDPROOF_SUITE_POLICY\" || exit 1\n\
         [ \"$CHILDPROOF_SUITE_TIER\" = none ] || { echo no such tier >&2; exit 77; }\n",
    );
    let ended = place
        .run(["suite", "suite", "--tier", "none", "--runner", "./runner"])
        .code(4);
    assert_eq!(
        lines(&ended).0,
        ["SKIPPED  b/0.2/reduced: no such tier", "ok       a/0.2/none"]
    );
    let own = place.run(["suite", "suite", "--tier", "none", "a/"]).code(0);
    assert_eq!(lines(&own).0, ["ok       a/0.2/none"]);
    let wrong = place.run(["suite", "suite", "--tier", "half"]).code(2);
    assert!(
        wrong.stderr().contains("[possible values: full, reduced, none]"),
        "{}",
        wrong.stderr()
    );
}
