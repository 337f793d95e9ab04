//! What a guest asks for: programs, arguments, environment, directories.

use std::fs;
use std::os::unix::fs::symlink;

use childproof_tests::{Case, grant, isolated, program, refuse_processes};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::start::write_program;

crate::succeed! {
    row34_a_guest_names_a_grant
    row38_arguments_arrive_unchanged
    row43_the_working_directory_is_a_descriptor
}

pub(crate) fn row34_path_never_decides(case: Case) {
    let impostor = "#!/bin/sh\necho the impostor\n";
    write_program(case.data(), "cat", impostor);
    let impostors = case.data().to_str().unwrap().to_owned();
    case.grant("cat", grant("cat").env_allow("PATH"))
        .arg(impostors)
        .succeeds();
}

pub(crate) fn row35_what_is_missing_is_named(case: Case) {
    let programs = tempfile::tempdir().unwrap();
    let directory = programs.path().to_owned();
    let missing = write_program(&directory, "missing", "#!/bin/sh\n");
    let interpreter_missing = write_program(&directory, "interpreter-missing", "#!/nowhere/interpreter\n");
    let no_program = write_program(&directory, "no-program", b"\x00\x01 this is no program");
    let replaced = write_program(&directory, "replaced", "#!/bin/sh\n");
    case.grant("program-missing", missing)
        .grant("interpreter-missing", interpreter_missing)
        .grant("no-program", no_program)
        .grant("program-replaced", replaced)
        .before(move || {
            fs::remove_file(directory.join("missing")).unwrap();
            fs::remove_file(directory.join("replaced")).unwrap();
            write_program(&directory, "replaced", "#!/bin/sh\necho another\n");
        })
        .succeeds();
}

pub(crate) fn row35_an_error_has_the_kind_of_std(case: Case) {
    let programs = tempfile::tempdir().unwrap();
    let missing = write_program(programs.path(), "missing", "#!/bin/sh\n");
    case.grant("program-missing", missing)
        .before(move || drop(programs))
        .succeeds();
}

pub(crate) fn row36_the_environment_starts_empty(case: Case) {
    let cat = grant("cat")
        .env_set("FIXED", "by the policy")
        .env_allow("FIX*")
        .env_allow("A")
        .env_allow("MY_*")
        .env_allow_matching("NUMBER", "[0-9]+");
    let sh = ["B*", "G*", "I*", "L*", "P*"]
        .into_iter()
        .fold(grant("sh"), |sh, names| sh.env_allow(names));
    case.grant("cat", cat).grant("sh", sh).succeeds();
}

pub(crate) fn row37_what_no_process_can_be_given(case: Case) {
    case.grant("sh", grant("sh").env_allow("K*").argv0(true)).succeeds();
}

pub(crate) fn row38_too_much_is_said_so(case: Case) {
    let name = case.test().to_owned();
    isolated(&name, || {
        // Arguments and environment may take a quarter of the stack that a program may have.
        let limit = getrlimit(Resource::Stack);
        let most = 8 << 20;
        let current = Some(limit.maximum.map_or(most, |maximum| maximum.min(most)));
        setrlimit(Resource::Stack, Rlimit { current, ..limit }).unwrap();
        case.grant("sh", grant("sh").env_allow("KEY_*")).succeeds();
    });
}

pub(crate) fn row39_argv0_where_the_policy_allows_it(case: Case) {
    case.grant("renamed", grant("sh").argv0(true)).succeeds();
}

pub(crate) fn row40_a_busy_program_is_named(case: Case) {
    let programs = tempfile::tempdir().unwrap();
    let busy = write_program(programs.path(), "busy", fs::read(program("true")).unwrap());
    let writer = fs::OpenOptions::new()
        .write(true)
        .open(programs.path().join("busy"))
        .unwrap();
    case.grant("busy", busy).succeeds();
    drop(writer);
}

pub(crate) fn row40_no_descriptor_left_is_named(case: Case) {
    let name = case.test().to_owned();
    isolated(&name, || {
        let lower = || {
            let open = fs::read_dir("/proc/self/fd").unwrap().count() as u64;
            let limit = getrlimit(Resource::Nofile);
            setrlimit(
                Resource::Nofile,
                Rlimit {
                    current: Some(open + 60),
                    ..limit
                },
            )
            .unwrap();
        };
        case.before(lower).succeeds();
    });
}

pub(crate) fn row40_no_room_for_a_process_is_named(case: Case) {
    let name = case.test().to_owned();
    isolated(&name, || {
        for (what, errno) in [("process", Errno::AGAIN), ("memory", Errno::NOMEM)] {
            let case = case.again().arg(what);
            case.before(move || refuse_processes(errno.raw_os_error())).succeeds();
        }
    });
}

pub(crate) fn row43_no_directory_outside(case: Case) {
    symlink("/", case.data().join("root")).unwrap();
    symlink("..", case.data().join("above")).unwrap();
    symlink(".", case.data().join("within")).unwrap();
    case.succeeds();
}
