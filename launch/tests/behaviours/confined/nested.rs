//! Directories in directories, and a guest that makes links in them while it runs, by its children or by itself: it is shown
//! what it was shown, and no more.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use childproof_launch::{Confinement, Profile, SpawnError, Tier};
use tempfile::TempDir;

use super::{Run, as_each_user, directory, profile, until_all_has_ended};
use crate::support::{block_on, name};

/// Directories of the host, each with a file `text` that says its name: `outer`, in which are places to show others at,
/// `inner` and `fixed`, and `secret`, which is not shown.
struct Host(TempDir);

impl Host {
    fn new() -> Host {
        let host = Host(tempfile::tempdir().unwrap());
        for name in ["outer", "inner", "fixed", "secret"] {
            fs::create_dir(host.at(name)).unwrap();
            fs::write(host.at(name).join("text"), format!("{name}\n")).unwrap();
        }
        fs::create_dir(host.at("outer/inner")).unwrap();
        fs::create_dir(host.at("outer/fixed")).unwrap();
        host
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// `outer` at `/work`, and in it `inner`, both to be written to, and `fixed`.
    fn nested(&self) -> Profile {
        profile(Tier::Full, |confinement| {
            confinement.directories = vec![
                directory(&self.at("outer"), "/work", true),
                directory(&self.at("inner"), "/work/inner", true),
                directory(&self.at("fixed"), "/work/fixed", false),
            ];
        })
    }

    /// The same at `/work`, but `inner` at `/view`, which is `outer` once more, to be read only.
    fn seen_twice(&self) -> Profile {
        profile(Tier::Full, |confinement| {
            confinement.directories = vec![
                directory(&self.at("outer"), "/work", true),
                directory(&self.at("outer"), "/view", false),
                directory(&self.at("inner"), "/view/inner", true),
                directory(&self.at("fixed"), "/fixed", false),
            ];
        })
    }

    /// Moves the place where `inner` is shown to `gone`, as a guest can that writes to `outer` without a child's help.
    fn replace_inner(&self, replacement: &Replacement) {
        let place = self.at("outer/inner");
        fs::rename(&place, self.at("outer/gone")).unwrap();
        match *replacement {
            Replacement::Nothing => {}
            Replacement::File => fs::write(place, "").unwrap(),
            Replacement::Link(target) => symlink(target, place).unwrap(),
            Replacement::LinkToSecret => symlink(self.at("secret"), place).unwrap(),
        }
    }
}

/// What comes in the place of a directory.
#[derive(Debug)]
enum Replacement {
    Nothing,
    File,
    Link(&'static str),
    LinkToSecret,
}

const REPLACEMENTS: &[Replacement] = &[
    Replacement::Nothing,
    Replacement::File,
    Replacement::LinkToSecret,
    Replacement::Link("../secret"),
    Replacement::Link(".."),
    Replacement::Link("/"),
    Replacement::Link("/usr"),
    Replacement::Link("/etc"),
    Replacement::Link("/dev"),
    Replacement::Link("/proc"),
    Replacement::Link("/tmp"),
    Replacement::Link("/fixed"),
    Replacement::Link("/work"),
    Replacement::Link("/work/fixed"),
    Replacement::Link("/no/such/place"),
];

/// Links that lead to themselves.
const LOOPS: &[Replacement] = &[Replacement::Link("inner"), Replacement::Link("/work/inner")];

/// The places of those that a child can make a file in, and the files that it can read.
async fn authority(profile: &Profile, places: &[&str], files: &[&str]) -> String {
    let script = format!(
        "for place in {}; do (mkdir $place/new && rmdir $place/new) 2>/dev/null && echo $place; done
        cat {} 2>/dev/null; exit 0",
        places.join(" "),
        files.join(" ")
    );
    Run::shell(profile, &script).text().await
}

/// What no child can write to.
const CLOSED: &[&str] = &["/", "/usr", "/usr/lib", "/etc", "/dev", "/proc", "/fixed", "/view"];

#[test]
fn links_that_children_make_in_nested_directories_give_the_next_child_no_more() {
    as_each_user(
        name!(links_that_children_make_in_nested_directories_give_the_next_child_no_more),
        || {
            block_on(async {
                let host = Host::new();
                let profile = host.nested();
                let secret = host.at("secret");
                let places = [
                    CLOSED,
                    &["/work", "/work/inner", "/work/fixed", secret.to_str().unwrap()],
                ]
                .concat();
                let links = [
                    "/work/loop",
                    "/work/out",
                    "/work/usr",
                    "/work/usr/lib",
                    "/work/up",
                    "/work/inner/loop",
                ];
                let through = [&places[..], &links].concat();
                let files = [
                    "/work/text",
                    "/work/inner/text",
                    "/work/fixed/text",
                    "/work/out/text",
                    "/work/up/secret/text",
                ];
                let before = authority(&profile, &through, &files).await;
                assert_eq!(before, "/work\n/work/inner\nouter\ninner\nfixed\n");
                // What something is shown at stays where it is. The rest is the guest's own.
                let script = format!(
                    "cd /work; for way in 'mv inner gone' 'rmdir inner' 'mv fixed gone' 'rmdir fixed' 'mv inner fixed'; do
                        $way 2>/dev/null && echo $way
                    done
                    mkdir loop && rmdir loop && ln -s /work/loop loop
                    ln -s {} out && ln -s /usr usr && ln -s .. up && ln -s loop inner/loop",
                    secret.display()
                );
                assert_eq!(Run::shell(&profile, &script).text().await, "");
                // The first one was prepared before there were links.
                for _ in 0..3 {
                    assert_eq!(authority(&profile, &through, &files).await, before);
                }
            });
        },
    );
}

#[test]
fn in_the_reduced_tier_a_directory_that_was_replaced_by_a_link_gives_the_next_child_no_more() {
    as_each_user(
        name!(in_the_reduced_tier_a_directory_that_was_replaced_by_a_link_gives_the_next_child_no_more),
        || {
            block_on(async {
                let host = Host::new();
                let at = |path: &str| host.at(path).display().to_string();
                let (outer, inner, secret) = (at("outer"), at("outer/inner"), at("secret"));
                let profile = profile(Tier::Reduced, |confinement| {
                    confinement.directories = vec![
                        directory(&host.at("outer"), &outer, true),
                        directory(&host.at("outer/inner"), &inner, true),
                    ];
                });
                let (gone, looped) = (at("outer/gone"), at("outer/loop"));
                let places = [&outer, &inner, &gone, &looped, &secret].map(String::as_str);
                let files = [at("outer/text"), at("outer/inner/text"), at("secret/text")];
                let files = files.each_ref().map(String::as_str);
                assert_eq!(
                    authority(&profile, &places, &files).await,
                    format!("{outer}\n{inner}\nouter\n")
                );
                let script = format!("cd {outer} && mv inner gone && ln -s {secret} inner && ln -s loop loop");
                Run::shell(&profile, &script).text().await;
                for _ in 0..3 {
                    assert_eq!(
                        authority(&profile, &places, &files).await,
                        format!("{outer}\n{gone}\nouter\n")
                    );
                }
            });
        },
    );
}

#[test]
fn a_place_that_the_guest_replaces_gives_the_next_child_no_more() {
    as_each_user(
        name!(a_place_that_the_guest_replaces_gives_the_next_child_no_more),
        || {
            block_on(async {
                for replacement in REPLACEMENTS.iter().chain(LOOPS) {
                    let host = Host::new();
                    let profile = host.nested();
                    let secret = host.at("secret");
                    let secret = secret.to_str().unwrap();
                    let places = [CLOSED, &["/work", "/work/fixed", secret, "/work/gone"]].concat();
                    let files = [
                        "/work/text",
                        "/work/gone/text",
                        "/work/inner/secret/text",
                        "/work/secret/text",
                    ];
                    assert_eq!(authority(&profile, &places, &files).await, "/work\nouter\n");
                    host.replace_inner(replacement);
                    for _ in 0..3 {
                        // What is shown there goes where the place has gone.
                        let said = authority(&profile, &places, &files).await;
                        assert_eq!(said, "/work\n/work/gone\nouter\ninner\n", "{replacement:?}");
                    }
                    drop(profile);
                }
                until_all_has_ended();
            });
        },
    );
}

#[test]
fn a_place_that_is_writable_elsewhere_and_that_the_guest_replaces_gives_the_next_child_no_more() {
    as_each_user(
        name!(a_place_that_is_writable_elsewhere_and_that_the_guest_replaces_gives_the_next_child_no_more),
        || {
            block_on(async {
                for replacement in REPLACEMENTS {
                    assert_has_no_more_where_it_is_seen_twice(replacement).await;
                }
                until_all_has_ended();
            });
        },
    );
}

/// `outer` is seen twice, and the place of `inner` in it replaced.
async fn assert_has_no_more_where_it_is_seen_twice(replacement: &Replacement) {
    let host = Host::new();
    let profile = host.seen_twice();
    let secret = host.at("secret");
    let places = [CLOSED, &["/work", secret.to_str().unwrap(), "/view/fixed"]].concat();
    let files = [
        "/work/text",
        "/view/text",
        "/view/inner/secret/text",
        "/view/secret/text",
    ];
    assert_eq!(authority(&profile, &places, &files).await, "/work\nouter\nouter\n");
    host.replace_inner(replacement);
    for _ in 0..3 {
        let said = authority(&profile, &places, &files).await;
        assert_eq!(said, "/work\nouter\nouter\n", "{replacement:?}");
    }
}

#[test]
fn a_loop_where_a_directory_was_shown_keeps_no_child_from_starting() {
    as_each_user(
        name!(a_loop_where_a_directory_was_shown_keeps_no_child_from_starting),
        || {
            block_on(async {
                for replacement in LOOPS {
                    assert_has_no_more_where_it_is_seen_twice(replacement).await;
                }
                until_all_has_ended();
            });
        },
    );
}

#[test]
fn a_link_where_a_directory_is_to_be_shown_leads_it_nowhere_else() {
    as_each_user(
        name!(a_link_where_a_directory_is_to_be_shown_leads_it_nowhere_else),
        || {
            block_on(async {
                let mut wrong = Vec::new();
                for target in [
                    "/etc",
                    "/usr/lib",
                    "/usr/bin",
                    "/dev",
                    "/proc",
                    "/tmp",
                    "/",
                    "/work/fixed",
                    "/other",
                ] {
                    let host = Host::new();
                    fs::create_dir(host.at("other")).unwrap();
                    fs::write(host.at("other/text"), "other\n").unwrap();
                    // The guest did it, in an earlier run or before its first child, which the profile is built for.
                    fs::remove_dir(host.at("outer/inner")).unwrap();
                    symlink(target, host.at("outer/inner")).unwrap();
                    let mut confinement = Confinement::new(Tier::Full);
                    confinement.directories = vec![
                        directory(&host.at("outer"), "/work", true),
                        directory(&host.at("inner"), "/work/inner", true),
                        directory(&host.at("fixed"), "/work/fixed", false),
                        directory(&host.at("other"), "/other", false),
                    ];
                    match confinement.build() {
                        Err(error) => assert_eq!(error.path(), Some(Path::new("/work/inner")), "{error}"),
                        Ok(profile) => match seen(&profile).await {
                            Ok(said) if said == "fixed\nother\n" => {}
                            said => wrong.push((target, said)),
                        },
                    }
                }
                assert!(wrong.is_empty(), "{wrong:#?}");
                until_all_has_ended();
            });
        },
    );
}

/// What the files `text` say that a child sees at places of the system, and where others than `inner` are shown.
async fn seen(profile: &Profile) -> Result<String, SpawnError> {
    let script = "for place in /etc /usr/lib /usr/bin /dev /proc /tmp '' /work/fixed /other; do cat $place/text 2>/dev/null; done; exit 0";
    let (child, said) = Run::shell(profile, script).try_spawn()?;
    child.wait().await.unwrap();
    Ok(io::read_to_string(said).unwrap())
}
