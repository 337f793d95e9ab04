//! What can go wrong with a spawn is told apart.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use childproof_launch::{Command, Defect, Field, Program, SpawnError, SpawnErrorKind, Stage, Termination};

use crate::support::{block_on, in_own_process, name, null, program, quiet, shell, write_file};

fn spawn(program: &Program) -> Result<childproof_launch::Child, SpawnError> {
    let null = null();
    Command::new(program, quiet(&null)).spawn()
}

#[track_caller]
fn assert_error(error: &SpawnError, stage: Stage, kind: &SpawnErrorKind) {
    assert_eq!((error.stage(), error.kind()), (stage, kind), "{error}");
}

#[tokio::test]
async fn a_missing_directory_program_or_interpreter_and_no_program_are_four_errors() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (true_program, null) = (program("/bin/true"), null());

    std::fs::create_dir(at("gone")).unwrap();
    let gone = File::open(at("gone")).unwrap();
    std::fs::remove_dir(at("gone")).unwrap();
    let error = Command::new(&true_program, quiet(&null))
        .current_dir(gone.as_fd())
        .spawn()
        .unwrap_err();
    assert_error(&error, Stage::WorkingDirectory, &SpawnErrorKind::DirectoryNotFound);

    write_file(&at("script"), "#!/bin/sh\n", 0o755);
    let removed = Program::open(&at("script")).unwrap();
    std::fs::remove_file(at("script")).unwrap();
    assert_error(
        &spawn(&removed).unwrap_err(),
        Stage::Program,
        &SpawnErrorKind::ProgramNotFound,
    );

    write_file(&at("interpreter"), "#!/no/such/interpreter\n", 0o755);
    let error = spawn(&Program::open(&at("interpreter")).unwrap()).unwrap_err();
    assert_error(&error, Stage::Exec, &SpawnErrorKind::InterpreterNotFound);

    write_file(&at("text"), "neither a script nor a binary\n", 0o755);
    let error = spawn(&Program::open(&at("text")).unwrap()).unwrap_err();
    assert_error(&error, Stage::Exec, &SpawnErrorKind::NotExecutable);
}

#[tokio::test]
async fn a_missing_loader_is_a_missing_interpreter() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("binary");
    let mut binary = std::fs::read("/bin/true").unwrap();
    let loader = binary
        .windows(4)
        .position(|bytes| bytes == b"/ld-")
        .expect("/bin/true names its loader");
    binary[loader + 1] = b'L';
    write_file(&path, binary, 0o755);
    let error = spawn(&Program::open(&path).unwrap()).unwrap_err();
    assert_error(&error, Stage::Exec, &SpawnErrorKind::InterpreterNotFound);
}

#[tokio::test]
async fn an_interpreter_that_is_no_program_is_not_executable() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("script");
    write_file(&path, "#!/etc/passwd\n", 0o755);
    let error = spawn(&Program::open(&path).unwrap()).unwrap_err();
    assert_error(&error, Stage::Exec, &SpawnErrorKind::NotExecutable);
}

#[tokio::test]
async fn a_working_directory_that_is_a_file_is_not_a_directory() {
    let (true_program, null) = (program("/bin/true"), null());
    let file = File::open("/etc/passwd").unwrap();
    let error = Command::new(&true_program, quiet(&null))
        .current_dir(file.as_fd())
        .spawn()
        .unwrap_err();
    assert_error(&error, Stage::WorkingDirectory, &SpawnErrorKind::NotADirectory);
}

#[tokio::test]
async fn arguments_and_environment_can_be_too_long() {
    let (true_program, null) = (program("/bin/true"), null());
    let mut one_long = Command::new(&true_program, quiet(&null));
    one_long.arg("a".repeat(200_000));
    let mut many = Command::new(&true_program, quiet(&null));
    many.args(std::iter::repeat_n("a".repeat(100_000), 100));
    let mut long_variable = Command::new(&true_program, quiet(&null));
    long_variable.env("KEY", "a".repeat(200_000));
    for command in [one_long, many, long_variable] {
        let error = command.spawn().unwrap_err();
        assert_error(&error, Stage::Exec, &SpawnErrorKind::ArgumentsTooLong);
        assert_eq!(error.errno(), Some(libc::E2BIG));
    }
}

#[test]
fn a_host_without_descriptors_left_is_told() {
    in_own_process(name!(a_host_without_descriptors_left_is_told), || {
        block_on(async {
            let (true_program, null) = (program("/bin/true"), null());
            // It starts the reaper, and holds no descriptor once it was waited for.
            shell("exit 0").wait().await.unwrap();
            let mut hold = Vec::new();
            let limit = libc::rlimit {
                rlim_cur: 64,
                rlim_max: 64,
            };
            // SAFETY: the limit lives during the call.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
            while let Ok(file) = File::open("/dev/null") {
                hold.push(file);
            }
            let error = Command::new(&true_program, quiet(&null)).spawn().unwrap_err();
            assert_error(&error, Stage::Clone, &SpawnErrorKind::TooManyOpenFiles);
            assert_eq!(error.errno(), Some(libc::EMFILE));
            hold.clear();
            Command::new(&true_program, quiet(&null))
                .spawn()
                .unwrap()
                .wait()
                .await
                .unwrap();
        });
    });
}

#[test]
fn a_user_without_processes_left_is_told() {
    in_own_process(name!(a_user_without_processes_left_is_told), || {
        block_on(async {
            let (true_program, null) = (program("/bin/true"), null());
            // The reaper's thread counts, too.
            shell("exit 0").wait().await.unwrap();
            let limit = libc::rlimit {
                rlim_cur: 1,
                rlim_max: 1,
            };
            // SAFETY: the calls take numbers and a limit that lives during the call.
            unsafe {
                assert_eq!(libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit), 0);
                // Root is exempt, so become somebody who runs nothing else.
                assert!(libc::geteuid() != 0 || libc::setuid(64_123) == 0);
            }
            let error = Command::new(&true_program, quiet(&null)).spawn().unwrap_err();
            assert_error(&error, Stage::Clone, &SpawnErrorKind::TooManyProcesses);
            assert_eq!(error.errno(), Some(libc::EAGAIN));
        });
    });
}

#[tokio::test]
async fn a_program_that_stays_open_for_writing_is_busy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("busy");
    std::fs::copy("/bin/true", &path).unwrap();
    let writer = File::options().write(true).open(&path).unwrap();
    let program = Program::open(&path).unwrap();
    let error = spawn(&program).unwrap_err();
    assert_error(&error, Stage::Exec, &SpawnErrorKind::ProgramBusy);
    assert_eq!(error.errno(), Some(libc::ETXTBSY));
    drop(writer);
    assert_eq!(
        spawn(&program).unwrap().wait().await.unwrap().termination,
        Termination::Exited(0)
    );
}

#[tokio::test]
async fn a_field_that_no_process_can_be_given_is_named() {
    let (true_program, null) = (program("/bin/true"), null());
    let assert_invalid = |set_up: &dyn Fn(&mut Command<'_>), field: Field, name: &str, defect: Defect| {
        let mut command = Command::new(&true_program, quiet(&null));
        set_up(&mut command);
        let error = command.spawn().unwrap_err();
        assert_eq!(field.to_string(), name);
        assert_error(
            &error,
            Stage::Arguments,
            &SpawnErrorKind::InvalidArgument { field, defect },
        );
    };
    let variable = |key: &str| Field::Variable(key.into());
    assert_invalid(
        &|c| {
            c.argv0("a\0b");
        },
        Field::Argv0,
        "argv0",
        Defect::Nul,
    );
    assert_invalid(
        &|c| {
            c.args(["", "b", "c\0"]);
        },
        Field::Argument(2),
        "args[2]",
        Defect::Nul,
    );
    assert_invalid(
        &|c| {
            c.env("KEY", "\0");
        },
        variable("KEY"),
        "env KEY",
        Defect::Nul,
    );
    assert_invalid(
        &|c| {
            c.env("K\0Y", "");
        },
        variable("K\0Y"),
        "env K\\0Y",
        Defect::Nul,
    );
    assert_invalid(
        &|c| {
            c.env("", "value");
        },
        variable(""),
        "env ",
        Defect::EmptyKey,
    );
    assert_invalid(
        &|c| {
            c.env("A=B", "value");
        },
        variable("A=B"),
        "env A=B",
        Defect::EqualsInKey,
    );
}

#[test]
fn an_error_says_the_step_the_meaning_and_the_systems_word() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    write_file(&path, "text", 0o755);
    let error = block_on(async { spawn(&Program::open(Path::new(&path)).unwrap()).unwrap_err() });
    assert_eq!(
        error.to_string(),
        "executing the program: the program is not executable: Exec format error (os error 8)"
    );
}
