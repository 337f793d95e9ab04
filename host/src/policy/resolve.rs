//! From the program that a policy names to a file that no guest can put another in the place of.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use childproof_launch::Program;
use sha2::{Digest, Sha256};

use super::compile::Invalid;
use super::{Preopen, Sha256Digest};

/// As many symbolic links as Linux follows in one path.
const MOST_LINKS: usize = 40;
/// As much of a script's first line as Linux reads.
const FIRST_LINE: u64 = 256;

/// A preopen that a guest may write to.
#[derive(Debug)]
pub(super) struct Writable {
    guest_path: String,
    canonical: PathBuf,
    identity: Option<Identity>,
}

/// What stays the same when a directory is reached by another path, through a bind mount, say.
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> Option<Identity> {
    None
}

/// The preopens that a guest may write to.
pub(super) fn writable(preopens: &[Preopen]) -> Result<Vec<Writable>, Invalid> {
    let writable = preopens.iter().filter(|preopen| preopen.writable);
    writable
        .map(|preopen| match fs::canonicalize(&preopen.host_path) {
            Ok(canonical) => Ok(Writable {
                guest_path: preopen.guest_path.clone(),
                identity: identity(&canonical),
                canonical,
            }),
            Err(error) => {
                let message = format!(
                    "the directory {} cannot be resolved: {error}",
                    preopen.host_path.display()
                );
                Err(Invalid::new(format!("preopen {:?}", preopen.guest_path), message))
            }
        })
        .collect()
}

/// The path of a program: itself if it is absolute, else what the search path has under its name.
pub(super) fn find(program: &Path, search_path: Option<&OsStr>) -> Result<PathBuf, String> {
    if program.is_absolute() {
        return Ok(program.to_owned());
    }
    let name = program.display();
    let Some(search_path) = search_path else {
        return Err(format!(
            "\"{name}\" is a bare name and there is no PATH to look it up in; write an absolute path"
        ));
    };
    // An empty or relative entry would make the host's working directory decide what runs.
    let directories = std::env::split_paths(search_path).filter(|directory| directory.is_absolute());
    let mut candidates = directories.map(|directory| directory.join(program));
    candidates.find(|candidate| is_program(candidate)).ok_or_else(|| {
        format!("there is no program \"{name}\" in PATH; install it, write an absolute path, or drop the grant")
    })
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// Refuses a program that a guest could replace: now, or before the policy is loaded the next time.
pub(super) fn refuse_replaceable(found: &Path, canonical: &Path, preopens: &[Writable]) -> Result<(), String> {
    if preopens.is_empty() {
        return Ok(());
    }
    let within = |path: &Path| -> Result<Option<&Writable>, String> {
        let directories = lookups(path).map_err(|error| format!("{} cannot be resolved: {error}", path.display()))?;
        Ok(preopens
            .iter()
            .find(|preopen| directories.iter().any(|directory| preopen.holds(directory))))
    };
    let advice = "so the guest could replace it; name a program elsewhere, or make the preopen read-only";
    if let Some(preopen) = within(canonical)? {
        return Err(format!(
            "the program {} lies in the writable preopen {:?}, {advice}",
            canonical.display(),
            preopen.guest_path
        ));
    }
    if let Some(preopen) = within(found)? {
        let found = found.display();
        return Err(format!(
            "the way to the program {found} leads through the writable preopen {:?}, {advice}",
            preopen.guest_path
        ));
    }
    let Some(interpreter) = interpreter(canonical) else {
        return Ok(());
    };
    // An interpreter that is missing is an error of the start, which has its own name for it.
    if let Ok(Some(preopen)) = within(&interpreter) {
        let interpreter = interpreter.display();
        return Err(format!(
            "the interpreter {interpreter} of the program lies in the writable preopen {:?}, {advice}",
            preopen.guest_path
        ));
    }
    Ok(())
}

impl Writable {
    fn holds(&self, directory: &Path) -> bool {
        directory.starts_with(&self.canonical)
            || self.identity.is_some()
                && directory
                    .ancestors()
                    .any(|ancestor| identity(ancestor) == self.identity)
    }
}

/// The directories in which a name is looked up on the way along `path`, all symbolic links followed.
fn lookups(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut directories = Vec::new();
    let mut current = PathBuf::new();
    let mut ahead: Vec<OsString> = reversed(path);
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        match Path::new(&name).components().next() {
            Some(Component::ParentDir) => drop(current.pop()),
            Some(Component::Normal(_)) => {
                let next = current.join(&name);
                directories.push(current.clone());
                if !fs::symlink_metadata(&next)?.is_symlink() {
                    current = next;
                    continue;
                }
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::other("there are too many symbolic links on the way"));
                }
                ahead.extend(reversed(&fs::read_link(&next)?));
            }
            // The root, or a drive: where an absolute path or an absolute link starts anew.
            Some(Component::RootDir | Component::Prefix(_)) => current.push(&name),
            Some(Component::CurDir) | None => {}
        }
    }
    Ok(directories)
}

fn reversed(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .map(|component| component.as_os_str().to_owned())
        .collect()
}

/// The interpreter that the first line of a script names.
#[cfg(unix)]
fn interpreter(program: &Path) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let mut start = Vec::new();
    File::open(program)
        .ok()?
        .take(FIRST_LINE)
        .read_to_end(&mut start)
        .ok()?;
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let name = line
        .trim_ascii_start()
        .split(|byte| matches!(byte, b' ' | b'\t' | 0))
        .next()?;
    Some(PathBuf::from(OsStr::from_bytes(name))).filter(|path| path.is_absolute())
}

#[cfg(not(unix))]
fn interpreter(_: &Path) -> Option<PathBuf> {
    None
}

/// Compares the content of a pinned program with a digest.
pub(super) fn check_digest(program: &Program, expected: &Sha256Digest) -> Result<(), String> {
    let path = program.path();
    let unreadable = |error: io::Error| format!("{} cannot be read to check its SHA-256: {error}", path.display());
    let mut file = File::open(path).map_err(unreadable)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => break,
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    let found = Sha256Digest(hasher.finalize().into());
    // What was read must be what is pinned: the same file, unchanged since.
    program
        .check()
        .map_err(|error| format!("the program changed while it was read: {error}; load the policy again"))?;
    if found != *expected {
        let path = path.display();
        return Err(format!(
            "the SHA-256 of {path} is {found}, not {expected}; if the program was updated on purpose, change the policy"
        ));
    }
    Ok(())
}
