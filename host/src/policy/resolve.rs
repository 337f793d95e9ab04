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
/// As many interpreters as Linux goes through for one program, each the interpreter of the one before.
const MOST_INTERPRETERS: usize = 5;

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
        .map(|preopen| {
            Writable::new(preopen).map_err(|error| {
                let message = format!(
                    "the directory {} cannot be resolved: {error}",
                    preopen.host_path.display()
                );
                Invalid::new(format!("preopen {:?}", preopen.guest_path), message)
            })
        })
        .collect()
}

/// Whether the guest could put another file in the place of `file`, or create it.
pub(super) fn could_replace(preopen: &Preopen, file: &Path) -> io::Result<bool> {
    if !preopen.writable {
        return Ok(false);
    }
    // Where the way ends early, what is missing is created in the last of the directories.
    let (directories, _) = lookups(&std::path::absolute(file)?);
    Ok(holder(&[Writable::new(preopen)?], &directories).is_some())
}

/// Where a program was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Its path before symbolic links are resolved.
    pub(super) path: PathBuf,
    /// The paths that the search tried before, in vain. Whoever can put a program there decides what the next search finds.
    tried: Vec<PathBuf>,
}

/// The path of a program: itself if it is absolute, else what the search path has under its name.
pub(super) fn find(program: &Path, search_path: Option<&OsStr>) -> Result<Found, String> {
    let mut tried = Vec::new();
    if program.is_absolute() {
        let path = program.to_owned();
        return Ok(Found { path, tried });
    }
    let name = program.display();
    let Some(search_path) = search_path else {
        return Err(format!(
            "\"{name}\" is a bare name and there is no PATH to look it up in; write an absolute path"
        ));
    };
    // An empty or relative entry would make the host's working directory decide what runs.
    for directory in std::env::split_paths(search_path).filter(|directory| directory.is_absolute()) {
        let path = directory.join(program);
        if is_program(&path) {
            return Ok(Found { path, tried });
        }
        tried.push(path);
    }
    Err(format!(
        "there is no program \"{name}\" in PATH; install it, write an absolute path, or drop the grant"
    ))
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
pub(super) fn refuse_replaceable(found: &Found, canonical: &Path, preopens: &[Writable]) -> Result<(), String> {
    let within = |path: &Path| -> Result<Option<&Writable>, String> {
        if preopens.is_empty() {
            return Ok(None);
        }
        let (directories, end) = lookups(path);
        end.map_err(|error| format!("{} cannot be resolved: {error}", path.display()))?;
        Ok(holder(preopens, &directories))
    };
    let advice = "so the guest could replace it; name a program elsewhere, or make the preopen read-only";
    if let Some(preopen) = within(canonical)? {
        return Err(format!(
            "the program {} lies in the writable preopen {:?}, {advice}",
            canonical.display(),
            preopen.guest_path
        ));
    }
    if let Some(preopen) = within(&found.path)? {
        let found = found.path.display();
        return Err(format!(
            "the way to the program {found} leads through the writable preopen {:?}, {advice}",
            preopen.guest_path
        ));
    }
    refuse_overtaken(found, preopens)?;
    let mut script = canonical.to_owned();
    for _ in 0..MOST_INTERPRETERS {
        // A file is opened only after it is known to be out of the guest's reach: opening a pipe of its own would hang.
        let Some(interpreter) = interpreter(&script) else { break };
        if interpreter.is_relative() {
            return Err(format!(
                "the interpreter {} of the program is a relative path, so the process's working directory decides what it is; \
                 name a program whose interpreter has an absolute path",
                interpreter.display()
            ));
        }
        // An interpreter that is missing is an error of the start, which has its own name for it.
        if let Ok(Some(preopen)) = within(&interpreter) {
            return Err(format!(
                "the interpreter {} of the program lies in the writable preopen {:?}, {advice}",
                interpreter.display(),
                preopen.guest_path
            ));
        }
        script = interpreter;
    }
    Ok(())
}

/// The files that the system opens to run a program: itself, and of a script its interpreters, by the names that the scripts
/// have for them and by those without symbolic links.
pub(super) fn opened_to_run(canonical: &Path) -> Vec<PathBuf> {
    let mut files = vec![canonical.to_owned()];
    let mut script = canonical.to_owned();
    for _ in 0..MOST_INTERPRETERS {
        let Some(interpreter) = interpreter(&script) else { break };
        let Ok(canonical) = fs::canonicalize(&interpreter) else {
            break;
        };
        files.extend([interpreter, canonical.clone()]);
        script = canonical;
    }
    files
}

/// Refuses a program that is found by its name after a directory of `PATH` into which a guest could put another one.
fn refuse_overtaken(found: &Found, preopens: &[Writable]) -> Result<(), String> {
    for tried in &found.tried {
        // The way may well end early: what is missing is created in the last of the directories.
        let (directories, _) = lookups(tried);
        if let Some(preopen) = holder(preopens, &directories) {
            let (name, entry) = (tried.file_name().unwrap_or_default(), tried.parent().unwrap_or(tried));
            return Err(format!(
                "\"{}\" is looked up in {} of PATH before it is found as {}, and that leads through the writable preopen \
                 {:?}, so the guest could put another program there; write the absolute path, take the directory out of \
                 PATH, or make the preopen read-only",
                name.display(),
                entry.display(),
                found.path.display(),
                preopen.guest_path
            ));
        }
    }
    Ok(())
}

/// Refuses a path to read that leads out of a writable preopen: with another symbolic link in it, the guest would decide
/// where it leads when the policy is loaded the next time. What stays within, the guest reads anyway.
pub(super) fn refuse_redirected(path: &Path, canonical: &Path, preopens: &[Writable]) -> Result<(), String> {
    let (directories, _) = lookups(path);
    for preopen in preopens {
        if directories.iter().any(|directory| preopen.holds(directory)) && !preopen.holds(canonical) {
            return Err(format!(
                "{} leads through the writable preopen {:?} to {}, so the guest could make it lead anywhere; write the path \
                 that it leads to, or make the preopen read-only",
                path.display(),
                preopen.guest_path,
                canonical.display()
            ));
        }
    }
    Ok(())
}

/// The first of the preopens that holds one of the directories.
fn holder<'p>(preopens: &'p [Writable], directories: &[PathBuf]) -> Option<&'p Writable> {
    preopens
        .iter()
        .find(|preopen| directories.iter().any(|directory| preopen.holds(directory)))
}

impl Writable {
    fn new(preopen: &Preopen) -> io::Result<Writable> {
        let canonical = fs::canonicalize(&preopen.host_path)?;
        Ok(Writable {
            guest_path: preopen.guest_path.clone(),
            identity: identity(&canonical),
            canonical,
        })
    }

    fn holds(&self, directory: &Path) -> bool {
        directory.starts_with(&self.canonical)
            || self.identity.is_some()
                && directory
                    .ancestors()
                    .any(|ancestor| identity(ancestor) == self.identity)
    }
}

/// The directories in which a name is looked up on the way along the absolute `path`, all symbolic links followed; and why
/// the way ends early, if it does.
fn lookups(path: &Path) -> (Vec<PathBuf>, io::Result<()>) {
    let mut directories = Vec::new();
    let end = follow(path, &mut directories);
    (directories, end)
}

fn follow(path: &Path, directories: &mut Vec<PathBuf>) -> io::Result<()> {
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
    Ok(())
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
    // To open a pipe would be to wait for its writer.
    if !fs::metadata(program).ok()?.is_file() {
        return None;
    }
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
    Some(PathBuf::from(OsStr::from_bytes(name))).filter(|path| !path.as_os_str().is_empty())
}

#[cfg(not(unix))]
fn interpreter(_: &Path) -> Option<PathBuf> {
    None
}

/// Compares the content of a pinned program with a digest.
pub(super) fn check_digest(program: &Program, expected: &Sha256Digest) -> Result<(), String> {
    let path = program.path();
    let found =
        digest(program).map_err(|error| format!("{} cannot be read to check its SHA-256: {error}", path.display()))?;
    // The file must not have changed since it was pinned, and the path must still lead to it.
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

/// The digest of the pinned file, whatever its path leads to by now.
fn digest(program: &Program) -> io::Result<Sha256Digest> {
    let mut file = reopen(program)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Sha256Digest(hasher.finalize().into())),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

/// The pinned file, open for reading.
#[cfg(target_os = "linux")]
fn reopen(program: &Program) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, openat};
    use std::os::fd::AsRawFd;
    let descriptors = rustix_linux_procfs::proc_self_fd()?;
    let name = program.file().as_raw_fd().to_string();
    Ok(openat(descriptors, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?.into())
}

#[cfg(not(target_os = "linux"))]
fn reopen(program: &Program) -> io::Result<File> {
    File::open(program.path())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_digest_is_of_the_pinned_file_and_not_of_another_at_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let [tool, other] = ["tool", "other"].map(|name| directory.path().join(name));
        for (path, content) in [(&tool, "abc"), (&other, "other")] {
            fs::write(path, content).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let program = Program::open(&tool).unwrap();
        let pinned: Sha256Digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            .parse()
            .unwrap();
        assert!(check_digest(&program, &pinned).is_ok());
        fs::rename(&other, &tool).unwrap();
        assert_eq!(digest(&program).unwrap(), pinned);
        assert!(check_digest(&program, &pinned).unwrap_err().contains("changed"));
    }
}
