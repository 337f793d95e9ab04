//! What cannot be shown is an error that names it.

use std::path::{Path, PathBuf};

use childproof_launch::{ConfineError, Confinement, Need, Tier};

use super::{TIERS, as_each_user, directory};
use crate::support::name;

fn error(tier: Tier, set_up: impl FnOnce(&mut Confinement)) -> ConfineError {
    let mut confinement = Confinement::new(tier);
    set_up(&mut confinement);
    let error = confinement.build().unwrap_err();
    let text = error.to_string();
    assert!(
        error.path().is_some_and(|path| text.contains(path.to_str().unwrap())),
        "{text}"
    );
    assert!(text.ends_with(error.help()), "{text}");
    error
}

#[test]
fn a_target_that_no_directory_can_have_is_named() {
    as_each_user(name!(a_target_that_no_directory_can_have_is_named), || {
        let host = tempfile::tempdir().unwrap();
        for target in [
            "/",
            "relative",
            "",
            "a/..",
            "/a/../b",
            "/..",
            "/proc",
            "/proc/x",
            "/dev",
            "/dev/x",
            "/dev/shm/x",
        ] {
            let error = error(Tier::Full, |confinement| {
                confinement.directories = vec![
                    directory(host.path(), "/fine", true),
                    directory(host.path(), target, true),
                ];
            });
            assert_eq!(
                (error.need(), error.path(), error.errno()),
                (Need::Directory, Some(Path::new(target)), None)
            );
            assert!(error.help().contains("another name"), "{error}");
        }
    });
}

#[test]
fn a_target_in_something_that_is_shown_has_to_be_there() {
    as_each_user(name!(a_target_in_something_that_is_shown_has_to_be_there), || {
        let host = tempfile::tempdir().unwrap();
        for target in ["/usr/no-such-directory", "/usr/bin/no/such", "/work/no-such-directory"] {
            let error = error(Tier::Full, |confinement| {
                confinement.directories = vec![
                    directory(host.path(), "/work", true),
                    directory(host.path(), target, true),
                ];
            });
            assert_eq!((error.need(), error.errno()), (Need::Mount, Some(libc::ENOENT)));
            assert_eq!(error.path(), Some(Path::new(target)));
            assert!(error.help().contains("choose another name"), "{error}");
        }
        assert_eq!(
            std::fs::read_dir(host.path()).unwrap().count(),
            0,
            "something was made in it"
        );
    });
}

#[test]
fn a_path_to_read_that_is_not_there_is_named() {
    as_each_user(name!(a_path_to_read_that_is_not_there_is_named), || {
        let host = tempfile::tempdir().unwrap();
        for tier in TIERS {
            for path in [host.path().join("nothing"), PathBuf::from("/no/such/path")] {
                let error = error(tier, |confinement| confinement.read = vec![path.clone()]);
                assert_eq!(
                    (error.path(), error.errno()),
                    (Some(&*path), Some(libc::ENOENT)),
                    "{tier}"
                );
            }
        }
    });
}

#[test]
fn a_relative_path_to_read_is_named() {
    as_each_user(name!(a_relative_path_to_read_is_named), || {
        let host = tempfile::tempdir().unwrap();
        std::env::set_current_dir(host.path()).unwrap();
        std::fs::write("there", "").unwrap();
        std::fs::create_dir("directory").unwrap();
        for tier in TIERS {
            for path in ["there", "directory", "nothing"] {
                let error = error(tier, |confinement| confinement.read = vec![path.into()]);
                assert_eq!(error.path(), Some(Path::new(path)), "{tier}");
            }
        }
    });
}

#[test]
fn a_failed_build_leaves_no_descriptor_and_no_process() {
    as_each_user(name!(a_failed_build_leaves_no_descriptor_and_no_process), || {
        let host = tempfile::tempdir().unwrap();
        let fail = || {
            error(Tier::Full, |confinement| {
                confinement.directories = vec![
                    directory(host.path(), "/work", true),
                    directory(host.path(), "/usr/nothing", true),
                ];
            })
        };
        fail();
        let before = crate::support::open_descriptors();
        for _ in 0..50 {
            fail();
        }
        assert_eq!(crate::support::open_descriptors(), before);
        // SAFETY: no status is asked for.
        assert_eq!(unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL) }, -1);
    });
}
