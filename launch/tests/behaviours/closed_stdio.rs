//! A host whose descriptors 0, 1 or 2 are closed wires its children correctly all the same.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use childproof_launch::{Command, Stdio, Termination};

use crate::support::{block_on, in_own_process, name, program};

const SCRIPT: &str = "read line; echo out $line; echo err $line >&2; pwd";

async fn assert_wired() {
    // All of these take the lowest free numbers, so those that are closed.
    let shell = program("/bin/sh");
    let directory = File::open("/usr").unwrap();
    let (stdin, mut input) = std::io::pipe().unwrap();
    let (mut output, stdout) = std::io::pipe().unwrap();
    let (mut errors, stderr) = std::io::pipe().unwrap();

    let stdio = Stdio {
        stdin: stdin.as_fd(),
        stdout: stdout.as_fd(),
        stderr: stderr.as_fd(),
    };
    let child = Command::new(&shell, stdio)
        .args(["-c", SCRIPT])
        .current_dir(directory.as_fd())
        .spawn()
        .unwrap();
    drop((stdin, stdout, stderr));
    input.write_all(b"in\n").unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    output.read_to_string(&mut out).unwrap();
    errors.read_to_string(&mut err).unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("out in\n/usr\n", "err in\n"));
    assert_eq!(child.wait().await.unwrap().termination, Termination::Exited(0));
}

fn assert_wired_without(name: &str, closed: &[i32]) {
    in_own_process(name, || {
        // A failure is to be seen although stderr may be closed.
        let stderr = std::io::stderr().as_fd().try_clone_to_owned().unwrap();
        std::panic::set_hook(Box::new(move |panic| {
            let _ = File::from(stderr.try_clone().unwrap()).write_all(panic.to_string().as_bytes());
        }));
        // The runtime's own descriptors are made before, so that they do not take the numbers.
        block_on(async {
            for fd in closed {
                // SAFETY: nothing in this process reads or writes by this number from here on.
                unsafe { libc::close(*fd) };
            }
            assert_wired().await;
        });
    });
}

macro_rules! closed {
    ($($test:ident: $closed:expr,)*) => {
        $(
            #[test]
            fn $test() {
                assert_wired_without(name!($test), &$closed);
            }
        )*
    };
}

closed! {
    none_closed: [],
    stdin_closed: [0],
    stdout_closed: [1],
    stderr_closed: [2],
    stdin_and_stdout_closed: [0, 1],
    stdin_and_stderr_closed: [0, 2],
    stdout_and_stderr_closed: [1, 2],
    all_closed: [0, 1, 2],
}

#[test]
fn streams_whose_numbers_are_each_others_are_wired() {
    in_own_process(name!(streams_whose_numbers_are_each_others_are_wired), || {
        let (stdin, mut input) = std::io::pipe().unwrap();
        let (mut output, stdout) = std::io::pipe().unwrap();
        let (mut errors, stderr) = std::io::pipe().unwrap();
        // SAFETY: the numbers 0, 1 and 2 are used by nothing else in this process from here on.
        unsafe {
            assert_eq!(libc::dup2(stdin.as_raw_fd(), 2), 2);
            assert_eq!(libc::dup2(stdout.as_raw_fd(), 0), 0);
            assert_eq!(libc::dup2(stderr.as_raw_fd(), 1), 1);
        }
        drop((stdin, stdout, stderr));
        // SAFETY: they stay open until the process ends.
        let at = |fd| unsafe { BorrowedFd::borrow_raw(fd) };
        let shell = program("/bin/sh");
        let stdio = Stdio {
            stdin: at(2),
            stdout: at(0),
            stderr: at(1),
        };
        block_on(async {
            let child = Command::new(&shell, stdio).args(["-c", SCRIPT]).spawn().unwrap();
            input.write_all(b"in\n").unwrap();
            child.wait().await.unwrap();
        });
        let (mut out, mut err) = ([0; 7], [0; 7]);
        output.read_exact(&mut out).unwrap();
        errors.read_exact(&mut err).unwrap();
        assert_eq!((&out, &err), (b"out in\n", b"err in\n"));
    });
}

#[tokio::test]
async fn one_descriptor_can_serve_two_streams_in_order() {
    let (mut output, writer) = std::io::pipe().unwrap();
    let (shell, null) = (program("/bin/sh"), crate::support::null());
    let stdio = Stdio {
        stdin: null.as_fd(),
        stdout: writer.as_fd(),
        stderr: writer.as_fd(),
    };
    let script = "echo 1; echo 2 >&2; echo 3; echo 4 >&2";
    let child = Command::new(&shell, stdio).args(["-c", script]).spawn().unwrap();
    drop(writer);
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(text, "1\n2\n3\n4\n");
    child.wait().await.unwrap();
}
