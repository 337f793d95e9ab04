//! The control group of this process, and what its machine lacks.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::process::geteuid;

use crate::{ControlGroupNeed as Need, NoControlGroups};

/// A group: where cgroup v2 is mounted, and the way from there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    mount: PathBuf,
    below: PathBuf,
}

impl Place {
    pub(super) fn path(&self) -> PathBuf {
        // A join with nothing ends in a slash.
        match self.below.as_os_str().is_empty() {
            true => self.mount.clone(),
            false => self.mount.join(&self.below),
        }
    }

    /// The group above it, if the mount shows it.
    pub(super) fn parent(&self) -> Option<PathBuf> {
        self.below.parent().map(|above| {
            Place {
                mount: self.mount.clone(),
                below: above.to_owned(),
            }
            .path()
        })
    }
}

/// The group of this process.
pub(super) fn own() -> Result<Place, NoControlGroups> {
    let none = || NoControlGroups {
        need: Need::Mount,
        path: None,
        errno: None,
        help: help(Need::Mount),
    };
    let (Ok(groups), Ok(mounts)) = (fs::read("/proc/self/cgroup"), fs::read("/proc/self/mountinfo")) else {
        return Err(none());
    };
    let group = own_group(&groups).ok_or_else(none)?;
    let place = mounts.split(|byte| *byte == b'\n').find_map(|line| place(line, &group));
    place.ok_or_else(none)
}

/// What `/proc/self/cgroup` says of cgroup v2: the line that begins with `0::`.
fn own_group(groups: &[u8]) -> Option<PathBuf> {
    let mut lines = groups.split(|byte| *byte == b'\n');
    lines.find_map(|line| line.strip_prefix(b"0::")).map(path)
}

/// Where a mount shows a group, if it does. The line is one of `/proc/self/mountinfo`: see proc_pid_mountinfo(5).
fn place(line: &[u8], group: &Path) -> Option<Place> {
    let mut fields = line.split(|byte| *byte == b' ');
    let root = path(&unescape(fields.nth(3)?));
    let mount = path(&unescape(fields.next()?));
    let mut rest = fields.skip_while(|field| *field != b"-");
    if rest.nth(1) != Some(b"cgroup2") {
        return None;
    }
    let below = group.strip_prefix(&root).ok()?;
    // A group outside of this process' own namespace begins with `..`.
    let is_plain = below
        .components()
        .all(|component| matches!(component, Component::Normal(_)));
    is_plain.then(|| Place {
        mount,
        below: below.to_owned(),
    })
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_owned()))
}

/// Blanks, tabs, line feeds and backslashes are written as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| {
        byte.filter(|byte| (b'0'..=b'7').contains(byte))
            .map(|byte| u16::from(byte - b'0'))
    };
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        let number = match (first, digit(after.first()), digit(after.get(1)), digit(after.get(2))) {
            (b'\\', Some(a), Some(b), Some(c)) => u8::try_from(a * 64 + b * 8 + c).ok(),
            _ => None,
        };
        plain.push(number.unwrap_or(*first));
        rest = match number {
            Some(_) => after.get(3..).unwrap_or_default(),
            None => after,
        };
    }
    plain
}

/// What would bring it.
pub(super) fn help(need: Need) -> String {
    let manager = if geteuid().is_root() { "--system" } else { "--user" };
    let unit = format!(
        "start it in a group of its own: systemd-run {manager} --pty --same-dir -p Delegate=yes -p DelegateSubgroup=host COMMAND, or, in a \
         unit's [Service], Delegate=yes and DelegateSubgroup=host (systemd 254)"
    );
    match need {
        Need::Mount => {
            "mount it: mount -t cgroup2 none /sys/fs/cgroup; or boot with systemd.unified_cgroup_hierarchy=1".to_owned()
        }
        Need::Controllers => format!("the group above does not hand them on; {unit}"),
        Need::Delegation | Need::Subgroup => match Path::new("/run/systemd/system").exists() {
            true => unit,
            false => {
                "make a group, give it to this user, and start this process in a group below it; in a container, mount \
                      cgroup v2 writable"
                    .to_owned()
            }
        },
        Need::Platform | Need::Group => String::new(),
    }
}

/// What to do about controllers that no group of cgroup v2 can have on this machine. None if there are none of those.
pub(super) fn controllers_elsewhere() -> Option<String> {
    let table = fs::read_to_string("/proc/cgroups").ok()?;
    let of = |wanted: &str| {
        let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        // Name, number of its hierarchy, number of its groups, whether it is switched on.
        lines.find_map(|fields| match fields[..] {
            [name, hierarchy, _, enabled] if name == wanted => Some((hierarchy != "0", enabled == "1")),
            _ => None,
        })
    };
    super::CONTROLLERS.into_iter().find_map(|controller| match of(controller) {
        Some((true, _)) => Some(format!(
            "cgroup v1 has the controller {controller}: boot with systemd.unified_cgroup_hierarchy=1, or with cgroup_no_v1=all"
        )),
        Some((false, false)) => Some(format!(
            "the controller {controller} is switched off: boot with cgroup_enable={controller}"
        )),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_of(line: &str, group: &str) -> Option<Place> {
        place(line.as_bytes(), Path::new(group))
    }

    #[test]
    fn a_group_is_found_below_its_mount() {
        let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
        let found = place_of(unified, "/user.slice/a b").unwrap();
        assert_eq!(found.path(), Path::new("/sys/fs/cgroup/user.slice/a b"));
        assert_eq!(found.parent(), Some("/sys/fs/cgroup/user.slice".into()));
        let top = place_of(unified, "/").unwrap();
        assert_eq!((top.path(), top.parent()), ("/sys/fs/cgroup".into(), None));
        let below_top = place_of(unified, "/x").unwrap();
        assert_eq!(below_top.parent(), Some("/sys/fs/cgroup".into()));
    }

    #[test]
    fn a_mount_may_show_a_part_and_have_optional_fields() {
        let part = r"30 23 0:26 /a /mnt/my\040groups rw shared:4 master:2 - cgroup2 none rw";
        assert_eq!(place_of(part, "/a/b").unwrap().path(), Path::new("/mnt/my groups/b"));
        assert_eq!(place_of(part, "/ab"), None);
        assert_eq!(place_of(part, "/../x"), None);
    }

    #[test]
    fn other_mounts_are_none() {
        for line in [
            "",
            "30 23",
            "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
            "30 23 0:26 / /cgroup2 rw - tmpfs cgroup2 rw",
            "30 23 0:26 /.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
        ] {
            assert_eq!(place_of(line, "/a"), None, "{line}");
        }
    }

    #[test]
    fn the_group_of_this_process_is_that_of_the_second_version() {
        let hybrid = b"4:memory:/x\n1:name=systemd:/\n0::/user.slice\n";
        assert_eq!(own_group(hybrid), Some("/user.slice".into()));
        assert_eq!(own_group(b"4:memory:/x\n"), None);
    }

    #[test]
    fn what_is_escaped_is_read_and_nothing_else() {
        assert_eq!(unescape(br"a\040b\134c"), br"a b\c");
        assert_eq!(unescape(br"\04\999\777\"), br"\04\999\777\");
    }
}
