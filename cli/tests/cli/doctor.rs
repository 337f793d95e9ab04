//! `doctor` says what works here, and does not claim what does not.

use std::fs;

use serde_json::Value;

use crate::command::{Ended, Place};

/// The line about a check, and the one below it.
#[track_caller]
fn line<'a>(report: &'a str, name: &str) -> (&'a str, &'a str) {
    let mut lines = report.lines();
    let of_check = |line: &&str| {
        let rest = line.get("  ok   ".len()..).and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with("  "))
    };
    let line = lines
        .find(of_check)
        .unwrap_or_else(|| panic!("{name} is not in: {report}"));
    (line, lines.next().unwrap_or_default())
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks
        .find(|check| check["name"] == name)
        .unwrap_or_else(|| panic!("{name} is not in: {report}"))
}

/// Runs `doctor` where no user namespace can be made.
fn without_user_namespaces(place: &Place, args: &[&str]) -> Ended {
    place.run_without_user_namespaces(&[&["doctor"], args].concat())
}

#[test]
fn where_all_works_it_says_so_and_exits_with_0() {
    let report = Place::new().run(["doctor"]).code(0).stdout();
    assert!(report.starts_with("The tier full works here.\n"), "{report}");
    let works = [
        "tier full",
        "tier reduced",
        "user namespaces",
        "mount namespaces",
        "other namespaces",
        "Landlock",
        "Landlock: scopes",
        "seccomp filter",
        "memfd execution",
        "memory limit",
    ];
    for name in works {
        let (line, _) = line(&report, name);
        assert!(line.starts_with("  ok "), "{line}");
    }
    let (full, _) = line(&report, "tier full");
    assert!(full.contains("could not be read or written"), "{full}");
}

#[test]
fn the_gaps_of_the_reduced_tier_are_named() {
    let report = Place::new().run(["doctor"]).code(0).stdout();
    for (name, says) in [
        ("reduced: stat", "exists"),
        ("reduced: chmod", "mode"),
        ("reduced: utimes", "times"),
        ("reduced: processes", "numbers"),
        ("reduced: /tmp", "TMPDIR"),
        ("reduced: sessions", "setsid"),
        ("reduced: unix sockets", "pairs"),
    ] {
        let (line, _) = line(&report, name);
        assert!(line.starts_with("  gap ") && line.contains(says), "{line}");
    }
}

#[test]
fn json_has_the_same_report_in_its_documented_form() {
    let place = Place::new();
    let report: Value = serde_json::from_str(&place.run(["doctor", "--json"]).code(0).stdout()).unwrap();
    assert_eq!(report["tier"], "full");
    let text = place.run(["doctor"]).code(0).stdout();
    for check in report["checks"].as_array().unwrap() {
        let mut keys: Vec<_> = check.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["detail", "fix", "name", "ok", "section"], "{check}");
        let section = check["section"].as_str().unwrap();
        assert!(["tier", "gap", "kernel", "limit"].contains(&section), "{check}");
        assert!(!check["detail"].as_str().unwrap().is_empty(), "{check}");
        let (line, _) = line(&text, check["name"].as_str().unwrap());
        assert_eq!(
            check["ok"].as_bool().unwrap(),
            line.starts_with("  ok "),
            "{check}\n{line}"
        );
    }
}

#[test]
fn what_control_groups_take_is_said_where_they_are_missing() {
    let report: Value = serde_json::from_str(&Place::new().run(["doctor", "--json"]).code(0).stdout()).unwrap();
    let groups = check(&report, "control groups");
    let memory = check(&report, "memory limit")["detail"].as_str().unwrap();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    if own.lines().any(|line| line.contains(":memory:")) {
        assert_eq!(groups["ok"], false, "{groups}");
        assert!(groups["fix"].as_str().unwrap().contains("boot with"), "{groups}");
    }
    match groups["ok"].as_bool().unwrap() {
        true => assert!(memory.contains("whole tree"), "{memory}"),
        false => assert!(memory.contains("RLIMIT_AS") && groups["fix"].is_string(), "{memory}"),
    }
}

#[test]
fn without_user_namespaces_the_full_tier_is_not_claimed() {
    let place = Place::new();
    let report = without_user_namespaces(&place, &[]).code(3).stdout();
    assert!(
        report.starts_with("The tier full does not work here; the tier reduced does"),
        "{report}"
    );
    for name in ["tier full", "user namespaces", "mount namespaces", "other namespaces"] {
        let (line, fix) = line(&report, name);
        assert!(line.starts_with("  no ") && line.contains("namespace"), "{line}");
        assert!(
            fix.contains("fix: ") && fix.contains("sysctl user.max_user_namespaces="),
            "{fix}"
        );
    }
    for name in ["tier reduced", "Landlock", "seccomp filter"] {
        let (line, _) = line(&report, name);
        assert!(line.starts_with("  ok "), "{line}");
    }
    let (proc, _) = line(&report, "/proc");
    assert!(proc.starts_with("  no ") && proc.contains("not known"), "{proc}");
}

#[test]
fn without_user_namespaces_json_says_so_too() {
    let place = Place::new();
    let text = without_user_namespaces(&place, &["--json"]).code(3).stdout();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["tier"], "reduced");
    let full = check(&report, "tier full");
    assert_eq!(full["ok"], false, "{full}");
    assert!(
        full["fix"].as_str().unwrap().contains("user.max_user_namespaces"),
        "{full}"
    );
    assert_eq!(check(&report, "tier reduced")["ok"], true, "{report}");
}

#[test]
fn nothing_is_left_behind() {
    let place = Place::new();
    let output = place.command(["doctor"]).env("TMPDIR", place.path()).output().unwrap();
    let report = Ended::of(output).code(0).stdout();
    let (line, _) = line(&report, "reduced: chmod");
    assert!(line.starts_with("  gap "), "{line}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}
