//! How the suite ends, and what is left of the hosts that it started.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{line, write, write_runner};
use crate::command::{Ended, Place};

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
    write_one(&place);
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
    write_one(&place);
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
    let own = "starter = [\"${programs}/wrap\"]\nprograms = { wrap = { executable = '''#!/bin/sh\nexport STARTED=\"${1:+yes}\"; exec \"$@\"\n''' } }";
    write(&place, &[("a", own, |guest| guest.end(true))]);
    write_runner(&place, "test \"$STARTED\" = yes");
    place.run(["suite", "suite", "--runner", "./runner"]).code(0);
}

#[test]
fn a_signal_ends_the_suite_and_leaves_nothing() {
    let place = Place::new();
    write_one(&place);
    make_fifo(&place, "ready");
    write_runner(
        &place,
        &format!("trap '' INT TERM\n{STRAY}echo ready >ready; wait; sleep 1000"),
    );
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let temporary = place.file("temporary");
        fs::create_dir_all(&temporary).unwrap();
        let mut suite = Command::new("env")
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

/// Makes a pipe with a name.
fn make_fifo(place: &Place, name: &str) {
    let made = Command::new("mkfifo").arg(place.file(name)).status().unwrap();
    assert!(made.success());
}

/// The archive of one guest, which no runner of these tests runs.
fn write_one(place: &Place) {
    write(
        place,
        &[("a", "only = { flavour = \"0.2\", because = \"so\" }", |guest| {
            guest.end(true)
        })],
    );
}

/// Starts the suite with a runner that ends when `hold` has been called with its number, and the number of its keeper.
fn start_held(place: &Place, hold: impl FnOnce(&str, &str)) -> Child {
    make_fifo(place, "ready");
    make_fifo(place, "go");
    write_runner(place, "echo $$ $PPID >ready; cat go");
    let suite = place
        .command(["suite", "suite", "--runner", "./runner"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let numbers = place.read("ready");
    let (runner, keeper) = numbers.trim().split_once(' ').unwrap();
    hold(runner, keeper);
    place.write("go", "");
    suite
}

#[test]
fn an_output_that_somebody_else_holds_is_not_waited_for() {
    let place = Place::new();
    write_one(&place);
    let mut held = None;
    let suite = start_held(&place, |runner, _| {
        let stdout = format!("/proc/{runner}/fd/1");
        held = Some(fs::File::options().write(true).open(stdout).unwrap());
    });
    let ended = Ended::of(suite.wait_with_output().unwrap()).code(1);
    let line = line(&ended, "a/0.2");
    assert!(
        line.ends_with("full: a process that the host did not start still holds its standard output or error"),
        "{line}"
    );
    drop(held);
}

#[test]
fn a_signal_ends_the_suite_while_somebody_else_holds_an_output() {
    let place = Place::new();
    write_one(&place);
    let (mut held, mut keeper) = (None, String::new());
    let mut suite = start_held(&place, |runner, its_keeper| {
        let stdout = format!("/proc/{runner}/fd/1");
        held = Some(fs::File::options().write(true).open(stdout).unwrap());
        its_keeper.clone_into(&mut keeper);
    });
    while lives(&keeper) {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&suite), Signal::TERM).unwrap();
    assert_eq!(suite.wait().unwrap().code(), Some(143));
    drop(held);
}

#[test]
fn a_second_signal_does_not_wait_and_leaves_nothing() {
    let place = Place::new();
    write_one(&place);
    make_fifo(&place, "ready");
    write_runner(&place, "echo $$ $PPID >ready; exec sleep 1000");
    // When the suite is gone, the system has what is stopped go on, and sends it a SIGHUP.
    let mut suite = Command::new("env")
        // A shell has what it starts in the background ignore ctrl-C, and that is inherited.
        .args(["--ignore-signal=HUP", "--default-signal=INT"])
        .arg(env!("CARGO_BIN_EXE_childproof"))
        .args(["suite", "suite", "--runner", "./runner"])
        .current_dir(place.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let numbers = place.read("ready");
    let (runner, keeper) = numbers.trim().split_once(' ').unwrap();
    // What keeps the case together ends nothing as long as it is stopped. Who waits for it gives it up after a while and kills
    // it, and then nobody ends the runner.
    kill_process(Pid::from_raw(keeper.parse().unwrap()).unwrap(), Signal::STOP).unwrap();
    kill_process(Pid::from_child(&suite), Signal::INT).unwrap();
    // The pipe to it ends when the suite has taken note of the first.
    fs::read(format!("/proc/{keeper}/fd/0")).unwrap();
    kill_process(Pid::from_child(&suite), Signal::TERM).unwrap();
    assert_eq!(suite.wait().unwrap().code(), Some(130));
    while lives(keeper) {
        std::thread::yield_now();
    }
    assert!(!lives(runner), "it was left");
}
