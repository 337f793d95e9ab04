//! What was opened is what runs.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

use childproof_launch::{Command, Program, ProgramError, SpawnErrorKind, Stage};

use crate::support::{null, program, quiet, text, write_file};

fn kind_of_spawn(program: &Program) -> SpawnErrorKind {
    let null = null();
    let error = Command::new(program, quiet(&null)).spawn().unwrap_err();
    assert_eq!(error.stage(), Stage::Program);
    error.kind().clone()
}

#[tokio::test]
async fn a_program_that_was_written_to_replaced_or_removed_does_not_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program");
    let other = directory.path().join("other");

    write_file(&path, "#!/bin/sh\nexit 0\n", 0o755);
    let written = Program::open(&path).unwrap();
    written.check().unwrap();
    std::fs::File::options()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"# more\n")
        .unwrap();
    assert!(matches!(written.check(), Err(ProgramError::Changed { .. })));
    assert_eq!(kind_of_spawn(&written), SpawnErrorKind::ProgramChanged);

    let replaced = Program::open(&path).unwrap();
    write_file(&other, "#!/bin/sh\nexit 0\n# more\n", 0o755);
    std::fs::rename(&other, &path).unwrap();
    assert_eq!(kind_of_spawn(&replaced), SpawnErrorKind::ProgramChanged);

    let removed = Program::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(removed.check(), Err(ProgramError::NotFound { .. })));
    assert_eq!(kind_of_spawn(&removed), SpawnErrorKind::ProgramNotFound);
}

#[tokio::test]
async fn a_change_that_hides_behind_the_old_time_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program");
    write_file(&path, "#!/bin/sh\nexit 0\n", 0o755);
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let program = Program::open(&path).unwrap();
    write_file(&path, "#!/bin/sh\nexit 1\n", 0o755);
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    assert_eq!(kind_of_spawn(&program), SpawnErrorKind::ProgramChanged);
}

#[tokio::test]
async fn a_binary_runs_through_its_descriptor_and_a_script_by_its_path() {
    let script = r#"
import ctypes, os
getauxval = ctypes.CDLL(None).getauxval
getauxval.restype = ctypes.c_char_p
AT_EXECFN = 31
print(os.readlink("/proc/self/exe"), getauxval(AT_EXECFN).decode())
"#;
    let said = text("/usr/bin/python3", |command| {
        command.args(["-c", script]);
    })
    .await;
    let (file, executed_as) = said.trim_end().split_once(' ').unwrap();
    assert_eq!(Path::new(file), std::fs::canonicalize("/usr/bin/python3").unwrap());
    assert!(executed_as.starts_with("/dev/fd/"), "{executed_as}");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("script");
    write_file(&path, "#!/bin/sh\necho $0 $1\n", 0o755);
    let path = std::fs::canonicalize(path).unwrap();
    let said = text(path.to_str().unwrap(), |command| {
        command.arg("one");
    })
    .await;
    assert_eq!(said, format!("{} one\n", path.display()));
}

#[test]
fn links_are_resolved_once() {
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
    let program = Program::open(&link).unwrap();
    assert_eq!(program.path(), std::fs::canonicalize("/bin/sh").unwrap());
    std::fs::remove_file(&link).unwrap();
    program.check().unwrap();
}

#[test]
fn what_is_no_program_is_refused_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let plain = directory.path().join("plain");
    write_file(&plain, "#!/bin/sh\n", 0o644);
    assert!(matches!(Program::open(&plain), Err(ProgramError::NotExecutable { .. })));
    assert!(matches!(
        Program::open(directory.path()),
        Err(ProgramError::NotAFile { .. })
    ));
    assert!(matches!(
        Program::open(Path::new("/dev/null")),
        Err(ProgramError::NotAFile { .. })
    ));
    assert!(matches!(
        Program::open(&plain.join("below")),
        Err(ProgramError::NotFound { .. })
    ));
    assert!(matches!(
        Program::open(&directory.path().join("none")),
        Err(ProgramError::NotFound { .. })
    ));
    assert!(matches!(
        Program::open(Path::new("sh")),
        Err(ProgramError::Relative { .. })
    ));
    assert!(matches!(
        Program::open(Path::new("./sh")),
        Err(ProgramError::Relative { .. })
    ));
}

#[test]
fn the_descriptor_of_a_program_gives_no_right_to_its_content() {
    let program = program("/bin/sh");
    let mut byte = [0u8];
    // SAFETY: the buffer is one byte, as the call is told.
    let read = unsafe { libc::read(program.file().as_raw_fd(), byte.as_mut_ptr().cast(), 1) };
    assert_eq!(
        (read, std::io::Error::last_os_error().raw_os_error()),
        (-1, Some(libc::EBADF))
    );
}
