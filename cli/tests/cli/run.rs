//! `childproof run`: what the guest is given, and how it ends.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::command::Place;
use crate::guest::{Guest, Wasi};

#[test]
fn the_guest_s_result_is_the_exit_code() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place
            .write("well.wasm", Guest::of(wasi).end(true))
            .write("badly.wasm", Guest::of(wasi).end(false));
        assert_eq!(place.run(["run", "well.wasm"]).code(0).stderr(), "");
        assert_eq!(place.run(["run", "badly.wasm"]).code(1).stderr(), "");
    }
}

#[test]
fn an_exit_in_the_middle_is_the_exit_code() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place.write("well.wasm", Guest::of(wasi).say("said").exit(true).trap().end(false));
        place.write("badly.wasm", Guest::of(wasi).say("said").exit(false).trap().end(true));
        assert_eq!(place.run(["run", "well.wasm"]).code(0).stdout(), "said");
        assert_eq!(place.run(["run", "badly.wasm"]).code(1).stdout(), "said");
    }
}

#[test]
fn a_trap_is_shown_with_what_it_was_and_where() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place.write("guest.wasm", Guest::of(wasi).say("before").trap().end(true));
        let ended = place.run(["run", "guest.wasm"]).code(134);
        assert_eq!(ended.stdout(), "before");
        let stderr = ended.stderr();
        let first = stderr.lines().next().unwrap();
        assert!(
            first.starts_with("childproof: guest.wasm trapped: ") && first.contains("unreachable"),
            "{stderr}"
        );
        assert!(
            stderr.lines().skip(1).any(|line| line.contains("the_culprit")),
            "no backtrace: {stderr}"
        );
    }
}

#[test]
fn the_guest_has_its_arguments_flags_among_them() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place.write("guest.wasm", Guest::of(wasi).say_arguments().end(true));
        let ended = place
            .run(["run", "guest.wasm", "--timeout", "", "a b", "--", "-v"])
            .code(0);
        assert_eq!(ended.stdout(), "guest.wasm\n--timeout\n\na b\n--\n-v\n");
    }
}

#[test]
fn a_component_whose_name_is_not_utf_8_runs() {
    let place = Place::new();
    let name = OsStr::from_bytes(b"guest\xff.wasm");
    let guest = Guest::new().say_arguments().end(true);
    std::fs::write(place.path().join(name), guest).unwrap();
    let ended = place
        .run([OsStr::new("run"), name, OsStr::new("--"), OsStr::new("x")])
        .code(0);
    assert_eq!(ended.stdout(), "guest\u{fffd}.wasm\n--\nx\n");
}

#[test]
fn the_guest_has_the_variables_it_is_given_and_no_others() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place.write("guest.wasm", Guest::of(wasi).say_environment().end(true));
        let mut command = place.command(["run", "--env", "A=1=2", "--env", "FROM_HERE", "guest.wasm"]);
        let output = command
            .env("FROM_HERE", "here")
            .env("SECRET", "secret")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "1=2\nhere\n");
    }
}

#[test]
fn the_guest_has_the_directories_it_is_given_under_their_names() {
    let place = Place::new();
    std::fs::create_dir(place.file("data")).unwrap();
    place.write("guest.wasm", Guest::new().say_preopens().end(true));
    let ended = place
        .run(["run", "--dir", "data::/data:ro", "--dir", ".", "guest.wasm"])
        .code(0);
    assert_eq!(ended.stdout(), "/data\n.\n");
}

#[test]
fn a_directory_that_is_given_to_read_only_is_not_written_to() {
    let place = Place::new();
    std::fs::create_dir(place.file("data")).unwrap();
    place.write("data/old", "kept");
    for (name, guest) in [("old", "open.wasm"), ("new", "create.wasm")] {
        place.write(guest, Guest::new().open_to_write(name).end(true));
    }
    let run = |dir: &str, guest: &str| place.run(["run", "--dir", dir, guest]);
    run("data:ro", "open.wasm").code(1);
    run("data:ro", "create.wasm").code(1);
    assert_eq!(place.read("data/old"), "kept");
    assert!(!place.file("data/new").exists(), "a file was created");
    run("data", "open.wasm").code(0);
    run("data", "create.wasm").code(0);
    assert!(place.file("data/new").exists());
}

#[test]
fn the_guest_starts_what_is_granted_and_shares_its_stdout() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        let guest = Guest::of(wasi)
            .say("guest, ")
            .spawn("echo", &["child"])
            .wait()
            .say("guest\n")
            .end(true);
        place.write("guest.wasm", guest);
        let ended = place.run(["run", "--allow", "echo", "guest.wasm"]).code(0);
        assert_eq!(ended.stdout(), "guest, child\nguest\n");
        assert_eq!(ended.stderr(), "");
    }
}

#[test]
fn a_program_works_in_the_directory_that_its_guest_is_given() {
    let place = Place::new();
    place.write("guest.wasm", Guest::new().spawn("pwd", &[]).wait().end(true));
    let works_in = |name: &str, confine: &str| {
        let flags = [
            "run",
            "--allow",
            "pwd",
            "--dir",
            name,
            "--confine",
            confine,
            "guest.wasm",
        ];
        place.run(flags).code(0).stdout().trim_end().to_owned()
    };
    let here = place.path().canonicalize().unwrap();
    let here = here.to_str().unwrap();
    for (name, confined) in [(".::/data", "/data"), (".", "/work"), (".::a/b", "/a/b"), (here, here)] {
        assert_eq!(works_in(name, "full"), confined, "{name}");
        assert_eq!(works_in(name, "reduced"), here, "{name}");
        assert_eq!(works_in(name, "none"), here, "{name}");
    }
}

#[test]
fn a_program_that_is_allowed_by_path_is_that_file() {
    let place = Place::new();
    place.write("tool", "#!/bin/sh\necho \"tool $1\"\n");
    std::fs::set_permissions(place.file("tool"), PermissionsExt::from_mode(0o755)).unwrap();
    place.write("guest.wasm", Guest::new().spawn("mine", &["works"]).wait().end(true));
    assert_eq!(
        place
            .run(["run", "--allow", "mine=./tool", "guest.wasm"])
            .code(0)
            .stdout(),
        "tool works\n"
    );
}

#[test]
fn a_refusal_is_one_line_that_says_what_by_which_rule_and_what_would_allow_it() {
    let place = Place::new();
    place.write(
        "policy.toml",
        "[grants.git]\nprogram = \"git\"\nforms = [[\"status\"]]\n",
    );
    place.write(
        "guest.wasm",
        Guest::new().spawn("git", &["push", "a\nb\u{1b}[31m"]).end(true),
    );
    let ended = place.run(["run", "--policy", "policy.toml", "guest.wasm"]).code(1);
    let line = ended.only_line();
    for part in ["refused git push", "args[0]", "grants.git.forms", "to allow it"] {
        assert!(line.contains(part), "{part:?} is not in: {line}");
    }
    assert!(!line.contains(char::is_control), "{line:?}");
    assert_eq!(
        place
            .run(["run", "--quiet", "--policy", "policy.toml", "guest.wasm"])
            .code(1)
            .stderr(),
        ""
    );
}

#[test]
fn what_the_refusal_of_an_unknown_grant_proposes_allows_it() {
    let place = Place::new();
    place.write("guest.wasm", Guest::new().spawn("echo", &["hello"]).wait().end(true));
    let line = place.run(["run", "guest.wasm"]).code(1).only_line();
    let (_, flag) = line.rsplit_once("or give ").unwrap();
    let (flag, name) = flag.split_once(' ').unwrap();
    assert_eq!(place.run(["run", flag, name, "guest.wasm"]).code(0).stdout(), "hello\n");
}

#[test]
fn the_audit_log_has_a_line_for_each_event_and_is_appended_to() {
    let place = Place::new();
    let guest = Guest::new()
        .spawn("sh", &["-c", "exit 7"])
        .wait()
        .spawn("nothing", &[])
        .end(true);
    place.write("guest.wasm", guest);
    for _ in 0..2 {
        place
            .run(["run", "--allow", "sh", "--audit", "audit.jsonl", "guest.wasm"])
            .code(1);
    }
    let log = place.read("audit.jsonl");
    let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["granted", "started", "ended", "refused"].repeat(2));
    for event in &events {
        humantime::parse_rfc3339(event["time"].as_str().unwrap()).unwrap();
    }
    assert_eq!(events[0]["args"], serde_json::json!(["-c", "exit 7"]));
    assert_eq!(events[2]["status"], "exited 7");
    assert_eq!(events[3]["grant"], "nothing");
    assert_eq!(events[3]["field"], "program");
    let mode = std::fs::metadata(place.file("audit.jsonl"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "others may read the audit log");
}

#[test]
fn the_end_of_a_process_that_the_guest_left_behind_is_in_the_audit_log() {
    let place = Place::new();
    for wasi in Wasi::ALL {
        place.write("guest.wasm", Guest::of(wasi).spawn("sleep", &["1000"]).end(true));
        place
            .run(["run", "--allow", "sleep", "--audit", "audit.jsonl", "guest.wasm"])
            .code(0);
        let log = place.read("audit.jsonl");
        let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&last["event"], &last["status"]),
            (&"ended".into(), &"signaled SIGKILL".into()),
            "{log}"
        );
    }
}

#[test]
fn nothing_is_started_that_the_audit_log_cannot_take() {
    let place = Place::new();
    let guest = Guest::new()
        .spawn("echo", &["one"])
        .wait()
        .spawn("echo", &["two"])
        .wait()
        .end(true);
    place.write("guest.wasm", guest);
    let ended = place
        .run(["run", "--allow", "echo", "--audit", "/dev/full", "guest.wasm"])
        .code(1);
    assert_eq!(ended.stdout(), "");
    let line = ended.only_line();
    assert!(line.contains("cannot write to the audit log /dev/full"), "{line}");

    let ended = place.run(["exec", "--allow", "echo", "--audit", "/dev/full", "--", "echo", "one"]);
    let ended = ended.code(126);
    assert_eq!(ended.stdout(), "");
    assert!(ended.stderr().contains("the audit log cannot be written to"));
}

#[test]
fn a_compiled_component_is_kept_unless_that_is_not_wanted() {
    let place = Place::new();
    place.write("guest.wasm", Guest::new().end(true));
    place.run(["run", "--no-cache", "guest.wasm"]).code(0);
    assert!(!place.file("cache").exists(), "--no-cache left something behind");
    place.run(["run", "guest.wasm"]).code(0);
    assert_eq!(compiled(&place).len(), 1, "nothing was kept");
}

#[test]
fn a_cache_that_the_guest_could_write_to_is_not_used() {
    let place = Place::new();
    place.write("guest.wasm", Guest::new().end(true));
    std::fs::create_dir_all(place.file("cache/wasmtime/below")).unwrap();
    for dir in [".", "cache", "cache/wasmtime", "cache/wasmtime/below"] {
        place.run(["run", "--dir", dir, "guest.wasm"]).code(0);
        assert_eq!(compiled(&place), HashSet::new(), "--dir {dir}");
    }
    place.run(["run", "--dir", ".::/:ro", "guest.wasm"]).code(0);
    assert_eq!(compiled(&place).len(), 1);
}

/// The compiled components in the cache. The files beside them tell how often they were used.
fn compiled(place: &Place) -> HashSet<PathBuf> {
    let mut found = HashSet::new();
    let mut directories = vec![place.file("cache/wasmtime")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_none() {
                found.insert(path);
            }
        }
    }
    found
}

#[test]
fn what_is_kept_of_a_component_is_what_runs_the_next_time() {
    let place = Place::new();
    let added_by = |name: &str| {
        let before = match place.file("cache").exists() {
            true => compiled(&place),
            false => HashSet::new(),
        };
        assert_eq!(place.run(["run", &format!("{name}.wasm")]).code(0).stdout(), name);
        let added: Vec<_> = compiled(&place).difference(&before).cloned().collect();
        match &added[..] {
            [path] => path.clone(),
            _ => panic!("{name} added {added:?} to the cache"),
        }
    };
    for name in ["one", "two"] {
        place.write(&format!("{name}.wasm"), Guest::new().say(name).end(true));
    }
    let (one, two) = (added_by("one"), added_by("two"));
    // Whatever is in the place of the first is taken for the first: it was not compiled again.
    std::fs::copy(two, one).unwrap();
    assert_eq!(place.run(["run", "one.wasm"]).code(0).stdout(), "two");
    assert_eq!(place.run(["run", "--no-cache", "one.wasm"]).code(0).stdout(), "one");
    assert_eq!(compiled(&place).len(), 2);
}

#[test]
fn a_guest_without_a_place_for_a_cache_runs_all_the_same() {
    let place = Place::new();
    place.write("guest.wasm", Guest::new().say("runs").end(true));
    let mut command = place.command(["run", "guest.wasm"]);
    let output = command
        .env("XDG_CACHE_HOME", "/dev/null/nowhere")
        .env_remove("HOME")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "runs");
}

#[test]
fn verbose_shows_what_the_host_does() {
    let place = Place::new();
    place.write("guest.wasm", Guest::new().spawn("true", &[]).wait().end(true));
    let ended = place.run(["run", "--verbose", "--allow", "true", "guest.wasm"]).code(0);
    assert!(ended.stderr().contains("childproof::audit"), "{}", ended.stderr());
}
