//! Guest paths: which preopened directory holds a path, and where below it.
//!
//! The rules are those that std's own file functions follow on this target, so that a path means the same thing to
//! `std::fs` and to this crate. A preopen named `.` stands for the root, the longest matching preopen wins, and of two of
//! the same name the later one. `..` is left for the host to resolve: it alone knows the symbolic links, and refuses what
//! leaves the directory.

use std::env;
use std::path::Path;

use crate::error::Error;

/// A place below a directory that the guest holds, by a descriptor as the flavour of the interface has it.
#[derive(Debug)]
pub(crate) struct Place<D> {
    pub(crate) directory: D,
    /// A relative path, or none for the directory itself.
    pub(crate) path: Option<String>,
}

/// Why a path has no place. The text is for a person and names the path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unplaced(pub(crate) String);

/// Finds the one of the preopened directories, which `preopens` asks the host for, that holds `path`. A relative path is
/// taken from the guest's current directory, that of `std::env::current_dir`.
pub(crate) fn place<D>(path: &Path, preopens: impl FnOnce() -> Vec<(D, String)>) -> Result<Place<D>, Unplaced> {
    let path = path.to_str().ok_or_else(|| Unplaced("the path is not UTF-8".into()))?;
    let current = env::current_dir().ok();
    let current = current.as_deref().and_then(Path::to_str).unwrap_or("/");
    crate::assert_in_component();
    let mut directories = preopens();
    let names: Vec<&str> = directories.iter().map(|(_, name)| name.as_str()).collect();
    let (index, path) = locate(current, path, &names)?;
    Ok(Place {
        directory: directories.swap_remove(index).0,
        path,
    })
}

/// The [`place`] of a command's working directory, if it has one.
pub(crate) fn working_directory<D>(
    path: Option<&Path>,
    preopens: impl FnOnce() -> Vec<(D, String)>,
) -> Result<Option<Place<D>>, Error> {
    path.map(|path| place(path, preopens))
        .transpose()
        .map_err(|Unplaced(message)| Error::invalid("cwd", message))
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter(|component| !component.is_empty() && *component != ".")
}

/// Which of `preopens` holds `path`, seen from `current`, and the rest of the path below it.
fn locate(current: &str, path: &str, preopens: &[&str]) -> Result<(usize, Option<String>), Unplaced> {
    if path.is_empty() {
        return Err(Unplaced("the path is empty".into()));
    }
    let mut full: Vec<&str> = Vec::new();
    if !path.starts_with('/') {
        full.extend(components(current));
    }
    full.extend(components(path));

    let depth = |name: &str| {
        let prefix: Vec<&str> = components(name).collect();
        full.starts_with(&prefix).then_some(prefix.len())
    };
    preopens
        .iter()
        .enumerate()
        .filter_map(|(index, name)| Some((depth(name)?, index)))
        .max()
        .map(|(depth, index)| (index, (depth < full.len()).then(|| full[depth..].join("/"))))
        .ok_or_else(|| Unplaced(format!("no preopened directory holds /{}", full.join("/"))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn located<'a>(current: &str, path: &str, preopens: &[&'a str]) -> Option<(&'a str, Option<String>)> {
        locate(current, path, preopens)
            .ok()
            .map(|(index, rest)| (preopens[index], rest))
    }

    fn below(rest: &str) -> Option<String> {
        Some(rest.to_owned())
    }

    #[test]
    fn the_longest_preopen_wins() {
        let preopens = ["/", "/data", "/data/repo", "/datashop"];
        assert_eq!(
            located("/", "/data/repo/src", &preopens),
            Some(("/data/repo", below("src")))
        );
        assert_eq!(
            located("/", "/data/repository", &preopens),
            Some(("/data", below("repository")))
        );
        assert_eq!(located("/", "/datashop", &preopens), Some(("/datashop", None)));
        assert_eq!(located("/", "/etc/hosts", &preopens), Some(("/", below("etc/hosts"))));
    }

    #[test]
    fn a_dot_is_the_root() {
        assert_eq!(located("/", "src/lib.rs", &["."]), Some((".", below("src/lib.rs"))));
        assert_eq!(located("/", ".", &["."]), Some((".", None)));
        assert_eq!(located("/", "/src", &["."]), Some((".", below("src"))));
        assert_eq!(located("/", "data", &["./data/"]), Some(("./data/", None)));
    }

    #[test]
    fn a_relative_path_starts_at_the_current_directory() {
        assert_eq!(located("/data", "src", &["/data"]), Some(("/data", below("src"))));
        assert_eq!(
            located("/data/src", "../Cargo.toml", &["/data"]),
            Some(("/data", below("src/../Cargo.toml")))
        );
        assert_eq!(located("/", "src", &["/data"]), None);
    }

    #[test]
    fn of_two_preopens_of_one_name_the_later_one_wins() {
        assert_eq!(locate("/", "/data/x", &["/data", "data/"]), Ok((1, below("x"))));
    }

    #[test]
    fn a_path_that_no_preopen_holds_is_named() {
        let error = locate("/here", "there", &["/data"]);
        assert_eq!(error, Err(Unplaced("no preopened directory holds /here/there".into())));
        assert_eq!(locate("/", "", &["/"]), Err(Unplaced("the path is empty".into())));
    }

    proptest! {
        /// Joining the preopen and the rest gives the path back, and no preopen that is longer would have held it.
        #[test]
        fn the_place_is_the_path_and_the_deepest(
            current in "(/[ab.]{1,2}){0,3}",
            path in "/?([ab.]{0,2}/){0,3}[ab.]{1,2}",
            preopens in proptest::collection::vec("/?([ab]/){0,3}", 0..5),
        ) {
            let names: Vec<&str> = preopens.iter().map(String::as_str).collect();
            let joined = if path.starts_with('/') { path.clone() } else { format!("{current}/{path}") };
            let full: Vec<&str> = components(&joined).collect();
            let holds = |name: &str| full.starts_with(&components(name).collect::<Vec<_>>());
            match locate(&current, &path, &names) {
                Ok((index, rest)) => {
                    let rest = rest.unwrap_or_default();
                    prop_assert!(!rest.starts_with('/'));
                    let found: Vec<&str> = components(names[index]).chain(components(&rest)).collect();
                    prop_assert_eq!(&found, &full);
                    let depth = components(names[index]).count();
                    for (other, name) in names.iter().enumerate().filter(|(_, name)| holds(name)) {
                        prop_assert!((components(name).count(), other) <= (depth, index));
                    }
                }
                Err(_) => prop_assert!(!names.iter().any(|name| holds(name))),
            }
        }

        /// No path makes it panic.
        #[test]
        fn any_path_is_answered(current in ".*", path in ".*", preopens in proptest::collection::vec(".*", 0..4)) {
            let names: Vec<&str> = preopens.iter().map(String::as_str).collect();
            let _ = locate(&current, &path, &names);
        }
    }
}
