//! Groups that root is in beside its own do not come to its children. Others than root cannot give theirs up.

use std::os::unix::fs::chown;

use super::{Run, TIERS, directory, is_root, profile};
use crate::support::{block_on, in_own_process, name, write_file};

const GROUPS: [libc::gid_t; 3] = [4, 42, 64_242];
/// Nobody has the number.
const OWNER: u32 = 64_241;

fn enter_groups() {
    // SAFETY: the kernel reads so many numbers, which live during the call.
    assert_eq!(unsafe { libc::setgroups(GROUPS.len(), GROUPS.as_ptr()) }, 0);
}

const SCRIPT: &str = "import os, sys
print([group for group in os.getgroups() if group != os.getgid()])
for path in sys.argv[1:]:
    try:
        print(open(path).read())
    except PermissionError:
        print('closed')";

#[test]
fn groups_of_a_root_host_do_not_come_to_its_children() {
    if !is_root() {
        return;
    }
    in_own_process(name!(groups_of_a_root_host_do_not_come_to_its_children), || {
        let host = tempfile::tempdir().unwrap();
        let [open, closed] = ["open", "closed"].map(|name| host.path().join(name));
        write_file(&open, "open", 0o644);
        write_file(&closed, "secret", 0o640);
        chown(&closed, Some(OWNER), Some(GROUPS[2])).unwrap();
        chown(host.path(), Some(0), Some(0)).unwrap();
        std::fs::set_permissions(host.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let [open, closed] = [&open, &closed].map(|path| path.to_str().unwrap());
        block_on(async {
            for tier in TIERS {
                // A profile from before, one from between, and one from after, as a host may join groups at any time.
                let make = || {
                    profile(tier, |confinement| {
                        confinement.directories = vec![directory(host.path(), host.path(), false)];
                    })
                };
                let before = make();
                let run = |profile| Run::program(profile, "/usr/bin/python3", &["-c", SCRIPT, open, closed]);
                assert_eq!(run(&before).text().await, "[]\nopen\nclosed\n", "{tier}");
                let between = make();
                enter_groups();
                let after = make();
                for profile in [&before, &between, &after] {
                    for _ in 0..2 {
                        assert_eq!(run(profile).text().await, "[]\nopen\nclosed\n", "{tier}");
                    }
                    if profile.has_proc() {
                        let said = Run::shell(profile, "grep ^Groups: /proc/self/status").text().await;
                        assert!(["", "0"].contains(&said["Groups:".len()..].trim()), "{tier}: {said}");
                    }
                }
                // The host has kept them.
                let mut kept = [0; 8];
                // SAFETY: the kernel writes as many numbers at most.
                let count = unsafe { libc::getgroups(kept.len() as i32, kept.as_mut_ptr()) };
                assert_eq!(kept[..count as usize], GROUPS, "{tier}");
                // SAFETY: no list where its length is 0.
                assert_eq!(unsafe { libc::setgroups(0, std::ptr::null()) }, 0);
            }
        });
    });
}
