//! `childproof exec`: real programs through the policy, without a guest.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::command::Place;

#[test]
fn a_program_has_the_streams_of_the_command() {
    let place = Place::new();
    let ended = place
        .run_with(["exec", "--allow", "cat", "--", "cat"], b"in and out\n")
        .code(0);
    assert_eq!(ended.stdout(), "in and out\n");
    let ended = place
        .run(["exec", "--allow", "sh", "--", "sh", "-c", "echo out; echo err >&2"])
        .code(0);
    assert_eq!((ended.stdout().as_str(), ended.stderr().as_str()), ("out\n", "err\n"));
}

#[test]
fn a_program_has_the_terminal_of_the_command() {
    let place = Place::new();
    let control = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&control).unwrap();
    unlockpt(&control).unwrap();
    let name = ptsname(&control, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = || Stdio::from(rustix::fs::open(&name, flags, Mode::empty()).unwrap());
    // Held open, so that what was written can be read after all others have closed it.
    let _held = terminal();
    let script = "test -t 0 && test -t 1 && test -t 2 && read line && echo \"got $line\"";
    let mut child = place
        .command(["exec", "--allow", "sh", "--", "sh", "-c", script])
        .stdin(terminal())
        .stdout(terminal())
        .stderr(terminal())
        .spawn()
        .unwrap();
    let mut control = File::from(control);
    control.write_all(b"typed\n").unwrap();
    let status = child.wait().unwrap();
    let mut shown = String::new();
    let mut lines = BufReader::new(control);
    // What is typed is shown at once, by the terminal itself.
    let last = "got typed\r\n";
    while status.success() && !shown.ends_with(last) {
        assert_ne!(lines.read_line(&mut shown).unwrap(), 0);
    }
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(shown, "typed\r\ngot typed\r\n");
}

#[test]
fn a_program_s_exit_code_is_the_command_s() {
    let place = Place::new();
    for code in [0, 1, 2, 42, 137, 255] {
        place
            .run(["exec", "--allow", "sh", "--", "sh", "-c", &format!("exit {code}")])
            .code(code);
    }
}

#[test]
fn a_signal_that_ends_a_program_is_the_exit_code() {
    let place = Place::new();
    for (signal, code) in [("HUP", 129), ("KILL", 137), ("USR1", 138), ("PIPE", 141), ("SYS", 159)] {
        place
            .run(["exec", "--allow", "sh", "--", "sh", "-c", &format!("kill -{signal} $$")])
            .code(code);
    }
}

#[test]
fn git_works_on_the_directory_it_is_given() {
    let place = Place::new();
    let status = Command::new("git")
        .args(["init", "--quiet"])
        .current_dir(place.path())
        .status()
        .unwrap();
    assert!(status.success());
    place.write("new file", "");
    place.write(
        "policy.toml",
        "[grants.git]\nprogram = \"git\"\ncwd = [\"/repo\"]\nforms = [[\"status\", \"--short\"]]\n",
    );
    let with = ["exec", "--policy", "policy.toml", "--dir", ".::/repo:ro", "--", "git"];
    let ended = place.run([&with[..], &["status", "--short"]].concat()).code(0);
    assert!(ended.stdout().contains("?? \"new file\""), "{}", ended.stdout());
    let line = place.run([&with[..], &["push"]].concat()).code(126).only_line();
    assert!(
        line.contains("refused git push") && line.contains("grants.git.forms"),
        "{line}"
    );
}

#[test]
fn the_environment_is_what_the_policy_fixes_and_what_is_asked_for_and_allowed() {
    let place = Place::new();
    let policy =
        "[grants.env]\nprogram = \"env\"\n[grants.env.env]\nset = { FIXED = \"1\" }\nallow = { ASKED = true }\n";
    place.write("policy.toml", policy);
    let ended = place
        .run(["exec", "--policy", "policy.toml", "--env", "ASKED=2", "env"])
        .code(0);
    assert_eq!(ended.stdout(), "ASKED=2\nFIXED=1\n");
    let line = place
        .run(["exec", "--policy", "policy.toml", "--env", "LD_PRELOAD=x", "env"])
        .code(126)
        .only_line();
    assert!(line.contains("env LD_PRELOAD"), "{line}");
}

#[test]
fn a_limit_that_ended_a_program_is_said() {
    let place = Place::new();
    place.write(
        "policy.toml",
        "[grants.sleep]\nprogram = \"sleep\"\nargs = \"any\"\nlimits = { wall = \"10ms\" }\n",
    );
    let ended = place
        .run(["exec", "--policy", "policy.toml", "--", "sleep", "1000"])
        .code(137);
    assert_eq!(ended.only_line(), "sleep was ended by a limit of the policy: wall-time");
}

#[test]
fn an_unknown_grant_is_refused_and_quietly_if_asked() {
    let place = Place::new();
    let line = place
        .run(["exec", "--allow", "echo", "--", "ecko"])
        .code(126)
        .only_line();
    assert!(line.contains("\"echo\"; did you mean that?"), "{line}");
    assert_eq!(
        place
            .run(["exec", "--quiet", "--allow", "echo", "--", "ecko"])
            .code(126)
            .stderr(),
        ""
    );
}

#[test]
fn a_program_whose_interpreter_is_missing_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.write("script", "#!/no/such/interpreter\n");
    std::fs::set_permissions(place.file("script"), PermissionsExt::from_mode(0o755)).unwrap();
    let line = place
        .run(["exec", "--allow", "script=./script", "--", "script"])
        .code(126)
        .only_line();
    assert!(line.contains("interpreter"), "{line}");
}

#[test]
fn the_audit_log_is_that_of_a_guest() {
    let place = Place::new();
    place
        .run(["exec", "--audit", "audit.jsonl", "--allow", "true", "--", "true"])
        .code(0);
    let log = place.read("audit.jsonl");
    let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["status"]), (&"ended".into(), &"exited 0".into()));
}

#[test]
fn a_directory_that_the_grant_does_not_name_is_not_worked_in() {
    let place = Place::new();
    std::fs::create_dir(place.file("data")).unwrap();
    place.write("policy.toml", "[grants.pwd]\nprogram = \"pwd\"\ncwd = [\"/data\"]\n");
    let ended = place
        .run([
            "exec",
            "--policy",
            "policy.toml",
            "--dir",
            ".::/repo:ro",
            "--dir",
            "data::/data",
            "--",
            "pwd",
        ])
        .code(0);
    assert_eq!(ended.stdout(), "/data\n");
}
