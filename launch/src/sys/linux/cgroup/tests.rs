//! The life of a group, which takes no controller. That limits hold is for tests where there are some.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use super::*;

/// The place of this process' own group. None, and said so, where nothing can be made in it.
fn place() -> Option<ControlGroups> {
    let groups = hierarchy::own()
        .ok()
        .and_then(|own| ControlGroups::open(&own.path()).ok());
    let writable = groups.filter(|groups| groups.make_unlimited().is_ok());
    if writable.is_none() {
        println!("SKIPPED: no cgroup v2 that this user may write to");
    }
    writable
}

/// A process in a directory's group, that runs until it is killed.
fn process_in(directory: &Path) -> Child {
    let mut child = Command::new("/bin/sh")
        .args(["-c", r#"echo 0 > "$0/cgroup.procs" && echo in && exec sleep 1000"#])
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "in\n");
    child
}

fn assert_killed(mut child: Child) {
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
}

/// Waits for the thread that removes groups.
fn until_gone(directory: &Path) {
    while directory.exists() {
        std::thread::yield_now();
    }
}

#[test]
fn a_group_is_made_entered_killed_and_removed() {
    let Some(place) = place() else { return };
    let group = place.make_unlimited().unwrap();
    let path = group.path();
    assert!(path.starts_with(place.path()) && path.join("cgroup.procs").exists());
    let child = process_in(&path);
    assert_eq!(
        fs::read_to_string(path.join("cgroup.procs")).unwrap(),
        format!("{}\n", child.id())
    );
    group.kill().unwrap();
    assert_killed(child);
    drop(group);
    assert!(!path.exists(), "a group in which nothing is left is removed at once");
}

#[test]
fn who_writes_0_to_procs_enters() {
    let Some(place) = place() else { return };
    let group = place.make_unlimited().unwrap();
    let procs = group.procs().try_clone_to_owned().unwrap();
    let mut child = Command::new("/bin/sh")
        .args(["-c", "echo 0 >&0; cat /proc/self/cgroup"])
        .stdin(File::from(procs))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert!(child.wait().unwrap().success());
    let name = group.path().file_name().unwrap().to_str().unwrap().to_owned();
    assert!(
        said.lines()
            .any(|line| line.starts_with("0::") && line.ends_with(&name)),
        "{said}"
    );
}

#[test]
fn a_group_that_is_dropped_takes_its_processes_with_it() {
    let Some(place) = place() else { return };
    let group = place.make_unlimited().unwrap();
    let path = group.path();
    let (one, other) = (process_in(&path), process_in(&path));
    drop(group);
    assert_killed(one);
    assert_killed(other);
    until_gone(&path);
}

#[test]
fn groups_of_dead_hosts_are_removed_and_no_others() {
    let Some(place) = place() else { return };
    // Other hosts look for leftovers in the place itself.
    let own = place.make_unlimited().unwrap();
    let place = ControlGroups::open(&own.path()).unwrap();
    let of_the_living = place.make_unlimited().unwrap();
    let names = ["childproof-1-0", "childproof-1-1", "childproof-other"];
    let [empty, occupied, foreign] = names.map(|name| place.path().join(name));
    for directory in [&empty, &occupied, &foreign] {
        fs::create_dir(directory).unwrap();
    }
    let child = process_in(&occupied);
    place.remove_leftovers();
    assert_killed(child);
    until_gone(&empty);
    until_gone(&occupied);
    let left = (of_the_living.path().exists(), foreign.exists());
    fs::remove_dir(&foreign).unwrap();
    assert_eq!(left, (true, true));
}

#[test]
fn without_a_limit_of_memory_nothing_was_killed_for_it() {
    let Some(place) = place() else { return };
    let group = place.make_unlimited().unwrap();
    assert!(!group.oom_killed().unwrap());
}

#[test]
fn a_limit_that_cannot_be_set_is_an_error_and_leaves_no_group() {
    let Some(place) = place() else { return };
    let group = place.make_unlimited().unwrap();
    // A group that hands on no controller: those below it have none.
    let inner = ControlGroups::open(&group.path()).unwrap();
    let limits = TreeLimits {
        memory: Some(1 << 30),
        processes: None,
    };
    let error = inner.create(limits).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
    let is_group = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    assert_eq!(
        fs::read_dir(group.path()).unwrap().flatten().filter(is_group).count(),
        0
    );
}

#[test]
fn only_names_of_groups_are_taken_for_groups() {
    assert!(is_name_of_group("childproof-1-0"));
    for name in [
        "childproof-",
        "childproof-1",
        "childproof-1-",
        "childproof-a-1",
        "childproof-1-2-3",
        "other-1-2",
        ".",
    ] {
        assert!(!is_name_of_group(name), "{name}");
    }
}

#[test]
fn a_number_is_read_by_its_whole_word() {
    let events = "low 0\noom 2\noom_kill 31\n";
    assert_eq!(
        (
            value(events, "oom"),
            value(events, "oom_kill"),
            value(events, "oom_group_kill")
        ),
        (2, 31, 0)
    );
}
