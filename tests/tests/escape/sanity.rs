//! Tests of the suite itself: a probe that cannot fail, or an attempt that nobody makes, would prove nothing.

use std::collections::BTreeSet;

use childproof_tests::refuse_user_namespaces;
use tempfile::TempDir;

use crate::escapes::ROWS;
use crate::ground::Ground;
use crate::probe;
use crate::tier::{self, Tier};
use crate::user::{self, Host, User};

/// A place for the probe, in a test's own process.
fn ground(host: &Host) -> (TempDir, Ground) {
    let base = TempDir::new().expect("a directory");
    let ground = Ground::make(&base, &host.probe, &user::secret(), &host.secret);
    (base, ground)
}

/// Who runs the suite, so that nothing has to be left out.
fn whoever() -> User {
    match rustix::process::geteuid().is_root() {
        true => User::Root,
        false => User::Unprivileged,
    }
}

#[test]
fn a_probe_that_is_misused_does_not_count_as_shut() {
    user::alone(
        "sanity::a_probe_that_is_misused_does_not_count_as_shut",
        whoever(),
        |host| {
            let (_base, ground) = ground(host);
            for line in [&["nonsense"][..], &[], &["read"], &["read", "a", "b"], &["kill", "x"]] {
                let (code, printed) = probe::bare(&ground.probe(), line);
                assert_eq!(code, Some(2), "{line:?}: {printed}");
                probe::word(code, &printed).expect_err("it is no word");
            }
        },
    );
}

#[test]
fn every_attempt_of_the_probe_is_made() {
    user::alone("sanity::every_attempt_of_the_probe_is_made", whoever(), |host| {
        let (_base, ground) = ground(host);
        let (_, listed) = probe::bare(&ground.probe(), ["list"]);
        let listed: BTreeSet<&str> = listed.lines().filter_map(|line| line.split('\t').next()).collect();
        let mut made: BTreeSet<&str> = ROWS.iter().map(|row| row.attempt).collect();
        made.extend(["linger-and-stay", "linger-and-leave"]);
        assert_eq!(made, listed);
    });
}

#[test]
fn a_tier_that_the_machine_does_not_have_is_refused() {
    let name = "sanity::a_tier_that_the_machine_does_not_have_is_refused";
    user::alone(name, whoever(), |host| {
        let (_base, ground) = ground(host);
        refuse_user_namespaces();
        let refused = tier::context(&ground, None, Tier::Full).expect_err("there are no user namespaces");
        assert!(refused.contains("user namespace"), "{refused}");
    });
}

#[test]
fn the_documents_name_every_row() {
    let documented = include_str!("../../../SECURITY.md");
    let missing: Vec<&str> = ROWS
        .iter()
        .map(|row| row.name)
        .filter(|name| !documented.contains(&format!("`{name}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "SECURITY.md does not say what becomes of {missing:?}"
    );
}
