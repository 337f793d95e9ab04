//! The parent's side of a spawn.

use std::ffi::{CString, OsStr, c_char, c_int, c_void};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use rustix::param::page_size;
use tokio::runtime::Handle;

use super::classify::spawn_error;
use super::image::FileNumber;
use super::process::{Child, Process, Started, Tree, end};
use super::raw::{self, Errno, SignalSet};
use super::sigmask::BlockedSignals;
use super::stack::Stack;
use super::steps::{self, At, Failure, Plan};
use super::{number, reaper, wait};
use crate::{Command, Defect, Field, ProgramError, Resource, SpawnError, SpawnErrorKind, Stage};

/// How long to pause before each further try of a program that is open for writing: 31 milliseconds in all.
const BUSY_PAUSES: [Duration; 5] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(4),
    Duration::from_millis(8),
    Duration::from_millis(16),
];

pub(crate) fn spawn(command: &Command<'_>) -> Result<Child, SpawnError> {
    let image = Image::new(command)?;
    // Everything that can be known before is found out before there is a process.
    if Handle::try_current().is_err() {
        return Err(SpawnError::new(Stage::Register, None, SpawnErrorKind::NoRuntime));
    }
    reaper::start().map_err(|errno| spawn_error(Stage::Reaper, errno))?;
    let directory = check_directory(command)?;

    let attempt = || {
        check_program(command)?;
        start(command, &image, directory).map_err(|Failure { stage, errno }| {
            // A program that vanished at the last moment is not one without an interpreter.
            check_program(command).err().unwrap_or(spawn_error(stage, errno))
        })
    };
    let process = while_busy(attempt, std::thread::sleep)?;
    Child::new(process).map_err(|errno| spawn_error(Stage::Register, errno))
}

/// Tries again as long as the program is open for writing, with pauses, and not for ever.
fn while_busy<T>(
    mut attempt: impl FnMut() -> Result<T, SpawnError>,
    mut pause: impl FnMut(Duration),
) -> Result<T, SpawnError> {
    for time in BUSY_PAUSES {
        match attempt() {
            Err(error) if *error.kind() == SpawnErrorKind::ProgramBusy => pause(time),
            result => return result,
        }
    }
    attempt()
}

/// Removing a directory leaves it open and empty, and fchdir(2) enters it all the same. Without
/// links is also what a few file systems (some in user space) say of directories that are there.
fn check_directory(command: &Command<'_>) -> Result<Option<FileNumber>, SpawnError> {
    let Some(directory) = command.directory else {
        return Ok(None);
    };
    match rustix::fs::fstat(directory) {
        Ok(stat) if stat.st_nlink == 0 => Err(spawn_error(Stage::WorkingDirectory, Errno(libc::ENOENT))),
        Ok(stat) => Ok(Some(FileNumber {
            device: stat.st_dev,
            inode: stat.st_ino,
        })),
        Err(errno) => Err(spawn_error(Stage::WorkingDirectory, errno.into())),
    }
}

fn check_program(command: &Command<'_>) -> Result<(), SpawnError> {
    command.program.check().map_err(|error| {
        let errno = match error {
            ProgramError::NotFound { .. } => libc::ENOENT,
            ProgramError::Io { source, .. } => source.raw_os_error().unwrap_or(libc::EIO),
            _ => libc::ESTALE,
        };
        spawn_error(Stage::Program, Errno(errno))
    })
}

/// A command in the form that the kernel takes.
pub(super) struct Image {
    pub(super) path: CString,
    pub(super) directory_inside: Option<CString>,
    pub(super) argv: Vec<CString>,
    pub(super) envp: Vec<CString>,
    /// Which resource, its number, and the soft and hard limit.
    pub(super) rlimits: Vec<(Resource, libc::c_long, u64, u64)>,
}

impl Image {
    fn new(command: &Command<'_>) -> Result<Image, SpawnError> {
        let mut argv = vec![string(&command.argv0, || Field::Argv0)?];
        for (index, argument) in command.args.iter().enumerate() {
            argv.push(string(argument, || Field::Argument(index))?);
        }
        let mut envp = Vec::with_capacity(command.env.len());
        for (key, value) in &command.env {
            let field = || Field::Variable(key.clone());
            if key.is_empty() {
                return Err(invalid(field(), Defect::EmptyKey));
            }
            if key.as_bytes().contains(&b'=') {
                return Err(invalid(field(), Defect::EqualsInKey));
            }
            let mut variable = key.clone();
            variable.push("=");
            variable.push(value);
            envp.push(string(&variable, field)?);
        }
        check_size(&argv, &envp)?;
        // A path that was opened holds no NUL.
        let path = CString::new(command.program.path().as_os_str().as_bytes())
            .map_err(|_| spawn_error(Stage::Program, Errno(libc::ENOENT)))?;
        let inside = |path: &PathBuf| {
            CString::new(path.as_os_str().as_bytes())
                .map_err(|_| spawn_error(Stage::WorkingDirectory, Errno(libc::ENOENT)))
        };
        let directory_inside = command.directory_inside.as_ref().map(inside).transpose()?;
        let rlimits = command
            .rlimits
            .iter()
            .map(|limit| {
                (
                    limit.resource,
                    number::of_resource(limit.resource),
                    limit.soft,
                    limit.hard,
                )
            })
            .collect();
        Ok(Image {
            path,
            directory_inside,
            argv,
            envp,
            rlimits,
        })
    }
}

/// What no kernel takes is not brought to it. See execve(2), "Limits on size of arguments and environment".
fn check_size(argv: &[CString], envp: &[CString]) -> Result<(), SpawnError> {
    const MOST: usize = 6 << 20;
    let most_of_one = 32 * page_size();
    let mut sizes = argv.iter().chain(envp).map(|string| string.as_bytes_with_nul().len());
    let total = sizes.try_fold(0usize, |total, size| match size <= most_of_one {
        true => total.checked_add(size + size_of::<*const c_char>()),
        false => None,
    });
    match total {
        Some(..=MOST) => Ok(()),
        _ => Err(spawn_error(Stage::Exec, Errno(libc::E2BIG))),
    }
}

fn string(text: &OsStr, field: impl FnOnce() -> Field) -> Result<CString, SpawnError> {
    CString::new(text.to_owned().into_vec()).map_err(|_| invalid(field(), Defect::Nul))
}

fn invalid(field: Field, defect: Defect) -> SpawnError {
    SpawnError::new(
        Stage::Arguments,
        None,
        SpawnErrorKind::InvalidArgument { field, defect },
    )
}

/// Pointers to strings, ended by a null pointer.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    let strings = strings.iter().map(|string| string.as_ptr());
    strings.chain([std::ptr::null()]).collect()
}

/// What parent and child share.
struct Shared<'a> {
    plan: Plan<'a>,
    failure: Option<Failure>,
}

/// Creates the process and answers once it has executed its program.
fn start(command: &Command<'_>, image: &Image, directory: Option<FileNumber>) -> Result<Process, Failure> {
    let started = match command.profile {
        Some(profile) => profile.0.start(command, image, directory),
        None => start_unconfined(command, image),
    };
    started.map(Process::new)
}

/// The child shares the parent's memory (CLONE_VM), so the host's page tables are not copied, however large they are; and
/// the calling thread is suspended (CLONE_VFORK) until the child has left that memory by exec or by its end. So what the
/// child writes before it ends needs no pipe and no lock.
fn start_unconfined(command: &Command<'_>, image: &Image) -> Result<Started, Failure> {
    let stdio = command.stdio;
    let (argv, envp) = (pointers(&image.argv), pointers(&image.envp));
    let mut shared = Shared {
        plan: Plan {
            program: command.program.file().as_raw_fd(),
            path: &image.path,
            argv: argv.as_ptr(),
            envp: envp.as_ptr(),
            directory: command.directory.map(|directory| directory.as_raw_fd()),
            stdio: [stdio.stdin, stdio.stdout, stdio.stderr].map(|stream| stream.as_raw_fd()),
            rlimits: image.rlimits.as_slice(),
            control_group: command.control_group.map(|group| group.procs().as_raw_fd()),
        },
        failure: None,
    };
    let for_child = (&raw mut shared).cast::<c_void>();
    let stack = Stack::new().at(Stage::Stack)?;
    let mut pidfd: c_int = -1;
    // A signal that came to the child would run the host's handler in the host's memory, so it takes none until it has set
    // all of them to their defaults.
    let blocked = BlockedSignals::new(SignalSet::FULL).at(Stage::Clone)?;
    // No signal is asked for at the child's end: a child that does not get as far as exec is no news to the host's SIGCHLD
    // handler, and out of reach of its `waitpid(-1)`. Exec sets it to SIGCHLD.
    // SAFETY: `child` is made to share the caller's memory, with `shared` as its only access to it, which this thread does
    // not touch before it goes on; and all signals are blocked.
    let pid = unsafe { raw::clone(child, stack.top(), libc::CLONE_PIDFD, for_child, &raw mut pidfd) };
    drop(blocked);
    let pid = pid.at(Stage::Clone)?;
    // SAFETY: the kernel made the descriptor for this call, and nothing else owns it: one that did not know the flag would
    // have failed the reaper's check.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    match shared.failure {
        None => Ok(Started {
            pid,
            pidfd,
            tree: Tree::Group,
            foreign_peak: wait::own_peak(),
        }),
        Some(failure) => {
            end(&pidfd);
            Err(failure)
        }
    }
}

/// Where the child begins. It ends in exec, or here.
extern "C" fn child(shared: *mut c_void) -> c_int {
    // SAFETY: the parent passes a pointer to a `Shared` that it does not touch until this process has left its memory.
    let shared = unsafe { &mut *shared.cast::<Shared<'_>>() };
    // SAFETY: the parent made the plan from values that outlive its suspension, and blocked all signals; without CLONE_FILES
    // and CLONE_SIGHAND the tables of descriptors and of dispositions are this process's own.
    let Err(failure) = unsafe { steps::run(&shared.plan) };
    shared.failure = Some(failure);
    raw::exit(127)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs attempts with these answers, the last one over and over, and gives the result, the attempts and the pauses.
    fn run(answers: &[Result<(), i32>]) -> (Result<(), SpawnError>, usize, Vec<Duration>) {
        let (mut attempts, mut pauses) = (0, Vec::new());
        let attempt = || {
            let answer = answers[attempts.min(answers.len() - 1)];
            attempts += 1;
            answer.map_err(|errno| spawn_error(Stage::Exec, Errno(errno)))
        };
        let result = while_busy(attempt, |pause| pauses.push(pause));
        (result, attempts, pauses)
    }

    #[test]
    fn a_program_that_is_open_for_writing_for_a_moment_is_tried_again() {
        let busy = Err(libc::ETXTBSY);
        assert_eq!(run(&[Ok(())]), (Ok(()), 1, Vec::new()));
        assert_eq!(run(&[busy, busy, Ok(())]), (Ok(()), 3, BUSY_PAUSES[..2].to_vec()));
        assert_eq!(
            run(&[busy, busy, busy, busy, busy, Ok(())]),
            (Ok(()), 6, BUSY_PAUSES.to_vec())
        );
    }

    #[test]
    fn a_program_that_stays_busy_or_fails_otherwise_is_given_up() {
        let error = |errno| Err(spawn_error(Stage::Exec, Errno(errno)));
        assert_eq!(
            run(&[Err(libc::ETXTBSY)]),
            (error(libc::ETXTBSY), 6, BUSY_PAUSES.to_vec())
        );
        assert_eq!(
            run(&[Err(libc::ETXTBSY), Err(libc::EACCES)]),
            (error(libc::EACCES), 2, BUSY_PAUSES[..1].to_vec())
        );
    }
}
