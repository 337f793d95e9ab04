//! The report for embedders.
#![cfg(target_os = "linux")]

use childproof_host::doctor::{self, Section};
use childproof_host::policy::Tier;

#[tokio::test(flavor = "current_thread")]
async fn a_host_may_ask_from_inside_a_runtime() {
    let report = doctor::examine();
    assert_eq!(report.tier, Tier::Full, "{report:#?}");
    let of = |section| report.checks.iter().filter(move |check| check.section == section);
    assert_eq!(of(Section::Tier).filter(|check| check.ok).count(), 2, "{report:#?}");
    assert!(
        of(Section::Gap).any(|check| !check.ok && check.fix.is_some()),
        "{report:#?}"
    );
}

#[test]
fn names_are_given_once_and_sections_stay_together() {
    let report = doctor::examine();
    let mut names: Vec<_> = report.checks.iter().map(|check| check.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "{report:#?}");
    assert!(report.checks.is_sorted_by_key(|check| check.section), "{report:#?}");
    for check in report.checks.iter().filter(|check| check.ok) {
        assert_eq!(check.fix, None, "{check:?}");
    }
}
