//! Limits of a whole tree hold where a control group was delegated, and elsewhere it is said what is missing.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use childproof_launch::{ControlGroup, ControlGroupNeed, ControlGroups, TreeLimits};

/// None, and said so, where there is no place for groups.
fn groups() -> Option<ControlGroups> {
    let found = ControlGroups::find();
    if let Err(error) = &found {
        println!("SKIPPED: no delegated cgroup v2 with memory and pids: {error}");
    }
    found.ok()
}

/// Runs a shell in the group to its end.
fn run(group: &ControlGroup, script: &str) -> Output {
    let enter = r#"echo 0 > "$0/cgroup.procs" || exit 99"#;
    Command::new("/bin/sh")
        .args(["-c", &format!("{enter}; {script}")])
        .arg(group.path())
        .output()
        .unwrap()
}

fn own_group() -> String {
    fs::read_to_string("/proc/self/cgroup").unwrap()
}

#[test]
fn where_the_first_version_has_the_controllers_the_error_says_so() {
    let before = own_group();
    let of_v1 = |controller: &str| {
        before.lines().any(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            fields
                .next()
                .is_some_and(|names| names.split(',').any(|name| name == controller))
        })
    };
    let found = ControlGroups::find();
    if of_v1("memory") || of_v1("pids") {
        let error = found.unwrap_err();
        assert_eq!(error.need(), ControlGroupNeed::Controllers, "{error}");
        assert_eq!(error.errno(), None, "{error}");
        assert!(error.path().is_some_and(|path| path.is_dir()), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("`memory` and `pids`") && text.contains("boot with"),
            "{text}"
        );
    }
    assert_eq!(own_group(), before, "the host was moved");
}

#[test]
fn looking_twice_leaves_nothing_behind() {
    let Some(groups) = groups() else { return };
    let again = ControlGroups::find().unwrap();
    assert_eq!(groups.path(), again.path());
    let group = groups.create(TreeLimits::default()).unwrap();
    let path = group.path();
    drop(group);
    assert!(!path.exists());
}

#[test]
fn processes_past_the_limit_are_refused_and_others_are_not() {
    let Some(groups) = groups() else { return };
    let with = |processes: u64| {
        let limits = TreeLimits {
            memory: None,
            processes: Some(processes),
        };
        let group = groups.create(limits).unwrap();
        run(&group, "sleep 0 & sleep 0 & sleep 0 & wait; echo all").stdout
    };
    assert_eq!(with(64), b"all\n");
    assert_eq!(with(1), b"");
}

#[test]
fn a_tree_past_its_memory_is_killed_and_that_is_known() {
    let Some(groups) = groups() else { return };
    let limits = TreeLimits {
        memory: Some(64 << 20),
        processes: None,
    };
    let hold = r"v=$(head -c 10000000 /dev/zero | tr '\0' x)";
    let run = |script: &str| {
        let group = groups.create(limits).unwrap();
        (run(&group, script).status.signal(), group.oom_killed().unwrap())
    };
    // One of them fits; together they do not, and none of them ends by itself.
    assert_eq!(run(hold), (None, false));
    assert_eq!(
        run(&format!(
            "for n in 1 2 3 4 5 6 7 8; do ({hold}; sleep 1000) & done; wait"
        )),
        (Some(9), true)
    );
}

#[test]
fn a_kill_that_is_not_for_memory_is_known_not_to_be() {
    let Some(groups) = groups() else { return };
    let limits = TreeLimits {
        memory: Some(256 << 20),
        processes: Some(64),
    };
    let group = groups.create(limits).unwrap();
    assert_eq!(run(&group, "kill -9 $$").status.signal(), Some(9));
    assert!(!group.oom_killed().unwrap());
}
