//! The suite: archives that are good and bad, hosts that are right and wrong, and what is left of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use childproof_suite::Flavour;
use childproof_suite::archive::pack;
use rustix::process::{Pid, Signal, kill_process};

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
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let unshare = [
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        script,
        "sh",
        env!("CARGO_BIN_EXE_childproof"),
    ];
    let ended = place
        .run_other(
            "unshare",
            [&unshare[..], &["suite", "suite", "--flavour", "0.2"]].concat(),
        )
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
        .failed_saying(&["no such case in this flavour"]);
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

/// Whether a process is there and is no zombie.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, fields)| !fields.starts_with('Z'))
}

/// A process that no signal but one ends, in a session of its own, that is known to be there by the file `pid`.
const STRAY: &str = "setsid sh -c 'trap \"\" HUP INT TERM; echo $$ >pid.new; mv pid.new pid; exec sleep 1000' &\n\
                     while ! [ -e pid ]; do :; done\n";

#[test]
fn what_a_host_leaves_is_a_failure_and_is_ended() {
    let place = Place::new();
    write(
        &place,
        &[("a", "only = { flavour = \"0.2\", because = \"so\" }", |guest| {
            guest.end(true)
        })],
    );
    write_runner(&place, STRAY);
    let ended = place.run(["suite", "suite", "--runner", "./runner"]).code(1);
    let line = line(&ended, "a/0.2");
    let pid = place.read("pid");
    assert!(
        line.ends_with(&format!(
            "expected no process to be left, and were left sleep ({})",
            pid.trim()
        )),
        "{line}"
    );
    assert!(!lives(&pid));

    // Without a confinement it may.
    fs::remove_file(place.file("pid")).unwrap();
    write(
        &place,
        &[(
            "a",
            "only = { flavour = \"0.2\", because = \"so\" }\ntiers = [\"none\"]",
            |guest| guest.end(true),
        )],
    );
    place.run(["suite", "suite", "--runner", "./runner"]).code(0);
    assert!(!lives(&place.read("pid")));
}

#[test]
fn a_host_that_takes_too_long_has_failed_and_is_ended_with_all_that_it_started() {
    let place = Place::new();
    write(
        &place,
        &[("a", "only = { flavour = \"0.2\", because = \"so\" }", |guest| {
            guest.end(true)
        })],
    );
    write_runner(&place, &format!("trap '' INT TERM\n{STRAY}wait; sleep 1000"));
    let ended = place
        .run(["suite", "suite", "--timeout", "5s", "--runner", "./runner"])
        .code(1);
    assert!(
        line(&ended, "a/0.2").ends_with("it did not end within 5s"),
        "{}",
        ended.stdout()
    );
    assert!(!lives(&place.read("pid")));
}

#[test]
fn a_host_is_killed_where_that_is_the_case_and_its_processes_must_end() {
    let place = Place::new();
    let expect = "only = { flavour = \"0.2\", because = \"so\" }\nexpect = { killed_at = \"up\\n\" }";
    write(
        &place,
        &[
            ("a", expect, |guest| {
                guest
                    .spawn("sh", &["-c", "setsid sleep 1000 & echo up; sleep 1000"])
                    .wait()
                    .end(true)
            }),
            ("b", expect, |guest| guest.end(true)),
        ],
    );
    let ended = place.run(["suite", "suite"]).code(1);
    assert_eq!(line(&ended, "a/0.2"), "ok       a/0.2/full");
    assert!(
        line(&ended, "b/0.2").contains("to be killed there, and came success"),
        "{}",
        ended.stdout()
    );
    write_runner(&place, &format!("{STRAY}echo up; wait"));
    let ended = place.run(["suite", "suite", "a/", "--runner", "./runner"]).code(1);
    assert!(
        line(&ended, "a/0.2").contains("and were left sleep"),
        "{}",
        ended.stdout()
    );
    assert!(!lives(&place.read("pid")));
}

#[test]
fn a_starter_becomes_the_host() {
    let place = Place::new();
    write(
        &place,
        &[("a", "starter = [\"env\", \"STARTED=${data}\"]", |guest| guest.end(true))],
    );
    write_runner(&place, "test \"$STARTED\" = \"$CHILDPROOF_SUITE_DATA\"");
    place.run(["suite", "suite", "--runner", "./runner"]).code(0);
}

#[test]
fn a_signal_ends_the_suite_and_leaves_nothing() {
    let place = Place::new();
    write(
        &place,
        &[("a", "only = { flavour = \"0.2\", because = \"so\" }", |guest| {
            guest.end(true)
        })],
    );
    assert!(
        std::process::Command::new("mkfifo")
            .arg(place.file("ready"))
            .status()
            .unwrap()
            .success()
    );
    write_runner(
        &place,
        &format!("trap '' INT TERM\n{STRAY}echo ready >ready; wait; sleep 1000"),
    );
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let temporary = place.file("temporary");
        fs::create_dir_all(&temporary).unwrap();
        let mut suite = std::process::Command::new("env")
            .arg("--default-signal=HUP,INT,QUIT,TERM")
            .arg(env!("CARGO_BIN_EXE_childproof"))
            .args(["suite", "suite", "--runner", "./runner"])
            .env("TMPDIR", &temporary)
            .current_dir(place.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(fs::File::open(place.file("ready")).unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n");
        kill_process(Pid::from_child(&suite), signal).unwrap();
        let mut stdout = String::new();
        suite.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        assert_eq!(suite.wait().unwrap().code(), Some(code), "{stdout}");
        assert_eq!(stdout, "");
        assert!(!lives(&place.read("pid")));
        assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "files are left");
        fs::remove_file(place.file("pid")).unwrap();
    }
    // One that is killed can tidy up nothing, and its processes end all the same: the end of this pipe shows it.
    let mut suite = place
        .command(["suite", "suite", "--runner", "./runner"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    fs::read(place.file("ready")).unwrap();
    suite.kill().unwrap();
    suite.wait().unwrap();
    let pid = place.read("pid");
    while lives(&pid) {
        std::thread::yield_now();
    }
}
