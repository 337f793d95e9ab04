//! The interface for guests of WASI 0.2.

use std::any::Any;

/// Generated from `wit/0.2`.
#[allow(missing_docs, unsafe_code, unreachable_pub, dead_code)]
mod generated {
    wit_bindgen::generate!({
        inline: r#"
            package childproof:test-guests;

            world guest {
                include childproof:process/imports@0.2.0;
                import wasi:filesystem/preopens@0.2.12;
            }
        "#,
        path: "../../wit/0.2",
        world: "childproof:test-guests/guest",
        generate_all,
    });
}

pub use generated::childproof::process::types::*;
pub use generated::wasi::filesystem::preopens;
pub use generated::wasi::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
pub use generated::wasi::io::poll::{Pollable, poll};
pub use generated::wasi::io::streams::{InputStream, OutputStream, StreamError};

/// Gives a command a pipe for its standard output.
pub fn pipe_stdout(command: &Command) {
    command.stdout(StdoutTarget::Piped);
}

/// Gives a command a pipe for its standard error.
pub fn pipe_stderr(command: &Command) {
    command.stderr(StderrTarget::Piped);
}

/// Waits until a process has ended.
pub fn wait(process: &Process) -> Result<ExitStatus, Error> {
    process.wait()
}

/// Waits `count` times at once for a process that `end` ends. That no answer comes before that is asserted.
pub fn wait_at_once(process: &Process, count: usize, end: impl FnOnce()) -> Vec<ExitStatus> {
    let waiters: Vec<Pollable> = (0..count).map(|_| process.subscribe()).collect();
    let waiters: Vec<&Pollable> = waiters.iter().collect();
    assert!(
        waiters.iter().all(|waiter| !waiter.ready()),
        "the process has not ended"
    );
    end();
    assert!(!poll(&waiters).is_empty());
    assert_eq!(
        poll(&waiters).len(),
        waiters.len(),
        "what is ready once is ready for all"
    );
    let statuses = waiters
        .iter()
        .map(|waiter| {
            waiter.block();
            process.try_wait().unwrap().expect("it is ready")
        })
        .collect();
    assert!(process.subscribe().ready(), "so is one that is made after the end");
    statuses
}

/// Reads the outputs of a process to their ends and waits.
pub fn communicate(process: &Process, options: CommunicateOptions) -> Result<Output, Error> {
    process.communicate(None, options)
}

/// Opens what lies below a directory of the guest's.
pub fn open_at(directory: &Descriptor, path: &str, how: OpenFlags, flags: DescriptorFlags) -> Descriptor {
    directory
        .open_at(PathFlags::empty(), path, how, flags)
        .expect("it can be opened")
}

/// All that a guest can hold of a process with three pipes.
pub fn parts(process: Process) -> [Box<dyn Any>; 5] {
    let pollable = process.subscribe();
    let stdin = process.take_stdin();
    let stdout = process.take_stdout();
    let stderr = process.take_stderr();
    [
        Box::new(process),
        Box::new(pollable),
        Box::new(stdin),
        Box::new(stdout),
        Box::new(stderr),
    ]
}

/// The guest's end of a pipe to a process.
pub struct Stdin(OutputStream);

/// Takes the pipe to a process's standard input.
pub fn take_stdin(process: &Process) -> Option<Stdin> {
    process.take_stdin().map(Stdin)
}

impl Stdin {
    /// Writes of `bytes` what the stream takes while nobody reads it, and says how much that is.
    pub fn fill(&mut self, bytes: &[u8]) -> usize {
        let mut accepted = 0;
        loop {
            let permit = self.0.check_write().expect("it can be written to") as usize;
            if permit == 0 {
                return accepted;
            }
            let end = bytes.len().min(accepted + permit);
            assert!(accepted < end, "the stream takes more than there is");
            self.0.write(&bytes[accepted..end]).expect("it was permitted");
            accepted = end;
        }
    }

    /// The other process as a place to write to.
    pub fn into_stdout(self) -> StdoutTarget<'static> {
        StdoutTarget::Stream(self.0)
    }

    /// The same for standard error.
    pub fn into_stderr(self) -> StderrTarget<'static> {
        StderrTarget::Stream(self.0)
    }
}

/// The guest's end of a pipe from a process.
pub struct Stdout(InputStream);

/// Takes the pipe from a process's standard output.
pub fn take_stdout(process: &Process) -> Option<Stdout> {
    process.take_stdout().map(Stdout)
}

/// Takes the pipe from a process's standard error.
pub fn take_stderr(process: &Process) -> Option<Stdout> {
    process.take_stderr().map(Stdout)
}

impl Stdout {
    /// Whether there is neither something to read nor the end.
    pub fn is_silent(&mut self) -> bool {
        !self.0.subscribe().ready()
    }

    /// Waits, and says whether the end is next.
    pub fn is_at_end(&mut self) -> bool {
        matches!(self.0.blocking_read(1), Err(StreamError::Closed))
    }

    /// The pipe as what another process reads.
    pub fn into_stdin(self) -> StdinSource<'static> {
        StdinSource::Stream(self.0)
    }

    /// Waits until there is something to read, and gives the pipe away without letting go of what was waited with.
    pub fn into_stdin_watched(self) -> (StdinSource<'static>, impl Sized) {
        let pollable = self.0.subscribe();
        pollable.block();
        (self.into_stdin(), pollable)
    }
}
