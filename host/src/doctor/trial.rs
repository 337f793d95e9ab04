//! Running a program of the system to see what becomes of it.

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use childproof_launch::{Command, Exit, Profile, Program, Rlimit, Stdio, Termination};
use tokio::runtime::Runtime;

/// Where programs are looked for, and nowhere else: the host's PATH may name anything.
const DIRECTORIES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";
/// None of the programs does anything that takes time.
const PATIENCE: Duration = Duration::from_secs(20);

/// The file of a program of the system.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let files = DIRECTORIES.iter().map(|directory| Path::new(directory).join(name));
    files.into_iter().find(|file| file.is_file())
}

/// A program to try.
pub(super) struct Trial<'a> {
    pub(super) program: &'a Path,
    pub(super) args: &'a [&'a str],
    pub(super) profile: Option<&'a Profile>,
    pub(super) rlimits: &'a [Rlimit],
}

/// How it ended, and what it printed.
pub(super) struct Ended {
    pub(super) termination: Termination,
    pub(super) stdout: String,
}

impl Trial<'_> {
    /// Runs it to its end. The error is a sentence.
    pub(super) fn run(&self, runtime: &Runtime) -> Result<Ended, String> {
        let shown = self.program.display();
        let program = Program::open(self.program).map_err(|error| format!("{shown} cannot be opened: {error}"))?;
        let no_streams = |error: io::Error| format!("no streams can be made: {error}");
        let null = File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .map_err(no_streams)?;
        let (reader, writer) = io::pipe().map_err(no_streams)?;
        let stdio = Stdio {
            stdin: null.as_fd(),
            stdout: writer.as_fd(),
            stderr: null.as_fd(),
        };
        let mut command = Command::new(&program, stdio);
        command.args(self.args).env("PATH", PATH).env("LC_ALL", "C");
        if let Some(profile) = self.profile {
            command.confine(profile);
        }
        for rlimit in self.rlimits {
            command.rlimit(*rlimit);
        }
        let child = command
            .spawn()
            .map_err(|error| format!("{shown} cannot be started: {error}"))?;
        let waited = runtime.block_on(async { tokio::time::timeout(PATIENCE, child.wait()).await });
        // What it leaves behind ends here, and cannot hold the pipe.
        drop(child);
        drop(writer);
        match waited {
            Ok(Ok(Exit { termination, .. })) => Ok(Ended {
                termination,
                stdout: what_is_there(reader).map_err(no_streams)?,
            }),
            Ok(Err(error)) => Err(format!("the end of {shown} is not known: {error}")),
            Err(_) => Err(format!(
                "{shown} did not end within {} seconds, and was killed",
                PATIENCE.as_secs()
            )),
        }
    }
}

/// What was written so far: it is less than a pipe holds.
fn what_is_there(mut reader: PipeReader) -> io::Result<String> {
    rustix::io::ioctl_fionbio(&reader, true)?;
    let mut bytes = Vec::new();
    match reader.read_to_end(&mut bytes) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// How it ended, as the end of a sentence.
pub(super) fn end(termination: Termination) -> String {
    match termination {
        Termination::Exited(code) => format!("exited with {code}"),
        Termination::Signaled(signal) => format!("was ended by {signal}"),
    }
}
