//! What ends a guest from outside ends its processes, too. That a process is gone shows in the end of the pipe it holds.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::command::Place;
use crate::guest::{Guest, Wasi};

/// A command at work. A test that fails half-way asks it to end, so that neither it nor its processes are left behind.
struct Running(Option<Child>);

impl Running {
    fn new(mut child: Child) -> (Self, BufReader<ChildStdout>) {
        let stdout = BufReader::new(child.stdout.take().unwrap());
        (Self(Some(child)), stdout)
    }

    fn child(&self) -> &Child {
        self.0.as_ref().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &self.0 {
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
        }
    }
}

/// The command with no signal ignored from its start, as some would be when the tests run under `nohup`.
fn with_default_signals(command: &Command) -> Command {
    let mut wrapped = Command::new("env");
    wrapped
        .arg("--default-signal=HUP,INT,QUIT,TERM")
        .arg(command.get_program())
        .args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(key, value),
            None => wrapped.env_remove(key),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        wrapped.current_dir(directory);
    }
    wrapped
}

/// Starts, and waits until the first line was said.
fn start(place: &Place, args: &[&str]) -> (Running, BufReader<ChildStdout>) {
    let child = with_default_signals(&place.command(args))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (running, mut stdout) = Running::new(child);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (running, stdout)
}

fn signal(running: &Running, signal: Signal) {
    kill_process(Pid::from_child(running.child()), signal).unwrap();
}

#[track_caller]
fn ended_with(mut running: Running, code: i32) -> String {
    let output = running.0.take().unwrap().wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{}\n{stderr}", output.status);
    stderr
}

/// A program that holds on to stdout, has a child that does, too, and does not end when asked to.
const STUBBORN: &[&str] = &["-c", "trap '' TERM INT HUP; sleep 1000 & echo ready; wait; sleep 1000"];

#[test]
fn a_signal_ends_a_guest_that_waits_and_its_processes() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place.write("guest.wasm", Guest::of(wasi).spawn("sh", STUBBORN).wait().end(true));
        for (number, code) in [
            (Signal::INT, 130),
            (Signal::TERM, 143),
            (Signal::HUP, 129),
            (Signal::QUIT, 131),
        ] {
            let (child, mut stdout) = start(&place, &["run", "--allow", "sh", "guest.wasm"]);
            signal(&child, number);
            assert_eq!(ended_with(child, code), "");
            assert_eq!(stdout.read_to_end(&mut Vec::new()).unwrap(), 0);
        }
    }
}

#[test]
fn a_signal_ends_a_guest_that_never_rests_and_its_processes() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place.write("guest.wasm", Guest::of(wasi).spawn("sh", STUBBORN).spin().end(true));
        let (child, mut stdout) = start(&place, &["run", "--allow", "sh", "guest.wasm"]);
        signal(&child, Signal::INT);
        assert_eq!(ended_with(child, 130), "");
        assert_eq!(stdout.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}

#[test]
fn a_signal_ends_a_guest_whose_stdout_nobody_reads() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place.write("guest.wasm", Guest::of(wasi).say("ready\n").flood().end(true));
        let (child, stdout) = start(&place, &["run", "guest.wasm"]);
        // The pipe is full once what is in it does not grow beyond a page less than its size.
        let pipe = stdout.get_ref();
        let size = rustix::pipe::fcntl_getpipe_size(pipe).unwrap() as u64;
        while rustix::io::ioctl_fionread(pipe).unwrap() + 4096 <= size {
            std::thread::yield_now();
        }
        signal(&child, Signal::TERM);
        assert_eq!(ended_with(child, 143), "");
    }
}

#[test]
fn a_signal_that_is_ignored_from_the_start_stays_ignored() {
    let place = Place::new();
    place.write("guest.wasm", Guest::new().say("ready\n").spin().end(true));
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "trap '' HUP; exec \"$0\" run guest.wasm",
        env!("CARGO_BIN_EXE_childproof"),
    ]);
    let child = command
        .current_dir(place.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (child, mut stdout) = Running::new(child);
    stdout.read_line(&mut String::new()).unwrap();
    // The guest has begun, so the signals are watched by now.
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.child().id())).unwrap();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .unwrap()
        .trim();
    let hangup = 1 << (Signal::HUP.as_raw() - 1);
    assert_eq!(
        u64::from_str_radix(ignored, 16).unwrap() & hangup,
        hangup,
        "SIGHUP is no longer ignored"
    );
    signal(&child, Signal::HUP);
    signal(&child, Signal::TERM);
    ended_with(child, 143);
}

#[test]
fn the_timeout_ends_a_guest_in_an_endless_loop_and_its_processes() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place.write("guest.wasm", Guest::of(wasi).spawn("sleep", &["1000"]).spin().end(true));
        let ended = place
            .run(["run", "--timeout", "10ms", "--allow", "sleep", "guest.wasm"])
            .code(124);
        assert_eq!(ended.only_line(), "the guest was ended after 10ms, as --timeout says");
    }
}

#[test]
fn a_guest_that_never_rests_after_many_short_rests_is_ended() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        let guest = Guest::of(wasi).pause(250).say("ready\n").spin().end(true);
        place.write("guest.wasm", guest);
        for _ in 0..8 {
            let (child, _stdout) = start(&place, &["run", "guest.wasm"]);
            signal(&child, Signal::INT);
            assert_eq!(ended_with(child, 130), "");
        }
    }
}

#[test]
fn the_timeout_ends_a_guest_that_waits() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place.write("guest.wasm", Guest::of(wasi).spawn("sleep", &["1000"]).wait().end(true));
        place
            .run(["run", "--timeout", "10ms", "--allow", "sleep", "guest.wasm"])
            .code(124);
    }
}

#[test]
fn a_timeout_that_is_not_reached_changes_nothing() {
    let place = Place::new();
    place.write("guest.wasm", Guest::new().end(false));
    assert_eq!(
        place.run(["run", "--timeout", "1day", "guest.wasm"]).code(1).stderr(),
        ""
    );
}

#[test]
fn a_limit_of_the_policy_holds_while_the_guest_never_rests() {
    let place = Place::new();
    std::fs::create_dir(place.file("data")).unwrap();
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        place.file("data/fifo"),
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
    )
    .unwrap();
    let policy = "[grants.sh]\nprogram = \"sh\"\nargs = \"any\"\n[grants.sh.limits]\nwall = \"100ms\"\n";
    place.write("policy.toml", policy);
    for wasi in Wasi::ALL {
        let guest = Guest::of(wasi)
            .spawn("sh", &["-c", "echo ready; exec sleep 1000 > fifo"])
            .spin()
            .end(true);
        place.write("guest.wasm", guest);
        let (child, _stdout) = start(
            &place,
            &["run", "--policy", "policy.toml", "--dir", "data", "guest.wasm"],
        );
        // To open it is to wait for the program to open it, and its end is the program's.
        let mut fifo = std::fs::File::open(place.file("data/fifo")).unwrap();
        assert_eq!(fifo.read_to_end(&mut Vec::new()).unwrap(), 0);
        signal(&child, Signal::TERM);
        ended_with(child, 143);
    }
}

#[test]
fn a_signal_ends_what_exec_runs() {
    let place = Place::new();
    let (child, mut stdout) = start(&place, &[&["exec", "--allow", "sh", "--", "sh"], STUBBORN].concat());
    signal(&child, Signal::INT);
    assert_eq!(ended_with(child, 130), "");
    assert_eq!(stdout.read_to_end(&mut Vec::new()).unwrap(), 0);
}

#[test]
fn the_timeout_ends_what_exec_runs() {
    let ended = Place::new()
        .run(["exec", "--timeout", "10ms", "--allow", "sleep", "--", "sleep", "1000"])
        .code(124);
    assert_eq!(ended.only_line(), "sleep was ended after 10ms, as --timeout says");
}

#[test]
fn a_reader_that_goes_away_ends_no_more_than_the_guest() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place.write("guest.wasm", Guest::of(wasi).say("ready\n").flood().end(true));
        let (child, stdout) = start(&place, &["run", "guest.wasm"]);
        drop(stdout);
        ended_with(child, 1);
    }
}
