//! A process of its own for each test, as root and as a user without rights.
//!
//! A test asks about the whole process that is the host: its descriptors, its environment, its memory. So it runs in one
//! that is nothing but the host of this one test.

use std::env;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::probe;

/// Names the test that this process was started for.
const ONLY: &str = "CHILDPROOF_ESCAPE_ONLY";

/// The host's secret, in its environment.
pub(crate) const HOST_SECRET: &str = "HOST_SECRET";

/// The directory of the set-user-ID program, where there is one.
const SUID: &str = "CHILDPROOF_ESCAPE_SUID";

/// A user without rights, and without a name. Not 65534, which is what a number that a user namespace does not know
/// looks like.
const NOBODY: u32 = 54_321;

/// Who runs the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Root,
    Unprivileged,
}

/// What the host of a test was started with.
pub(crate) struct Host {
    pub(crate) probe: Vec<u8>,
    pub(crate) secret: String,
    /// The directory of the program `probe` that belongs to another user and has the set-user-ID bit.
    pub(crate) suid: Option<PathBuf>,
    pub(crate) user: User,
}

/// Runs `body` as `user` in a process that runs nothing but the test `name`, as the test harness prints it.
pub(crate) fn alone(name: &str, user: User, body: impl FnOnce(&Host)) {
    if env::var(ONLY).as_deref() == Ok(name) {
        return body(&Host::of_this_process(user));
    }
    let is_root = rustix::process::geteuid().is_root();
    if user == User::Root && !is_root {
        return skipped(name, "the suite does not run as root");
    }
    let suid = is_root.then(TempDir::new).transpose().expect("a directory");
    let mut command = again(name);
    command
        .env(HOST_SECRET, secret())
        .stdin(file_of(probe::program_bytes()));
    if let Some(suid) = &suid {
        command.env(SUID, suid.path());
    }
    if is_root && user == User::Unprivileged {
        command.uid(NOBODY).gid(NOBODY);
    }
    let child = {
        // While a child is between its fork and its program it holds a copy of every descriptor, and nobody can run a
        // program that somebody may write to.
        static STARTING: Mutex<()> = Mutex::new(());
        let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(suid) = &suid {
            prepare_suid(suid.path(), if user == User::Root { NOBODY } else { 0 });
        }
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the test can be run once more")
    };
    let output = child.wait_with_output().expect("it can be waited for");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "as {user:?}:\n{stdout}\n{stderr}"
    );
    let notes: Vec<&str> = stderr.lines().filter(|line| line.starts_with(SKIPPED)).collect();
    for note in notes {
        say(note);
    }
}

/// A command line that runs the test `name`, and it alone. The program is named so that it can be found by a user who may
/// not enter the directory that it lies in.
pub(crate) fn again(name: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args([name, "--exact", "--nocapture"]).env(ONLY, name);
    command
}

/// An open file that holds `bytes`, to be read from the beginning.
fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes)
        .and_then(|()| file.rewind())
        .expect("a file can be written to");
    file
}

impl Host {
    fn of_this_process(user: User) -> Self {
        let stdin = io::stdin().as_fd().try_clone_to_owned().expect("a descriptor");
        let mut probe = Vec::new();
        File::from(stdin)
            .read_to_end(&mut probe)
            .expect("the probe is handed over");
        Self {
            probe,
            secret: env::var(HOST_SECRET).expect("the secret is handed over"),
            suid: env::var_os(SUID).map(PathBuf::from),
            user,
        }
    }
}

/// A copy of the probe that has the rights of the user `owner`, whoever starts it.
fn prepare_suid(directory: &Path, owner: u32) {
    let program = directory.join("probe");
    fs::write(&program, probe::program_bytes()).expect("a file");
    // To change the owner takes the bit away, so it comes last.
    chown(&program, Some(owner), Some(owner)).expect("root may");
    for (path, mode) in [(directory, 0o755), (&program, 0o4755)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    }
}

/// Words that nobody can guess, and that the probe knows by their beginning.
pub(crate) fn secret() -> String {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .expect("the system has random numbers");
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("childproof-secret-{digits}")
}

const SKIPPED: &str = "SKIPPED ";

/// Says that something was not tested, and why. It is seen even where the test harness keeps what tests print.
pub(crate) fn skipped(name: &str, why: &str) {
    say(&format!("{SKIPPED}{name}: {why}"));
}

fn say(line: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(io::stderr(), "{line}");
}
