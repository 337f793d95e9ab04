//! The asynchronous half of the SDK with the names and methods of the other.
//!
//! Each method waits at once for what the method of the same name of [`childproof::asynchronous`] begins, within the task of
//! the program's own `run`.

use std::ffi::OsStr;
use std::fs;
use std::future::poll_fn;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use childproof::asynchronous;
use wit_bindgen::block_on;

pub use childproof::asynchronous::Stdio;
pub use childproof::{
    Captured, CommunicateOptions, Communicated, EndedBy, Error, ExitStatus, Limit, Output, Problem, Quota, Signal,
    Stopped, StoppedBy, Usage,
};

use crate::raw::monotonic_clock;

/// See [`asynchronous::Command`].
#[derive(Debug)]
pub struct Command(asynchronous::Command);

/// Methods that set something and answer the command.
macro_rules! setters {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        $(
            pub fn $name(&mut self, $($argument: $type),*) -> &mut Self {
                self.0.$name($($argument),*);
                self
            }
        )*
    };
}

impl Command {
    setters! {
        arg(arg: impl AsRef<OsStr>);
        args(args: impl IntoIterator<Item = impl AsRef<OsStr>>);
        arg0(name: impl AsRef<OsStr>);
        env(key: impl AsRef<OsStr>, value: impl AsRef<OsStr>);
        envs(variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>);
        env_remove(key: impl AsRef<OsStr>);
        env_clear();
        current_dir(directory: impl AsRef<Path>);
        stdin(stdin: impl Into<Stdio>);
        stdout(stdout: impl Into<Stdio>);
        stderr(stderr: impl Into<Stdio>);
        stderr_to_stdout();
        timeout(after: Duration);
        output_limit(bytes: u64);
    }

    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Command(asynchronous::Command::new(program))
    }

    pub fn spawn(&mut self) -> io::Result<Child> {
        self.0.spawn().map(Child::new)
    }

    pub fn output(&mut self) -> io::Result<Output> {
        block_on(self.0.output())
    }

    pub fn status(&mut self) -> io::Result<ExitStatus> {
        block_on(self.0.status())
    }

    pub fn spawn_hosted(&mut self) -> io::Result<HostedChild> {
        self.0.spawn_hosted().map(HostedChild)
    }
}

/// See [`asynchronous::Child`]. It is lent the streams when it has to do something with them.
#[derive(Debug)]
pub struct Child {
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<ChildStdout>,
    pub stderr: Option<ChildStderr>,
    child: asynchronous::Child,
}

impl Child {
    fn new(child: asynchronous::Child) -> Self {
        let mut this = Child {
            stdin: None,
            stdout: None,
            stderr: None,
            child,
        };
        this.take_back();
        this
    }

    fn lend(&mut self) -> &mut asynchronous::Child {
        self.child.stdin = self.stdin.take().map(|stream| stream.0);
        self.child.stdout = self.stdout.take().map(|stream| stream.0);
        self.child.stderr = self.stderr.take().map(|stream| stream.0);
        &mut self.child
    }

    fn take_back(&mut self) {
        self.stdin = self.child.stdin.take().map(ChildStdin);
        self.stdout = self.child.stdout.take().map(ChildStdout);
        self.stderr = self.child.stderr.take().map(ChildStderr);
    }

    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = block_on(self.lend().wait());
        self.take_back();
        status
    }

    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// The wait is given up when the time is over. It has no stream to close.
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let status = block_on(async {
            let mut wait = pin!(self.child.wait());
            let mut time = pin!(monotonic_clock::wait_for(nanoseconds));
            poll_fn(|cx| match wait.as_mut().poll(cx) {
                Poll::Ready(status) => Poll::Ready(Some(status)),
                Poll::Pending => time.as_mut().poll(cx).map(|()| None),
            })
            .await
        });
        match status {
            Some(status) => status.map(Some),
            None => self.try_wait(),
        }
    }

    pub fn wait_with_output(mut self) -> io::Result<Output> {
        self.lend();
        block_on(self.child.wait_with_output())
    }

    pub fn communicate(&mut self, input: impl AsRef<[u8]>) -> io::Result<Communicated> {
        self.communicate_with(input, &CommunicateOptions::new())
    }

    pub fn communicate_with(
        &mut self,
        input: impl AsRef<[u8]>,
        options: &CommunicateOptions,
    ) -> io::Result<Communicated> {
        let output = block_on(self.lend().communicate_with(input.as_ref(), options));
        self.take_back();
        output
    }

    pub fn send_signal(&mut self, signal: Signal) -> io::Result<()> {
        self.child.send_signal(signal)
    }

    pub fn terminate(&mut self) -> io::Result<()> {
        self.child.terminate()
    }

    pub fn kill(&mut self) -> io::Result<()> {
        self.child.start_kill()
    }

    pub fn stop(&mut self, grace: Duration) -> io::Result<Stopped> {
        block_on(self.child.stop(grace))
    }

    pub fn usage(&self) -> Option<Usage> {
        self.child.usage()
    }
}

/// See [`asynchronous::HostedChild`].
#[derive(Debug)]
pub struct HostedChild(asynchronous::HostedChild);

impl HostedChild {
    pub fn communicate(&mut self, input: Option<&[u8]>, options: &CommunicateOptions) -> io::Result<Communicated> {
        block_on(self.0.communicate(input.map(<[u8]>::to_vec), options))
    }

    pub fn into_child(self) -> Child {
        Child::new(self.0.into_child())
    }
}

/// See [`asynchronous::ChildStdin`].
#[derive(Debug)]
pub struct ChildStdin(asynchronous::ChildStdin);

impl Write for ChildStdin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        block_on(self.0.write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        block_on(self.0.write_all(bytes))
    }

    /// What was written is in the pipe.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<ChildStdin> for Stdio {
    fn from(stream: ChildStdin) -> Stdio {
        stream.0.into()
    }
}

/// The two ends that a process writes to.
macro_rules! readers {
    ($($name:ident)*) => {
        $(
            #[doc = concat!("See [`asynchronous::", stringify!($name), "`].")]
            #[derive(Debug)]
            pub struct $name(asynchronous::$name);

            impl Read for $name {
                fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                    block_on(self.0.read(buffer))
                }

                fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
                    block_on(self.0.read_to_end(buffer))
                }
            }

            impl From<$name> for Stdio {
                fn from(stream: $name) -> Stdio {
                    stream.0.into()
                }
            }
        )*
    };
}

readers! { ChildStdout ChildStderr }

/// See [`asynchronous::File`]. That serves processes alone: the guest reads and writes the file with std, from the same
/// offset on.
#[derive(Debug)]
pub struct File {
    file: asynchronous::File,
    path: PathBuf,
    append: bool,
}

impl File {
    pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
        File::options().read(true).open(path)
    }

    pub fn create(path: impl AsRef<Path>) -> io::Result<File> {
        File::options().write(true).create(true).truncate(true).open(path)
    }

    pub fn options() -> FileOptions {
        FileOptions::default()
    }

    /// Moves the offset by what was read or written.
    fn advance(&mut self, by: usize) -> io::Result<usize> {
        let distance = i64::try_from(by).expect("no buffer is so large");
        self.seek(SeekFrom::Current(distance))?;
        Ok(by)
    }
}

impl Seek for File {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        block_on(self.file.seek(position))
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = fs::File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.stream_position()?))?;
        let len = file.read(buffer)?;
        self.advance(len)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).append(self.append).open(&self.path)?;
        if self.append {
            return file.write(bytes);
        }
        file.seek(SeekFrom::Start(self.stream_position()?))?;
        let len = file.write(bytes)?;
        self.advance(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<&File> for Stdio {
    fn from(file: &File) -> Stdio {
        (&file.file).into()
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Stdio {
        file.file.into()
    }
}

/// See [`asynchronous::FileOptions`].
#[derive(Clone, Debug, Default)]
pub struct FileOptions {
    options: asynchronous::FileOptions,
    append: bool,
}

/// Options that are on or off.
macro_rules! switches {
    ($($name:ident)*) => {
        $(
            pub fn $name(&mut self, yes: bool) -> &mut Self {
                self.options.$name(yes);
                self
            }
        )*
    };
}

impl FileOptions {
    switches! { read write truncate create create_new }

    pub fn append(&mut self, yes: bool) -> &mut Self {
        self.options.append(yes);
        self.append = yes;
        self
    }

    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        Ok(File {
            file: block_on(self.options.open(&path))?,
            path: path.as_ref().to_owned(),
            append: self.append,
        })
    }
}
