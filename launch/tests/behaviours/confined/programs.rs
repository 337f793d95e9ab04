//! What is shown besides, what is hidden, and which programs can be run.

use std::fs;
use std::path::Path;

use childproof_launch::{SpawnErrorKind, Stage, Tier};

use super::{Run, TIERS, as_each_user, directory, is_root, profile};
use crate::support::{block_on, name, write_file};

#[test]
fn files_and_directories_can_be_shown_for_reading() {
    as_each_user(name!(files_and_directories_can_be_shown_for_reading), || {
        block_on(async {
            for tier in TIERS {
                let host = tempfile::tempdir().unwrap();
                fs::create_dir_all(host.path().join("tree/inner")).unwrap();
                for path in ["file", "other", "tree/inner/text"] {
                    write_file(&host.path().join(path), format!("{path}\n"), 0o666);
                }
                let profile = profile(tier, |confinement| {
                    confinement.read = vec![host.path().join("file"), host.path().join("tree")];
                });
                let script = format!(
                    "cd {} 2>/dev/null; for path in file other tree/inner/text; do path={}/$path; cat $path 2>/dev/null
                    (echo changed > $path; rm -f $path; echo changed > $path.new) 2>/dev/null; done; exit 0",
                    host.path().display(),
                    host.path().display()
                );
                let said = Run::shell(&profile, &script).text().await;
                assert_eq!(said, "file\ntree/inner/text\n", "{tier}");
                for path in ["file", "other", "tree/inner/text"] {
                    assert_eq!(
                        fs::read_to_string(host.path().join(path)).unwrap(),
                        format!("{path}\n"),
                        "{tier}"
                    );
                }
                assert!(!host.path().join("tree/inner/text.new").exists(), "{tier}");
            }
        });
    });
}

#[test]
fn a_place_behind_a_link_of_the_root_is_shown_there_or_refused_and_the_host_is_left_alone() {
    as_each_user(
        name!(a_place_behind_a_link_of_the_root_is_shown_there_or_refused_and_the_host_is_left_alone),
        || {
            let host = tempfile::tempdir().unwrap();
            fs::write(host.path().join("text"), "text\n").unwrap();
            let mark = format!("childproof-{}-{}", std::process::id(), is_root());
            for place in ["/var/tmp", "/dev/shm", "/bin", "/lib"] {
                let target = format!("{place}/{mark}");
                let mut confinement = childproof_launch::Confinement::new(Tier::Full);
                confinement.directories = vec![directory(host.path(), &target, true)];
                match confinement.build() {
                    Ok(profile) => {
                        let said = block_on(Run::shell(&profile, &format!("cat {target}/text")).output()).1;
                        assert_eq!(said, "text\n", "{target}");
                    }
                    Err(error) => assert!(error.path().is_some_and(|path| path.ends_with(&mark)), "{error}"),
                }
                for on_host in [target, format!("/tmp/{mark}")] {
                    assert!(
                        fs::symlink_metadata(&on_host).is_err(),
                        "{on_host} was made on the host"
                    );
                }
            }
            // The same, for what is read.
            let (text, below) = (
                tempfile::NamedTempFile::new_in("/var/tmp").unwrap(),
                tempfile::tempdir_in("/var/tmp").unwrap(),
            );
            fs::write(text.path(), "text\n").unwrap();
            fs::write(below.path().join("text"), "text\n").unwrap();
            for (read, shown) in [
                (text.path(), text.path().to_owned()),
                (below.path(), below.path().join("text")),
            ] {
                let mut confinement = childproof_launch::Confinement::new(Tier::Full);
                confinement.read = vec![read.to_owned()];
                match confinement.build() {
                    Ok(profile) => {
                        let said = block_on(Run::program(&profile, "/bin/cat", &[shown.to_str().unwrap()]).output()).1;
                        assert_eq!(said, "text\n");
                    }
                    Err(error) => assert_eq!(error.path(), Some(read), "{error}"),
                }
                assert!(
                    fs::symlink_metadata(Path::new("/tmp").join(read.file_name().unwrap())).is_err(),
                    "made on the host"
                );
            }
        },
    );
}

#[test]
fn what_is_hidden_cannot_be_seen() {
    as_each_user(name!(what_is_hidden_cannot_be_seen), || {
        block_on(async {
            let host = tempfile::tempdir().unwrap();
            fs::create_dir_all(host.path().join("tree/secret/inner")).unwrap();
            for path in ["tree/open", "tree/secret/inner/text", "tree/key"] {
                write_file(&host.path().join(path), format!("{path}\n"), 0o666);
            }
            let at = |path: &str| host.path().join(path);
            let profile = profile(Tier::Full, |confinement| {
                confinement.read = vec![at("tree")];
                confinement.hide = vec![
                    at("tree/secret"),
                    at("tree/key"),
                    at("tree/nothing"),
                    "/usr/share".into(),
                    "/usr/bin/perl".into(),
                    "/etc/ssl".into(),
                ];
            });
            let tree = at("tree");
            let script = format!(
                "cd {}; cat open key; ls -A secret /usr/share; ls -d /etc/ssl; head -c1 /usr/bin/perl; exit 0",
                tree.display()
            );
            let said = Run::shell(&profile, &script).text().await;
            let said: Vec<_> = said.lines().filter(|line| !line.is_empty()).collect();
            let expected = [
                "tree/open",
                "cat: key: Permission denied",
                "/usr/share:",
                "secret:",
                "ls: cannot access '/etc/ssl': No such file or directory",
                "head: cannot open '/usr/bin/perl' for reading: Permission denied",
            ];
            assert_eq!(said, expected);
            // Neither written to nor uncovered.
            let script = format!(
                "cd {}; (echo > secret/new; umount secret; rm -rf secret) 2>/dev/null; ls -A secret",
                tree.display()
            );
            assert_eq!(Run::shell(&profile, &script).text().await, "");
            assert!(at("tree/secret/inner/text").exists() && fs::metadata("/usr/bin/perl").unwrap().len() > 0);
        });
    });
}

#[test]
fn a_link_that_is_hidden_does_not_lead_to_its_file() {
    as_each_user(name!(a_link_that_is_hidden_does_not_lead_to_its_file), || {
        let host = tempfile::tempdir().unwrap();
        fs::create_dir(host.path().join("tree")).unwrap();
        fs::write(host.path().join("tree/text"), "text\n").unwrap();
        let link = host.path().join("tree/link");
        std::os::unix::fs::symlink("text", &link).unwrap();
        let mut confinement = childproof_launch::Confinement::new(Tier::Full);
        confinement.read = vec![host.path().join("tree")];
        confinement.hide = vec![link.clone()];
        match confinement.build() {
            Ok(profile) => {
                let said = block_on(Run::program(&profile, "/bin/cat", &[link.to_str().unwrap()]).output()).1;
                assert!(!said.contains("text\n"), "{said}");
            }
            Err(error) => assert_eq!(error.path(), Some(&*link), "{error}"),
        }
    });
}

#[test]
fn in_the_reduced_tier_a_whole_entry_can_be_hidden_and_a_part_is_refused() {
    as_each_user(
        name!(in_the_reduced_tier_a_whole_entry_can_be_hidden_and_a_part_is_refused),
        || {
            block_on(async {
                let host = tempfile::tempdir().unwrap();
                fs::write(host.path().join("text"), "text\n").unwrap();
                let profile = profile(Tier::Reduced, |confinement| {
                    confinement.read = vec![host.path().to_owned()];
                    confinement.hide = vec![host.path().to_owned(), "/etc/ssl/certs".into()];
                });
                let script = format!("ls /etc/ssl/certs/; cat {}/text; exit 0", host.path().display());
                let said = Run::shell(&profile, &script).text().await;
                assert_eq!(
                    (said.lines().count(), said.matches("Permission denied").count()),
                    (2, 2),
                    "{said}"
                );

                let mut confinement = childproof_launch::Confinement::new(Tier::Reduced);
                confinement.hide = vec!["/usr/share".into()];
                let error = confinement.build().unwrap_err();
                assert_eq!(error.path(), Some(Path::new("/usr/share")));
                assert!(error.help().contains("full tier"), "{error}");
            });
        },
    );
}

#[test]
fn a_program_runs_where_the_child_sees_it() {
    as_each_user(name!(a_program_runs_where_the_child_sees_it), || {
        block_on(async {
            for tier in TIERS {
                let host = tempfile::tempdir().unwrap();
                let at = |name: &str| host.path().join(name).to_str().unwrap().to_owned();
                fs::copy("/bin/echo", at("binary")).unwrap();
                write_file(
                    host.path().join("script").as_path(),
                    "#!/bin/sh\necho \"$0 $1\"\n",
                    0o755,
                );
                fs::create_dir(at("hidden")).unwrap();
                fs::copy("/bin/sh", at("hidden/sh")).unwrap();
                write_file(
                    host.path().join("lost").as_path(),
                    format!("#!{}\necho ran\n", at("hidden/sh")),
                    0o755,
                );
                let nothing = profile(tier, |_| {});
                let error = Run::program(&nothing, &at("binary"), &["hello"])
                    .try_spawn()
                    .unwrap_err();
                match tier {
                    Tier::Full => assert_eq!(
                        (error.stage(), error.kind()),
                        (Stage::Program, &SpawnErrorKind::ProgramNotFound)
                    ),
                    Tier::Reduced => assert_eq!(
                        (error.stage(), error.kind()),
                        (Stage::Exec, &SpawnErrorKind::NotExecutable)
                    ),
                }
                let shown = profile(tier, |confinement| {
                    confinement.read = ["binary", "script", "lost"].map(|name| at(name).into()).to_vec();
                });
                assert_eq!(
                    Run::program(&shown, &at("binary"), &["hello"]).text().await,
                    "hello\n",
                    "{tier}"
                );
                let script = at("script");
                let said = Run::program(&shown, &script, &["hello"]).text().await;
                assert_eq!(said, format!("{script} hello\n"), "{tier}");
                let error = Run::program(&shown, &at("lost"), &[]).try_spawn().unwrap_err();
                let kind = match tier {
                    Tier::Full => SpawnErrorKind::InterpreterNotFound,
                    Tier::Reduced => SpawnErrorKind::NotExecutable,
                };
                assert_eq!((error.stage(), error.kind()), (Stage::Exec, &kind), "{tier}");
            }
        });
    });
}

#[test]
fn another_file_at_the_programs_path_does_not_run() {
    as_each_user(name!(another_file_at_the_programs_path_does_not_run), || {
        let (host, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = host.path().join("program");
        fs::copy("/bin/true", &path).unwrap();
        fs::copy("/bin/true", other.path().join("program")).unwrap();
        let profile = profile(Tier::Full, |confinement| {
            confinement.directories = vec![directory(other.path(), host.path(), true)];
        });
        block_on(async {
            let error = Run::program(&profile, path.to_str().unwrap(), &[])
                .try_spawn()
                .unwrap_err();
            assert_eq!((error.stage(), error.errno()), (Stage::Program, Some(libc::ESTALE)));
            assert_eq!(error.kind(), &SpawnErrorKind::ProgramChanged);
        });
    });
}
