//! `--confine`: what a program sees and reaches of the host.

use std::fs;

use crate::command::{Ended, Place};

fn sh(place: &Place, flags: &[&str], script: &str) -> Ended {
    place.run([&["exec", "--allow", "sh"], flags, &["--", "sh", "-c", script]].concat())
}

#[test]
fn a_program_sees_its_directories_and_the_systems_and_nothing_else() {
    let place = Place::new();
    place.write("secret", "secret\n");
    fs::create_dir(place.file("data")).unwrap();
    place.write("data/file", "content\n");
    let secret = place.file("secret").canonicalize().unwrap();
    let secret = secret.to_str().unwrap();
    let read = |flags: &[&str]| sh(&place, flags, &format!("cat {secret}"));
    // Without a confinement it is there to be read.
    assert_eq!(read(&["--confine", "none"]).code(0).stdout(), "secret\n");
    for tier in ["full", "reduced"] {
        let flags = ["--confine", tier, "--dir", "data::/data"];
        assert_ne!(read(&flags).stdout(), "secret\n", "{tier}");
        let script = "cat file && echo more > new && cat /usr/bin/env > /dev/null && echo yes";
        assert_eq!(sh(&place, &flags, script).code(0).stdout(), "content\nyes\n", "{tier}");
        assert_eq!(place.read("data/new"), "more\n");
        let read_only = ["--confine", tier, "--dir", "data::/data:ro"];
        let ended = sh(&place, &read_only, "cat file; echo more > newer");
        assert_eq!(ended.stdout(), "content\n", "{tier}");
        assert!(!place.file("data/newer").exists(), "{tier}");
    }
    // Full is what holds where nobody says.
    let all = sh(&place, &["--dir", "data::/data"], "echo /data/* /home/* /root/* /tmp/*").code(0);
    assert_eq!(all.stdout(), "/data/file /data/new /home/* /root/* /tmp/*\n");
}

#[test]
fn the_directory_here_is_work() {
    let place = Place::new();
    place.write("file", "content\n");
    let ended = sh(&place, &["--dir", "."], "pwd; cat /work/file; echo more >> file").code(0);
    assert_eq!(ended.stdout(), "/work\ncontent\n");
    assert_eq!(place.read("file"), "content\nmore\n");
}

#[test]
fn a_path_to_read_is_seen_at_its_place() {
    let place = Place::new();
    place.write("file", "content\n");
    let file = place.file("file").canonicalize().unwrap();
    let file = file.to_str().unwrap();
    let script = format!("cat {file} && ! echo x 2> /dev/null > {file} && echo $PWD");
    for tier in ["full", "reduced"] {
        let ended = sh(&place, &["--confine", tier, "--read", "file"], &script).code(0);
        assert_eq!(ended.stdout(), "content\n/\n", "{tier}");
    }
}

#[test]
fn a_program_and_the_interpreter_of_a_script_are_seen_wherever_they_lie() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    fs::copy("/bin/sh", place.file("shell")).unwrap();
    let shell = place.file("shell").canonicalize().unwrap();
    place.write("script", format!("#!{}\necho it ran\n", shell.display()));
    fs::set_permissions(place.file("script"), PermissionsExt::from_mode(0o755)).unwrap();
    for tier in ["full", "reduced", "none"] {
        let ended = place.run(["exec", "--confine", tier, "--allow", "it=./script", "--", "it"]);
        assert_eq!(ended.code(0).stdout(), "it ran\n", "{tier}");
    }
}

#[test]
fn a_name_that_a_program_cannot_see_is_refused_with_what_to_do() {
    let place = Place::new();
    fs::create_dir(place.file("data")).unwrap();
    let names = [
        ("data::/", "cannot be the root"),
        ("data::/proc/data", "cannot lie in /proc or /dev"),
        ("data::/dev", "cannot lie in /proc or /dev"),
        ("data::a/../b", "\"..\""),
    ];
    for (dir, why) in names {
        let flags = ["exec", "--allow", "true", "--dir", dir];
        let run = |confine: &[&str]| place.run([&flags, confine, &["--", "true"]].concat());
        run(&[]).failed_saying(&["--dir data: ", why, "HOST::GUEST"]);
        // Who sees the host's names sees it by that.
        run(&["--confine", "reduced"]).code(0);
        run(&["--confine", "none"]).code(0);
    }
    let same = ["--dir", "data::/a", "--dir", "data::a/./"];
    sh(&place, &same, "true").failed_saying(&["--dir data: ", "\"/a\"", "the same place, /a", "HOST::GUEST"]);
    let nested = ["--dir", "data::/a", "--dir", "data::/a/b"];
    sh(&place, &nested, "true").failed_saying(&["--dir data: ", "no directory b", "make it"]);
    fs::create_dir(place.file("data/b")).unwrap();
    sh(&place, &nested, "cd /a/b/b").code(0);
    // Where nothing is started, nothing has to be seen.
    let flags = ["explain", "--dir", "data::/", "--", "true"];
    assert!(!place.run(flags).stderr().contains("--dir"));
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    let place = Place::new();
    // All that is left holds stdout: the command's output ends when none of it is.
    let script = "setsid sh -c '(trap \"\" HUP TERM; echo in; sleep 100000) & sleep 100000' & read line; echo out";
    let ended = place
        .run_with(["exec", "--allow", "sh", "--", "sh", "-c", script], b"\n")
        .code(0);
    assert!(ended.stdout().contains("out\n"));
}

#[test]
fn what_the_machine_cannot_give_is_refused_and_never_replaced() {
    let place = Place::new();
    let run = |confine: &[&str]| {
        let flags = [&["exec", "--allow", "echo"], confine, &["--", "echo", "it ran"]].concat();
        place.run_without_user_namespaces(&flags)
    };
    let missing = [
        "a user namespace is not to be had",
        "user.max_user_namespaces",
        "--confine reduced",
    ];
    run(&[]).failed_saying(&missing);
    run(&["--confine", "full"]).failed_saying(&missing);
    assert_eq!(run(&["--confine", "reduced"]).code(0).stdout(), "it ran\n");
    assert_eq!(run(&["--confine", "none"]).code(0).stdout(), "it ran\n");
    place.write("policy.toml", "[grants.echo]\nprogram = \"echo\"\nargs = \"any\"\n");
    let by_file = ["exec", "--policy", "policy.toml", "--", "echo"];
    place
        .run_without_user_namespaces(&by_file)
        .failed_saying(&["policy.toml: confine.tier: ", missing[0]]);
}

#[test]
fn what_the_host_mounts_later_stays_with_the_host() {
    let place = Place::new();
    fs::create_dir_all(place.file("data/sub")).unwrap();
    // The program says that it is there, and is told when the host has mounted something: below a mount of which copies learn.
    let script = r#"
        mkfifo ready go
        "$0" exec --allow sh --dir data::/data:ro -- sh -c 'echo ready; read -r line; ls -A /data/sub' < go > ready &
        exec 3> go 4< ready
        read -r line <&4
        mount -t tmpfs none data/sub && touch data/sub/arrived
        echo mounted >&3
        cat <&4
        echo "the host has: $(ls data/sub)"
    "#;
    let command = [
        &[
            "--map-root-user",
            "--user",
            "--mount",
            "--propagation",
            "shared",
            "sh",
            "-c",
            script,
        ][..],
        &[env!("CARGO_BIN_EXE_childproof")],
    ];
    let ended = place.run_other("unshare", command.concat()).code(0);
    assert_eq!(ended.stdout(), "the host has: arrived\n", "{}", ended.stderr());
}
