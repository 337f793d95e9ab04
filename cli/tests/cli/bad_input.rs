//! Bad input, and messages worth reading.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::command::Place;
use crate::guest::Guest;

#[test]
fn a_file_that_is_no_component_is_said_to_be_what_it_is() {
    let place = Place::new();
    let whole = Guest::new().say("whole").end(true);
    place
        .write("empty", "")
        .write("text", "hello")
        .write("wat", "(component)")
        .write("short", "\0asm\x0d");
    place.write("module", wat::parse_str("(module)").unwrap());
    place
        .write("cut", &whole[..whole.len() / 2])
        .write("header", &whole[..6]);
    place.write("version", b"\0asm\xff\xff\x01\0");
    let mut damaged = whole.clone();
    damaged[8] = 0x7f;
    place.write("damaged", damaged);
    let says = |file: &str, parts: &[&str]| place.run(["run", file]).failed_saying(&[&[file], parts].concat());
    says("empty", &["is empty"]);
    says("text", &["is not WebAssembly"]);
    says("wat", &["WebAssembly text", "wasm-tools parse"]);
    says("short", &["truncated"]);
    says("header", &["truncated"]);
    says("cut", &["truncated"]);
    says(
        "module",
        &["a core WebAssembly module, not a component", "wasm32-wasip2"],
    );
    says("version", &["version"]);
    says("damaged", &["is damaged"]);
    says("nowhere", &["cannot read nowhere"]);
    says(".", &["cannot read ."]);
}

#[test]
fn a_component_that_cannot_be_linked_says_what_is_missing() {
    let place = Place::new();
    let compile = |name: &str, text: &str| {
        place.write(name, wat::parse_str(text).unwrap());
    };
    compile(
        "foreign",
        r#"(component (import "acme:rocket/launch@1.0.0" (instance (export "go" (func)))))"#,
    );
    compile(
        "newer",
        r#"(component (import "wasi:cli/stdout@0.4.0" (instance (export "go" (func)))))"#,
    );
    compile(
        "changed",
        r#"(component (import "wasi:cli/stdout@0.2.0" (instance (export "no-such" (func)))))"#,
    );
    compile(
        "changed too",
        r#"(component (import "childproof:process/types@0.3.0" (instance (export "no-such" (func)))))"#,
    );
    compile("nothing", "(component)");
    compile(
        "library",
        r#"(component (instance $i) (export "acme:rocket/launch" (instance $i)))"#,
    );
    let says = |file: &str, parts: &[&str]| {
        place
            .run(["run", file])
            .failed_saying(&[&["cannot run", file], parts].concat())
    };
    says(
        "foreign",
        &["acme:rocket/launch@1.0.0, which childproof does not provide"],
    );
    let provided = "childproof provides WASI 0.2 and 0.3, and childproof:process@0.2 and @0.3";
    says("newer", &["wasi:cli/stdout@0.4.0", provided]);
    says("changed", &["wasi:cli/stdout@0.2.0", "no-such", provided]);
    says("changed too", &["childproof:process/types@0.3.0", "no-such", provided]);
    says(
        "nothing",
        &["it exports nothing; a command exports wasi:cli/run@0.2 or @0.3"],
    );
    says(
        "library",
        &["it exports no wasi:cli/run@0.2 or @0.3", "acme:rocket/launch"],
    );
}

#[test]
fn a_policy_that_says_something_wrong_says_where() {
    let place = Place::new();
    let says = |text: &[u8], parts: &[&str]| {
        place.write("policy.toml", text);
        place
            .run(["explain", "--policy", "policy.toml", "--", "x"])
            .failed_saying(parts);
    };
    says(
        b"[grants.sh]\nprogam = \"sh\"\n",
        &["policy.toml:2:1:", "\"progam\"", "did you mean \"program\"?"],
    );
    says(
        b"[grants.sh]\nprogram = \"sh\"\nforms = [[{ regex = \"(\" }]]\n",
        &["policy.toml:3:", "grants.sh.forms[0]"],
    );
    says(b"[grants\n", &["policy.toml:1:"]);
    says(
        b"[grants.sh]\nprogram = \"no-such-program\"\n",
        &["policy.toml: grants.sh.program", "no-such-program"],
    );
    says(
        b"[grants.sh]\nprogram = \"sh\"\ncwd = [\"/repo\"]\n",
        &["policy.toml: grants.sh.cwd[0]", "/repo"],
    );
    says(b"# \xff\n", &["policy.toml", "UTF-8", "byte 2"]);
    place
        .run(["explain", "--policy", "nowhere.toml", "--", "x"])
        .failed_saying(&["cannot read the policy nowhere.toml"]);
}

#[test]
fn a_program_that_the_guest_could_replace_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.file("data")).unwrap();
    place.write("data/tool", "#!/bin/sh\n");
    std::fs::set_permissions(place.file("data/tool"), PermissionsExt::from_mode(0o755)).unwrap();
    let tool = place.file("data/tool");
    place.write(
        "policy.toml",
        format!("[grants.tool]\nprogram = {:?}\n", tool.to_str().unwrap()),
    );
    let explain = |dir: &str| place.run(["explain", "--policy", "policy.toml", "--dir", dir, "--", "tool"]);
    explain("data::/data").failed_saying(&["policy.toml: grants.tool.program", "writ"]);
    explain("data::/data:ro").code(0);
    place
        .run(["exec", "--allow", "tool=./data/tool", "--dir", ".", "--", "tool"])
        .failed_saying(&["--allow tool", "writ"]);
}

#[test]
fn a_policy_that_the_guest_could_change_is_refused() {
    let place = Place::new();
    std::fs::create_dir_all(place.file("data/sub")).unwrap();
    for file in ["data/sub/policy.toml", "outside.toml"] {
        place.write(file, "[grants.true]\nprogram = \"true\"\n");
    }
    place.write("guest.wasm", Guest::new().end(true));
    symlink("data/sub/policy.toml", place.file("to-inside.toml")).unwrap();
    symlink("../outside.toml", place.file("data/to-outside.toml")).unwrap();
    symlink("data", place.file("link")).unwrap();
    let with = |policy: &str, dir: &str| {
        [
            ("run", &["guest.wasm"][..]),
            ("exec", &["--", "true"]),
            ("explain", &["--", "true"]),
        ]
        .map(|(command, what)| place.run([&[command, "--policy", policy, "--dir", dir], what].concat()))
    };
    for (policy, dir) in [
        ("data/sub/policy.toml", "data"),
        ("data/sub/policy.toml", "."),
        ("data/sub/policy.toml", "link::/data"),
        ("link/sub/policy.toml", "data"),
        ("to-inside.toml", "data"),
        ("data/to-outside.toml", "data"),
        ("data/../outside.toml", "."),
    ] {
        for ended in with(policy, dir) {
            let line = ended.code(125).only_line();
            assert_eq!(
                line,
                format!(
                    "--policy {policy}: this file lies in, or is reached through, the writable --dir {dir}, so the guest \
                     could change what it may do the next time; move the file, or give the directory read-only: --dir {dir}:ro"
                )
            );
        }
        for ended in with(policy, &format!("{dir}:ro")) {
            ended.code(0);
        }
    }
    for ended in with("outside.toml", "data") {
        ended.code(0);
    }
}

#[test]
fn an_audit_log_that_the_guest_could_change_is_refused_before_it_is_made() {
    let place = Place::new();
    std::fs::create_dir(place.file("data")).unwrap();
    place.write("guest.wasm", Guest::new().end(true));
    let with = |log: &str, dir: &str| {
        [
            ("run", &["guest.wasm"][..]),
            ("exec", &["--allow", "true", "--", "true"]),
        ]
        .map(|(command, what)| place.run([&[command, "--audit", log, "--dir", dir], what].concat()))
    };
    for dir in ["data", ".::/all"] {
        for ended in with("data/audit.jsonl", dir) {
            let line = ended.code(125).only_line();
            assert_eq!(
                line,
                format!(
                    "--audit data/audit.jsonl: this file lies in, or is reached through, the writable --dir {dir}, so the \
                     guest could change the record of what it did; move the file, or give the directory read-only: \
                     --dir {dir}:ro"
                )
            );
            assert!(!place.file("data/audit.jsonl").exists());
        }
    }
    for ended in with("data/audit.jsonl", "data:ro") {
        ended.code(0);
    }
    // It is there now.
    for ended in with("data/audit.jsonl", "data") {
        ended.code(125);
    }
    for ended in with("audit.jsonl", "data") {
        ended.code(0);
    }
}

#[test]
fn a_grant_that_is_there_twice_is_refused() {
    let place = Place::new();
    place.write("policy.toml", "[grants.sh]\nprogram = \"sh\"\n");
    let says = |args: &[&str], part: &str| {
        place
            .run([args, &["--", "sh"]].concat())
            .failed_saying(&["--allow sh", part])
    };
    says(
        &["exec", "--policy", "policy.toml", "--allow", "sh"],
        "this name already",
    );
    says(&["exec", "--allow", "sh", "--allow", "sh=bash"], "this name already");
}

#[test]
fn a_directory_that_cannot_be_given_is_said() {
    let place = Place::new();
    place.write("file", "");
    let says = |dirs: &[&str], parts: &[&str]| {
        let dirs = dirs.iter().flat_map(|dir| ["--dir", dir]);
        place
            .run(["exec", "--allow", "sh"].into_iter().chain(dirs).chain(["--", "sh"]))
            .failed_saying(parts);
    };
    says(&["nowhere"], &["--dir nowhere"]);
    says(&["file"], &["--dir file"]);
    says(&[".::/a", "/tmp::/a"], &["two directories named \"/a\""]);
}

#[test]
fn a_confinement_that_cannot_be_is_said_where_it_was_written() {
    let place = Place::new();
    place.write(
        "policy.toml",
        "[grants.true]\nprogram = \"true\"\n[confine]\nread = [\"/etc\"]\n",
    );
    place.write(
        "ports.toml",
        "[grants.true]\nprogram = \"true\"\nnetwork = { connect = [443] }\n",
    );
    place.write("tier.toml", "[confine]\ntier = \"ful\"\n");
    let explain = |args: &[&str]| place.run([&["explain"], args, &["--", "true"]].concat());
    let says = |args: &[&str], line: &str| assert_eq!(explain(args).code(125).only_line(), line);
    let nowhere = std::fs::canonicalize(place.path()).unwrap().join("nowhere");
    let missing = format!(
        "--read ./nowhere: {} cannot be given: No such file or directory (os error 2); correct the path, or take it out",
        nowhere.display()
    );
    says(&["--allow", "true", "--read", ".", "--read", "./nowhere"], &missing);
    says(
        &["--policy", "policy.toml", "--read", ".", "--read", "./nowhere"],
        &missing,
    );
    says(
        &["--allow", "true", "--read", "a/../b"],
        "--read a/../b: it holds \"..\", which leads elsewhere after a symbolic link; write the path without it",
    );
    says(
        &["--allow", "true", "--read", "/proc/self"],
        "--read /proc/self: a child never sees what the host has in /proc, /dev and /sys; name something else",
    );
    let idle =
        "this has no effect with the tier \"none\", where a child sees all files; take it out, or name another tier";
    says(
        &["--allow", "true", "--read", ".", "--confine", "none"],
        &format!("--read: {idle}"),
    );
    says(
        &["--policy", "policy.toml", "--confine", "none"],
        &format!("policy.toml: confine.read: {idle}"),
    );
    let ports = "with the tier \"none\", nothing would hold a child to these ports; name the tier full or reduced, or write \
                 network = \"host\", which is what it would have";
    says(
        &["--allow", "true", "--network", "80,443", "--confine", "none"],
        &format!("--network: {ports}"),
    );
    says(
        &["--policy", "ports.toml", "--confine", "none"],
        &format!("ports.toml: grants.true.network: {ports}"),
    );
    explain(&["--policy", "tier.toml"]).failed_saying(&["tier.toml:2:8: confine.tier", "did you mean \"full\"?"]);
}

#[test]
fn an_audit_log_that_cannot_be_opened_is_said_before_anything_runs() {
    let place = Place::new();
    let ended = place.run([
        "exec",
        "--audit",
        "no/such/dir.jsonl",
        "--allow",
        "echo",
        "--",
        "echo",
        "ran",
    ]);
    assert_eq!(ended.stdout(), "");
    ended.failed_saying(&["cannot open the audit log no/such/dir.jsonl"]);
}

#[test]
fn an_argument_of_the_guest_that_is_not_utf_8_is_a_usage_error() {
    let args = [b"run".as_slice(), b"guest.wasm", b"\xff"].map(OsStr::from_bytes);
    let stderr = Place::new().run(args).code(2).stderr();
    assert!(
        stderr.starts_with("error: an argument of the guest is not UTF-8"),
        "{stderr}"
    );
}

#[test]
fn a_command_line_that_is_wrong_is_a_usage_error() {
    let place = Place::new();
    let wrong: &[(&[&str], &str)] = &[
        (&["run"], "GUEST.wasm"),
        (&["exec"], "NAME"),
        (&["explain", "--policy", "x"], "NAME"),
        (&["run", "--no-such-flag", "guest.wasm"], "--no-such-flag"),
        (&["run", "--timeout", "soon", "guest.wasm"], "--timeout"),
        (&["run", "--timeout", "0s", "guest.wasm"], "leaves no time to run"),
        (
            &["exec", "--timeout", "0ms 0ns", "--allow", "true", "--", "true"],
            "leaves no time to run",
        ),
        (&["run", "--allow", "/bin/ls", "guest.wasm"], "write ls=/bin/ls"),
        (&["run", "--env", "CHILDPROOF_NOT_SET", "guest.wasm"], "is not set here"),
        (&["run", "--dir", "::x", "guest.wasm"], "HOST::GUEST"),
        (&["run", "--dir", ".::/x:RO", "guest.wasm"], "write :ro to read only"),
        (
            &["run", "--confine", "ful", "guest.wasm"],
            "[possible values: full, reduced, none]",
        ),
        (
            &["explain", "--confine", "ful", "--", "true"],
            "a similar value exists: 'full'",
        ),
        (
            &["exec", "--network", "hots", "--allow", "true", "--", "true"],
            "write none, host, or the ports to connect to, such as 443 or 80,443",
        ),
        (
            &["run", "--network", "0", "--allow", "true", "guest.wasm"],
            "0 is not a TCP port; the ports are 1 to 65535",
        ),
        (&["run", "--network", "host", "guest.wasm"], "there is no --allow"),
        (
            &["exec", "--network", "none", "--policy", "policy.toml", "--", "true"],
            "write a line such as network = \"host\" under [grants.NAME]",
        ),
        (&["explain", "--network", "443", "--", "true"], "there is no --allow"),
        (
            &["exec", "--read", "", "--allow", "true", "--", "true"],
            "--read <PATH>",
        ),
        // A flag that is none must not be taken for a grant, and its refusal for the policy's answer.
        (&["exec", "--polcy", "policy.toml", "--", "true"], "--policy"),
        (&["explain", "--audit", "log", "--", "true"], "--audit"),
        (&["completions", "no-such-shell"], "bash"),
        (&["no-such-command"], "no-such-command"),
    ];
    for (args, part) in wrong {
        let stderr = place.run(*args).code(2).stderr();
        assert!(stderr.contains(part), "{args:?}: {part:?} is not in: {stderr}");
    }
}
