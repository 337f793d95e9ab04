//! What the system's errors mean at each step of a spawn.

use super::raw::Errno;
use crate::{SpawnError, SpawnErrorKind, Stage};

/// The error for a step that the system refused.
pub(super) fn spawn_error(stage: Stage, errno: Errno) -> SpawnError {
    SpawnError::new(stage, Some(errno.0), kind(stage, errno))
}

fn kind(stage: Stage, Errno(errno): Errno) -> SpawnErrorKind {
    match (stage, errno) {
        (Stage::Program, libc::ENOENT) => SpawnErrorKind::ProgramNotFound,
        (Stage::Program, libc::ESTALE) => SpawnErrorKind::ProgramChanged,
        (Stage::Exec, libc::ENOENT | libc::ENOTDIR) => SpawnErrorKind::InterpreterNotFound,
        // EISDIR and ELIBBAD are a loader that is a directory or no loader, EINVAL is a binary that names two.
        (Stage::Exec, libc::EACCES | libc::ENOEXEC | libc::EISDIR | libc::ELIBBAD | libc::EINVAL) => {
            SpawnErrorKind::NotExecutable
        }
        (Stage::Exec, libc::ETXTBSY) => SpawnErrorKind::ProgramBusy,
        (Stage::Exec, libc::E2BIG) => SpawnErrorKind::ArgumentsTooLong,
        (Stage::WorkingDirectory, libc::ENOENT) => SpawnErrorKind::DirectoryNotFound,
        (Stage::WorkingDirectory, libc::ENOTDIR) => SpawnErrorKind::NotADirectory,
        (Stage::Reaper | Stage::Clone | Stage::FirstProcess | Stage::Exec, libc::EAGAIN) => {
            SpawnErrorKind::TooManyProcesses
        }
        (Stage::Clone, libc::ENOSYS) => SpawnErrorKind::Unsupported,
        // Signals by pidfd are what the reaper needs; EPERM is the usual answer of a filter of system calls.
        (Stage::Reaper, libc::ENOSYS | libc::EPERM) => SpawnErrorKind::Unsupported,
        (_, libc::EMFILE | libc::ENFILE | libc::ETOOMANYREFS) => SpawnErrorKind::TooManyOpenFiles,
        (_, libc::ENOMEM) => SpawnErrorKind::OutOfMemory,
        _ => SpawnErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_means_what_its_step_makes_of_it() {
        let cases = [
            (Stage::Program, libc::ENOENT, SpawnErrorKind::ProgramNotFound),
            (Stage::WorkingDirectory, libc::ENOENT, SpawnErrorKind::DirectoryNotFound),
            (Stage::Exec, libc::ENOENT, SpawnErrorKind::InterpreterNotFound),
            (Stage::Exec, libc::EACCES, SpawnErrorKind::NotExecutable),
            (Stage::WorkingDirectory, libc::EACCES, SpawnErrorKind::Other),
            (Stage::Clone, libc::EAGAIN, SpawnErrorKind::TooManyProcesses),
            (Stage::Clone, libc::EMFILE, SpawnErrorKind::TooManyOpenFiles),
            (Stage::Clone, libc::ENFILE, SpawnErrorKind::TooManyOpenFiles),
            (Stage::Descriptors, libc::EMFILE, SpawnErrorKind::TooManyOpenFiles),
            (Stage::Clone, libc::ENOMEM, SpawnErrorKind::OutOfMemory),
            (Stage::Stack, libc::ENOMEM, SpawnErrorKind::OutOfMemory),
            (Stage::Exec, libc::EIO, SpawnErrorKind::Other),
        ];
        for (stage, errno, kind) in cases {
            let error = spawn_error(stage, Errno(errno));
            assert_eq!(
                (error.stage(), error.errno(), error.kind()),
                (stage, Some(errno), &kind)
            );
        }
    }
}
