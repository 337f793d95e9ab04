//! Directories that a child works in: where they are shown, what may be done in them, and which ones they are.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use childproof_launch::{Directory, SpawnErrorKind, Stage, Tier};

use super::{Run, TIERS, as_each_user, directory, profile, user};
use crate::support::{block_on, name, write_file};

#[test]
fn what_a_child_writes_belongs_to_the_hosts_user() {
    as_each_user(name!(what_a_child_writes_belongs_to_the_hosts_user), || {
        block_on(async {
            let host = tempfile::tempdir().unwrap();
            write_file(&host.path().join("text"), "text\n", 0o600);
            for (tier, path) in [
                (Tier::Full, "/work/here"),
                (Tier::Reduced, host.path().to_str().unwrap()),
            ] {
                let profile = profile(tier, |confinement| {
                    confinement.directories = vec![directory(host.path(), path, true)]
                });
                let script = format!("cd {path} && cat text && test -O text && test -O . && mkdir {tier} && echo {tier} > {tier}/new
                    ln {tier}/new {tier}/second && mv {tier}/second moved && chmod 640 moved && rm {tier}/new && stat -c %u text");
                let inside = if tier == Tier::Full && user() == 0 {
                    1000
                } else {
                    user()
                };
                assert_eq!(Run::shell(&profile, &script).text().await, format!("text\n{inside}\n"));
                let metadata = fs::metadata(host.path().join("moved")).unwrap();
                assert_eq!((metadata.uid(), metadata.mode() & 0o777), (user(), 0o640));
                assert_eq!(
                    fs::read_to_string(host.path().join("moved")).unwrap(),
                    format!("{tier}\n")
                );
                assert_eq!(fs::metadata(host.path().join(tier.to_string())).unwrap().uid(), user());
            }
        });
    });
}

/// What would change a directory, or a file in it.
const CHANGES: &[&str] = &[
    "echo no > file",
    "echo no >> file",
    "truncate -s 0 file",
    "echo no > new",
    "mkdir new",
    "ln -s file new",
    "ln file new",
    "mkfifo new",
    "mv file new",
    "rm file",
    "rmdir inner",
];
/// What the reduced tier does not keep it from.
const CHANGES_OF_STATE: &[&str] = &["chmod 600 file", "touch -d 2001-01-01 file", "chmod 700 .", "touch ."];

#[test]
fn a_read_only_directory_stays_as_it_is() {
    as_each_user(name!(a_read_only_directory_stays_as_it_is), || {
        block_on(async {
            for tier in TIERS {
                let host = tempfile::tempdir().unwrap();
                fs::create_dir(host.path().join("inner")).unwrap();
                write_file(&host.path().join("file"), "file\n", 0o666);
                fs::set_permissions(host.path(), fs::Permissions::from_mode(0o777)).unwrap();
                let state = || {
                    let of = |path: &str| {
                        let metadata = fs::metadata(host.path().join(path)).unwrap();
                        (
                            metadata.mode(),
                            metadata.size(),
                            metadata.mtime_nsec(),
                            metadata.ctime_nsec(),
                            metadata.nlink(),
                        )
                    };
                    [of("."), of("file"), of("inner")]
                };
                let before = state();
                let path = host.path().to_str().unwrap();
                let mut changes = CHANGES.to_vec();
                if tier == Tier::Full {
                    changes.extend(CHANGES_OF_STATE);
                }
                let read_only = profile(tier, |confinement| {
                    confinement.directories = vec![directory(host.path(), path, false)]
                });
                for change in &changes {
                    let script = format!("cd {path} && cat file && ls && ({change}) && echo changed; exit 0");
                    let said = Run::shell(&read_only, &script).text().await;
                    let why = if tier == Tier::Full {
                        "Read-only file system"
                    } else {
                        "Permission denied"
                    };
                    assert!(said.starts_with("file\nfile\ninner\n"), "{tier}: {change}: {said}");
                    assert!(
                        said.contains(why) && !said.contains("changed"),
                        "{tier}: {change}: {said}"
                    );
                }
                assert_eq!(state(), before, "{tier}");

                // Each of them can be done where writing is allowed.
                for change in &changes {
                    let fresh = tempfile::tempdir().unwrap();
                    fs::create_dir(fresh.path().join("inner")).unwrap();
                    write_file(&fresh.path().join("file"), "file\n", 0o666);
                    let path = fresh.path().to_str().unwrap();
                    let set_up = |confinement: &mut childproof_launch::Confinement| {
                        confinement.directories = vec![directory(fresh.path(), path, true)];
                    };
                    Run::shell(&profile(tier, set_up), &format!("cd {path} && {change}"))
                        .text()
                        .await;
                }
            }
        });
    });
}

#[test]
fn a_directory_in_a_directory_has_its_own_permissions() {
    as_each_user(name!(a_directory_in_a_directory_has_its_own_permissions), || {
        block_on(async {
            let (outer, inner) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            for place in ["writable", "read-only"] {
                fs::create_dir(outer.path().join(place)).unwrap();
            }
            fs::write(inner.path().join("text"), "inner\n").unwrap();
            for (writable, place) in [(true, "writable"), (false, "read-only")] {
                // In whatever order they come.
                let profile = profile(Tier::Full, |confinement| {
                    confinement.directories = vec![
                        directory(inner.path(), format!("/srv/work/{place}"), writable),
                        directory(outer.path(), "/srv/work", !writable),
                    ];
                });
                let script = format!(
                    "cd /srv/work; ls -A; cat {place}/text; for path in {place}/{place} {place}; do
                    (echo > $path.new) 2>/dev/null && echo wrote $path; done; exit 0"
                );
                let said = Run::shell(&profile, &script).text().await;
                let wrote = if writable { "writable/writable" } else { "read-only" };
                assert!(said.starts_with("read-only\nwritable\n"), "{said}");
                assert!(said.ends_with(&format!("inner\nwrote {wrote}\n")), "{said}");
            }
            // Nothing was made in what lies below.
            assert_eq!(fs::read_dir(outer.path().join("writable")).unwrap().count(), 0);
        });
    });
}

#[test]
fn it_is_the_directory_that_was_opened_whatever_happens_to_its_path() {
    as_each_user(
        name!(it_is_the_directory_that_was_opened_whatever_happens_to_its_path),
        || {
            block_on(async {
                for tier in TIERS {
                    let host = tempfile::tempdir().unwrap();
                    let at = |name: &str| host.path().join(name);
                    let put = |name: &str| {
                        fs::create_dir(at(name)).unwrap();
                        fs::write(at(name).join("text"), format!("{name}\n")).unwrap();
                    };
                    put("opened");
                    let opened = directory(&at("opened"), "/work", true);
                    // Before the profile is built, and after.
                    fs::rename(at("opened"), at("moved")).unwrap();
                    put("other");
                    fs::rename(at("other"), at("opened")).unwrap();
                    let profile = profile(tier, |confinement| confinement.directories = vec![opened]);
                    fs::rename(at("moved"), at("moved-again")).unwrap();
                    let (seen, others) = match tier {
                        Tier::Full => ("/work".into(), "/work".into()),
                        Tier::Reduced => (at("moved-again"), at("opened")),
                    };
                    let script = format!("cat {}/text", seen.display());
                    assert_eq!(Run::shell(&profile, &script).text().await, "opened\n", "{tier}");
                    if tier == Tier::Reduced {
                        let script = format!("cat {}/text 2>/dev/null || echo refused", others.display());
                        assert_eq!(Run::shell(&profile, &script).text().await, "refused\n");
                    }
                }
            });
        },
    );
}

#[test]
fn a_directory_that_was_removed_is_empty_or_refused_and_not_another() {
    as_each_user(
        name!(a_directory_that_was_removed_is_empty_or_refused_and_not_another),
        || {
            let host = tempfile::tempdir().unwrap();
            let path = host.path().join("gone");
            fs::create_dir(&path).unwrap();
            let source = File::open(&path).unwrap();
            fs::remove_dir(&path).unwrap();
            fs::create_dir(&path).unwrap();
            fs::write(path.join("text"), "another\n").unwrap();
            let mut confinement = childproof_launch::Confinement::new(Tier::Full);
            confinement.directories = vec![Directory {
                source: source.into(),
                target: "/work".into(),
                writable: true,
            }];
            match confinement.build() {
                Ok(profile) => assert_eq!(block_on(Run::shell(&profile, "ls -A /work").text()), ""),
                Err(error) => assert_eq!(error.path(), Some(std::path::Path::new("/work")), "{error}"),
            }
        },
    );
}

#[test]
fn a_child_works_in_the_directory_that_was_given() {
    as_each_user(name!(a_child_works_in_the_directory_that_was_given), || {
        block_on(async {
            let host = tempfile::tempdir().unwrap();
            fs::create_dir_all(host.path().join("one/sub")).unwrap();
            fs::create_dir(host.path().join("two")).unwrap();
            fs::write(host.path().join("one/file"), "").unwrap();
            let (one, sub) = (host.path().join("one"), host.path().join("one/sub"));
            let (opened, opened_sub) = (File::open(&one).unwrap(), File::open(&sub).unwrap());
            let two = File::open(host.path().join("two")).unwrap();
            let reduced = profile(Tier::Reduced, |confinement| {
                confinement.directories = vec![directory(&one, "/work", true)]
            });
            let pwd = |profile| Run::program(profile, "/bin/pwd", &["-P"]);
            let text = pwd(&reduced)
                .current_dir(opened_sub.as_fd())
                .inside("/nowhere")
                .text()
                .await;
            assert_eq!(text, format!("{}\n", fs::canonicalize(&sub).unwrap().display()));
            // What it may not see it cannot see from there either.
            let script = "ls . 2>/dev/null || echo refused";
            let said = Run::shell(&reduced, script).current_dir(two.as_fd()).text().await;
            assert_eq!(said, "refused\n");

            let full = profile(Tier::Full, |confinement| {
                confinement.directories = vec![directory(&one, "/work", true)]
            });
            assert_eq!(pwd(&full).text().await, "/\n");
            assert_eq!(
                pwd(&full).current_dir(opened.as_fd()).inside("/work").text().await,
                "/work\n"
            );
            assert_eq!(
                pwd(&full)
                    .current_dir(opened_sub.as_fd())
                    .inside("/work/sub")
                    .text()
                    .await,
                "/work/sub\n"
            );
            let fails = |descriptor: &File, inside: Option<&str>| {
                let mut run = pwd(&full).current_dir(descriptor.as_fd());
                run.inside = inside.map(Into::into);
                let error = run.try_spawn().unwrap_err();
                assert_eq!(error.stage(), Stage::WorkingDirectory, "{error}");
                (error.errno().unwrap(), error.kind().clone())
            };
            assert_eq!(fails(&two, Some("/work")), (libc::ESTALE, SpawnErrorKind::Other));
            assert_eq!(fails(&opened_sub, Some("/work")), (libc::ESTALE, SpawnErrorKind::Other));
            assert_eq!(
                fails(&opened, Some("/elsewhere")),
                (libc::ENOENT, SpawnErrorKind::DirectoryNotFound)
            );
            assert_eq!(
                fails(&opened, Some("/work/file")),
                (libc::ENOTDIR, SpawnErrorKind::NotADirectory)
            );
            assert_eq!(fails(&opened, None).0, libc::EINVAL);
            // After all of that it goes on as before.
            assert_eq!(
                pwd(&full).current_dir(opened.as_fd()).inside("/work").text().await,
                "/work\n"
            );
        });
    });
}
