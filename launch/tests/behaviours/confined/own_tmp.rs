//! A `/tmp` of its own, of a certain size, that is gone when the child is.

use childproof_launch::Tier;

use super::{Run, as_each_user, directory, is_root, profile};
use crate::support::{block_on, line, name};

#[test]
fn each_child_has_an_empty_tmp_of_its_own() {
    as_each_user(name!(each_child_has_an_empty_tmp_of_its_own), || {
        block_on(async {
            let profile = profile(Tier::Full, |_| {});
            let mark = format!("of-{}", std::process::id());
            let script = format!("ls -A /tmp; echo text > /tmp/{mark} && ls /tmp /var/tmp/ /dev/shm/; sleep 1000");
            let (first, mut said) = Run::shell(&profile, &script).spawn();
            for expected in ["/dev/shm/:", &mark, "", "/tmp:", &mark, "", "/var/tmp/:", &mark] {
                assert_eq!(line(&mut said), expected);
            }
            // It is still there.
            assert_eq!(
                Run::shell(&profile, "ls -A /tmp; stat -c %a /tmp").text().await,
                "1777\n"
            );
            assert!(!std::path::Path::new("/tmp").join(&mark).exists());
            drop(first);
            assert_eq!(Run::shell(&profile, "ls -A /tmp").text().await, "");
        });
    });
}

#[test]
fn its_size_is_limited_in_bytes_and_in_files() {
    as_each_user(name!(its_size_is_limited_in_bytes_and_in_files), || {
        block_on(async {
            let profile = profile(Tier::Full, |confinement| confinement.tmp = 1 << 20);
            let script = "dd if=/dev/zero of=/tmp/large bs=64K count=64 && echo all of it; stat -c %s /tmp/large";
            let (_, said) = Run::shell(&profile, script).output().await;
            assert!(said.contains("No space left on device"), "{said}");
            assert!(!said.contains("all of it"), "{said}");
            assert_eq!(said.lines().last(), Some("1048576"));

            let script = "import errno
count = 0
try:
    while count < 100_000:
        open(f'/tmp/{count}', 'w').close()
        count += 1
except OSError as error: print(error.errno == errno.ENOSPC, 1000 < count < 1100)";
            assert_eq!(Run::python(&profile, script).text().await, "True True\n");
            // The next has all of it again.
            let script = "dd if=/dev/zero of=/tmp/large bs=64K count=16 2>/dev/null && stat -c %s /tmp/large";
            assert_eq!(Run::shell(&profile, script).text().await, "1048576\n");
        });
    });
}

#[test]
fn a_directory_below_tmp_is_shown_in_each_childs_own() {
    as_each_user(name!(a_directory_below_tmp_is_shown_in_each_childs_own), || {
        block_on(async {
            let host = tempfile::tempdir().unwrap();
            for name in ["one", "two", "file"] {
                std::fs::create_dir(host.path().join(name)).unwrap();
            }
            std::fs::write(host.path().join("one/text"), "one\n").unwrap();
            std::fs::write(host.path().join("file/text"), "read\n").unwrap();
            let text = host.path().join("file/text");
            let profile = profile(Tier::Full, |confinement| {
                let (one, two) = (host.path().join("one"), host.path().join("two"));
                confinement.directories = vec![directory(&one, "/tmp/a/b", false), directory(&two, "/tmp/two", true)];
                confinement.read = vec![text.clone()];
            });
            let script = format!(
                "ls -A /tmp /tmp/a; cat /tmp/a/b/text {}; echo new > /tmp/two/new; echo own > /tmp/own && cat /tmp/own
                (echo no > /tmp/a/b/new) 2>/dev/null || echo refused; (echo no > {}) 2>/dev/null || echo refused",
                text.display(),
                text.display()
            );
            let top = host.path().file_name().unwrap().to_str().unwrap();
            let said = Run::shell(&profile, &script).text().await;
            let expected = format!("/tmp:\n{top}\na\ntwo\n\n/tmp/a:\nb\none\nread\nown\nrefused\nrefused\n");
            assert_eq!(said, expected);
            assert_eq!(std::fs::read_to_string(host.path().join("two/new")).unwrap(), "new\n");
            assert!(!std::path::Path::new("/tmp/own").exists());
        });
    });
}

#[test]
fn a_directory_can_be_the_tmp_itself() {
    as_each_user(name!(a_directory_can_be_the_tmp_itself), || {
        block_on(async {
            let host = tempfile::tempdir().unwrap();
            std::fs::create_dir(host.path().join("inner")).unwrap();
            let other = tempfile::tempdir().unwrap();
            std::fs::write(other.path().join("text"), "other\n").unwrap();
            let profile = profile(Tier::Full, |confinement| {
                confinement.directories = vec![
                    directory(other.path(), "/tmp/inner", false),
                    directory(host.path(), "/tmp", true),
                ];
            });
            let said = Run::shell(&profile, "ls -A /tmp; cat /tmp/inner/text; echo new > /tmp/new")
                .text()
                .await;
            assert_eq!(said, "inner\nother\n");
            assert_eq!(Run::shell(&profile, "cat /tmp/new").text().await, "new\n");
            assert_eq!(std::fs::read_to_string(host.path().join("new")).unwrap(), "new\n");
        });
    });
}

#[test]
fn in_the_reduced_tier_there_is_none() {
    as_each_user(name!(in_the_reduced_tier_there_is_none), || {
        block_on(async {
            let profile = profile(Tier::Reduced, |_| {});
            let host = tempfile::NamedTempFile::new().unwrap();
            let path = host.path().to_str().unwrap();
            let script = format!("ls /tmp; cat {path}; echo no > {path}; touch {path}.new; rm {path}; exit 0");
            let said = Run::shell(&profile, &script).text().await;
            assert_eq!(
                said.matches("Permission denied").count(),
                5,
                "as root: {}: {said}",
                is_root()
            );
            assert!(host.path().exists());
        });
    });
}
