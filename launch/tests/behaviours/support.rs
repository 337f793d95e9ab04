//! What the tests share: programs, streams, and processes of their own to change the state of.

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::path::Path;

use childproof_launch::{Child, Command, Exit, Program, Stdio, Termination};

pub(crate) fn program(path: &str) -> Program {
    Program::open(Path::new(path)).unwrap()
}

pub(crate) fn null() -> File {
    File::options().read(true).write(true).open("/dev/null").unwrap()
}

pub(crate) fn quiet(null: &File) -> Stdio<'_> {
    Stdio {
        stdin: null.as_fd(),
        stdout: null.as_fd(),
        stderr: null.as_fd(),
    }
}

/// Starts a shell that runs `script`, with all streams at /dev/null.
pub(crate) fn shell(script: &str) -> Child {
    let (shell, null) = (program("/bin/sh"), null());
    Command::new(&shell, quiet(&null))
        .args(["-c", script])
        .env("PATH", PATH)
        .spawn()
        .unwrap()
}

pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Starts a shell that runs `script`, and gives the reading end of its output.
pub(crate) fn shell_with_output(script: &str) -> (Child, PipeReader) {
    let (reader, writer) = io::pipe().unwrap();
    let (shell, null) = (program("/bin/sh"), null());
    let stdio = Stdio {
        stdin: null.as_fd(),
        stdout: writer.as_fd(),
        stderr: writer.as_fd(),
    };
    let child = Command::new(&shell, stdio)
        .args(["-c", script])
        .env("PATH", PATH)
        .spawn()
        .unwrap();
    (child, reader)
}

/// Runs a program and gives all it wrote to stdout and stderr.
pub(crate) async fn output(path: &str, set_up: impl FnOnce(&mut Command<'_>)) -> (Exit, Vec<u8>) {
    let (mut reader, writer) = io::pipe().unwrap();
    let (program, null) = (program(path), null());
    let stdio = Stdio {
        stdin: null.as_fd(),
        stdout: writer.as_fd(),
        stderr: writer.as_fd(),
    };
    let mut command = Command::new(&program, stdio);
    set_up(&mut command);
    let child = command.spawn().unwrap();
    drop(writer);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    (child.wait().await.unwrap(), bytes)
}

/// Runs a program that has to succeed and gives the text it wrote.
pub(crate) async fn text(path: &str, set_up: impl FnOnce(&mut Command<'_>)) -> String {
    let (exit, bytes) = output(path, set_up).await;
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(exit.termination, Termination::Exited(0), "{path} wrote {text}");
    text
}

/// The next line from a pipe, read byte by byte so that nothing behind it is lost.
pub(crate) fn line(reader: &mut impl Read) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while reader.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

const INNER: &str = "CHILDPROOF_LAUNCH_TEST";

/// Runs `body` in a process of its own, which is this test started again: for what changes the state of a whole process.
/// `name` is the test's full name.
pub(crate) fn in_own_process(name: &str, body: impl FnOnce()) {
    if is_inner(name) {
        body();
        // The body may have closed what the test harness would write to.
        std::process::exit(0);
    }
    let output = again(name).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{text}", output.status);
    assert!(!text.contains("running 0 tests"), "{name} is not the name of a test");
}

/// Whether this process is the test `name` started again.
pub(crate) fn is_inner(name: &str) -> bool {
    std::env::var_os(INNER).is_some_and(|inner| inner == name)
}

/// A command that starts the test `name` again.
pub(crate) fn again(name: &str) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INNER, name);
    command
}

/// The name of the calling test, as the harness has it.
macro_rules! name {
    ($test:ident) => {
        concat!(module_path!(), "::", stringify!($test))
            .split_once("::")
            .unwrap()
            .1
    };
}
pub(crate) use name;

/// Runs a future on a new runtime of one thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// What the kernel shall answer instead of doing a system call: when it is `call`, and its argument number `argument` has a
/// bit of `bits` set.
pub(crate) struct Refusal {
    pub(crate) call: libc::c_long,
    pub(crate) argument: Option<(u32, u32)>,
    pub(crate) errno: i32,
}

/// Makes the kernel refuse a system call to the calling thread and to all that it starts, as an older kernel would.
pub(crate) fn refuse(refusal: Refusal) {
    let stmt = |code: u32, k: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    let jump = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let any_set = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    // Where an argument is not looked at, its load finds the call's number, of which some bit is set.
    let (offset, bits) = refusal
        .argument
        .map_or((0, u32::MAX), |(index, bits)| (16 + 8 * index, bits));
    let mut filter = [
        stmt(load, 0),
        jump(equal, refusal.call as u32, 0, 3),
        stmt(load, offset),
        jump(any_set, bits, 0, 1),
        stmt(answer, libc::SECCOMP_RET_ERRNO | refusal.errno as u32),
        stmt(answer, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the calls take numbers and a pointer to a filter that lives during them.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program),
            0
        );
    }
}

/// waitid(2) without collecting: whether `pid` is (`Ok`) in the state that `options` name, waiting for it, or no child at all.
pub(crate) fn peek(pid: u32, options: i32) -> io::Result<i32> {
    loop {
        // SAFETY: all zeros is a value of this plain C struct.
        let mut info = unsafe { std::mem::zeroed::<libc::siginfo_t>() };
        // SAFETY: the kernel writes one struct, which lives during the call.
        if unsafe { libc::waitid(libc::P_PID, pid, &raw mut info, options | libc::WNOWAIT) } == 0 {
            return Ok(info.si_code);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Returns once `done` answers true, for what the kernel reports no event of. Fails if it does not within a minute.
#[track_caller]
pub(crate) fn until(done: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed().as_secs() < 60, "what is waited for has not come");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Returns once nothing is left of the child `pid`, not even a zombie.
pub(crate) fn until_collected(pid: u32) {
    until(|| peek(pid, libc::WEXITED).is_err());
    assert_eq!(peek(pid, libc::WEXITED).unwrap_err().raw_os_error(), Some(libc::ECHILD));
}

/// How many descriptors this process has open.
pub(crate) fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Writes a file and gives it the mode.
pub(crate) fn write_file(path: &Path, content: impl AsRef<[u8]>, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
