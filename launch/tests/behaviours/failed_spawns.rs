//! A spawn that fails leaves nothing behind.

use childproof_launch::{Command, SpawnErrorKind, Stage};

use crate::support::{block_on, in_own_process, name, null, open_descriptors, program, quiet, shell, write_file};

#[test]
fn ten_thousand_failed_spawns_leave_no_descriptor_process_or_thread() {
    in_own_process(
        name!(ten_thousand_failed_spawns_leave_no_descriptor_process_or_thread),
        || {
            let directory = tempfile::tempdir().unwrap();
            let script = directory.path().join("script");
            write_file(&script, "#!/no/such/interpreter\n", 0o755);
            let (no_interpreter, long, null) = (program(script.to_str().unwrap()), program("/bin/sh"), null());
            block_on(async {
                // What is made once for all spawns. A child that was waited for holds no descriptor once it is dropped.
                shell("exit").wait().await.unwrap();
                let count = || {
                    let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
                    let mappings = std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
                    (open_descriptors(), threads, mappings / 10)
                };
                let before = count();
                for _ in 0..5_000 {
                    let error = Command::new(&no_interpreter, quiet(&null)).spawn().unwrap_err();
                    assert_eq!(
                        (error.stage(), error.kind()),
                        (Stage::Exec, &SpawnErrorKind::InterpreterNotFound)
                    );
                    let error = Command::new(&long, quiet(&null))
                        .arg("a".repeat(200_000))
                        .spawn()
                        .unwrap_err();
                    assert_eq!(
                        (error.stage(), error.kind()),
                        (Stage::Exec, &SpawnErrorKind::ArgumentsTooLong)
                    );
                }
                assert_eq!(count(), before);
                // SAFETY: no status is asked for.
                assert_eq!(unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL) }, -1);
                assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ECHILD));
            });
        },
    );
}

extern "C" fn on_sigchld(_: i32) {
    // SAFETY: write(2) may be called in a handler, and the buffer is a constant.
    unsafe { libc::write(2, c"SIGCHLD".as_ptr().cast(), 7) };
    std::process::abort();
}

#[test]
fn a_failed_spawn_is_no_child_to_the_hosts_signal_handler() {
    in_own_process(name!(a_failed_spawn_is_no_child_to_the_hosts_signal_handler), || {
        // SAFETY: the handler makes only calls that a handler may make.
        unsafe { libc::signal(libc::SIGCHLD, on_sigchld as *const () as libc::sighandler_t) };
        let (shell, null) = (program("/bin/sh"), null());
        block_on(async {
            for _ in 0..100 {
                Command::new(&shell, quiet(&null))
                    .arg("a".repeat(200_000))
                    .spawn()
                    .unwrap_err();
            }
        });
    });
}

#[tokio::test]
async fn a_failed_spawn_leaves_the_command_usable() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program");
    std::fs::copy("/bin/true", &path).unwrap();
    let (program, null) = (program(path.to_str().unwrap()), null());
    let mut command = Command::new(&program, quiet(&null));
    command.arg("a".repeat(200_000));
    for _ in 0..3 {
        assert_eq!(command.spawn().unwrap_err().kind(), &SpawnErrorKind::ArgumentsTooLong);
    }
}
