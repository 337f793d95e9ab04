//! Where a confined child finds a directory of its guest: the guest's name for it, as a path from the child's root.

use std::path::{Component, Path, PathBuf};

/// Where the directory lies that the guest has no name for but `.`.
const UNNAMED: &str = "/work";

/// What is the child's own, and nothing of the guest's.
const RESERVED: [&str; 2] = ["/proc", "/dev"];

/// The place of a preopen in the root of a child, or what is wrong with its name and what to do.
pub(crate) fn place(guest_path: &str) -> Result<PathBuf, String> {
    let help = "for the processes of this policy, which see the guest's directories by the guest's names; give it another name, \
                as in HOST::GUEST, or name the tier reduced or none, in which they see the host's names";
    let fail = |why: &str| Err(format!("{why} {help}"));
    if guest_path.contains('\0') {
        return fail("a name with a NUL cannot be a path");
    }
    let name = Path::new(guest_path);
    let mut place = PathBuf::from("/");
    for component in name.components() {
        match component {
            Component::Normal(part) => place.push(part),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return fail("a name with \"..\" has no place"),
        }
    }
    if place == Path::new("/") {
        return match name.is_absolute() {
            true => fail("a directory cannot be the root"),
            false => Ok(PathBuf::from(UNNAMED)),
        };
    }
    match RESERVED.iter().any(|reserved| place.starts_with(reserved)) {
        true => fail("a directory cannot lie in /proc or /dev"),
        false => Ok(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_one_place() {
        for (name, expected) in [
            ("/data", "/data"),
            ("/data/", "/data"),
            ("//srv/./data", "/srv/data"),
            ("data", "/data"),
            ("./data/sub", "/data/sub"),
            (".", "/work"),
            ("", "/work"),
            ("./", "/work"),
            ("/tmp", "/tmp"),
            ("/device", "/device"),
            ("...", "/..."),
        ] {
            // Equal paths of different spelling compare as equal.
            assert_eq!(place(name).unwrap().to_str(), Some(expected), "{name:?}");
        }
    }

    #[test]
    fn a_name_that_has_no_place_is_refused_with_what_to_do() {
        for (name, why) in [
            ("/", "the root"),
            ("//", "the root"),
            ("/.", "the root"),
            ("..", "\"..\""),
            ("../data", "\"..\""),
            ("/data/../etc", "\"..\""),
            ("/proc", "/proc or /dev"),
            ("proc/self", "/proc or /dev"),
            ("/dev/shm", "/proc or /dev"),
            ("/a\0b", "NUL"),
        ] {
            let message = place(name).unwrap_err();
            assert!(
                message.contains(why) && message.contains("HOST::GUEST"),
                "{name:?}: {message}"
            );
        }
    }
}
