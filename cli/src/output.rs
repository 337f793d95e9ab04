//! The guest's stdout and stderr, which are those of this command.
//!
//! A pipe or terminal that nobody reads must hold up the guest and not this process, which has signals and limits to look
//! after. So nothing here waits in a system call: pipes and terminals are opened anew, because a descriptor that is shared
//! with others cannot be switched to non-blocking without switching it for them, too. Files and devices always make
//! progress, and are written to as they are.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::net::SendFlags;
use tokio::io::AsyncWrite;
use tokio::net::unix::pipe;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// How much the guest may write in one go.
const CHUNK: usize = 64 * 1024;

/// One of the two streams. Clones are the same stream.
#[derive(Clone, Debug)]
pub(crate) struct Output(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    fd: OwnedFd,
    is_socket: bool,
    is_terminal: bool,
    /// What the guest wrote and the stream has not taken yet.
    pending: Mutex<VecDeque<Bytes>>,
    /// Says when there is room again. Made when the stream is first found to be full. It is asked for nothing else, so that
    /// it may stand for a terminal or a socket, too.
    readiness: OnceLock<pipe::Sender>,
}

impl Output {
    pub(crate) fn stdout() -> io::Result<Self> {
        Self::new(io::stdout().as_fd().try_clone_to_owned()?)
    }

    pub(crate) fn stderr() -> io::Result<Self> {
        Self::new(io::stderr().as_fd().try_clone_to_owned()?)
    }

    fn new(fd: OwnedFd) -> io::Result<Self> {
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode);
        let is_terminal = kind == FileType::CharacterDevice && rustix::termios::isatty(&fd);
        let anew = || {
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            rustix::fs::open(format!("/proc/self/fd/{}", fd.as_raw_fd()), flags, Mode::empty()).ok()
        };
        let fd = match kind == FileType::Fifo || is_terminal {
            true => anew(),
            false => None,
        }
        .unwrap_or(fd);
        Ok(Self(Arc::new(Shared {
            fd,
            is_socket: kind == FileType::Socket,
            is_terminal,
            pending: Mutex::default(),
            readiness: OnceLock::new(),
        })))
    }

    /// Waits until all that the guest wrote was taken, or nobody will take it any more.
    pub(crate) async fn drained(&self) {
        if self
            .0
            .push()
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        {
            let _ = self.0.push_when_ready().await;
        }
    }
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, VecDeque<Bytes>> {
        // No code that can panic runs under the lock.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is pending. After an error other than "would block" nothing is.
    fn push(&self) -> io::Result<()> {
        self.push_all(&mut self.pending())
    }

    fn push_all(&self, pending: &mut VecDeque<Bytes>) -> io::Result<()> {
        while let Some(chunk) = pending.front_mut() {
            match self.write(chunk) {
                Ok(written) => chunk.advance(written),
                Err(error) => {
                    if error.kind() != io::ErrorKind::WouldBlock {
                        pending.clear();
                    }
                    return Err(error);
                }
            }
            if chunk.is_empty() {
                pending.pop_front();
            }
        }
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = rustix::io::retry_on_intr(|| match self.is_socket {
            true => rustix::net::send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            false => rustix::io::write(&self.fd, bytes),
        });
        Ok(written?)
    }

    /// Writes a part of the bytes, behind what is pending.
    fn write_behind(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut pending = self.pending();
        self.push_all(&mut pending)?;
        self.write(bytes)
    }

    fn readiness(&self) -> io::Result<&pipe::Sender> {
        if let Some(readiness) = self.readiness.get() {
            return Ok(readiness);
        }
        let made = pipe::Sender::from_owned_fd_unchecked(self.fd.try_clone()?)?;
        Ok(self.readiness.get_or_init(|| made))
    }

    async fn push_when_ready(&self) -> io::Result<()> {
        let readiness = self.readiness()?;
        loop {
            readiness.writable().await?;
            match readiness.try_io(|| self.push()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                pushed => return pushed,
            }
        }
    }
}

impl OutputStream for Output {
    fn check_write(&mut self) -> StreamResult<usize> {
        match self.0.push() {
            Ok(()) => Ok(CHUNK),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(failed(error)),
        }
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.pending().push_back(bytes);
        match self.0.push() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(failed(error)),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        // Nothing is held back: what was not written yet is on its way, and `check_write` says when it has gone.
        Ok(())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        self.drained().await;
    }
}

fn failed(error: io::Error) -> StreamError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => StreamError::Closed,
        _ => StreamError::LastOperationFailed(error.into()),
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        self.0.is_terminal
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Writer {
            output: self.0.clone(),
            room: None,
        })
    }
}

/// The stream as guests of WASI 0.3 have it. Nothing is pending of what they write: a write is done when the stream has
/// taken the bytes.
struct Writer {
    output: Arc<Shared>,
    /// Waits for room, where there was none. Each writer waits by itself: any number may write to the same stream.
    room: Option<Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>>,
}

impl AsyncWrite for Writer {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let bytes = bytes.get(..CHUNK).unwrap_or(bytes);
        loop {
            let written = match &mut self.room {
                None => self.output.write_behind(bytes),
                Some(room) => {
                    let found = ready!(room.as_mut().poll(context));
                    self.room = None;
                    found?;
                    self.output.readiness()?.try_io(|| self.output.write_behind(bytes))
                }
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let output = self.output.clone();
                    self.room = Some(Box::pin(async move { output.readiness()?.writable().await }));
                }
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::task::Waker;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn a_pipe_that_nobody_reads_holds_up_the_guest_alone_and_loses_nothing() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = Output::new(OwnedFd::from(writer)).unwrap();
        let mut written = 0u32;
        while let Ok(permit @ 1..) = output.check_write() {
            let chunk: Vec<u8> = (0..permit).map(|index| (index as u32 + written) as u8).collect();
            written += permit as u32;
            output.write(chunk.into()).unwrap();
        }
        let reading = tokio::task::spawn_blocking(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).map(|_| read)
        });
        output.drained().await;
        assert_eq!(output.check_write().unwrap(), CHUNK);
        drop(output);
        let read = reading.await.unwrap().unwrap();
        assert_eq!(read.len(), written as usize);
        assert!(read.iter().enumerate().all(|(index, byte)| *byte == index as u8));
    }

    #[tokio::test]
    async fn writers_that_wait_for_room_in_the_same_pipe_all_go_on() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = Output::new(OwnedFd::from(writer)).unwrap();
        let mut first = 0;
        while let Ok(permit @ 1..) = output.check_write() {
            output.write(vec![0; permit].into()).unwrap();
            first += permit;
        }
        let waits = |byte: u8| {
            let mut writer = Box::into_pin(output.async_stream());
            async move { writer.write_all(&vec![byte; 3 * CHUNK]).await.unwrap() }
        };
        let (mut one, mut two) = (Box::pin(waits(1)), Box::pin(waits(2)));
        let waker = &mut Context::from_waker(Waker::noop());
        assert!(one.as_mut().poll(waker).is_pending() && two.as_mut().poll(waker).is_pending());
        let reading = tokio::task::spawn_blocking(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).map(|_| read)
        });
        let mut writing = tokio::task::JoinSet::new();
        writing.spawn(one);
        writing.spawn(two);
        writing.join_all().await;
        drop(output);
        let read = reading.await.unwrap().unwrap();
        assert!(
            read.iter().take(first).all(|byte| *byte == 0),
            "what was written first did not come first"
        );
        for byte in [1, 2] {
            assert_eq!(read.iter().filter(|read| **read == byte).count(), 3 * CHUNK);
        }
    }

    #[tokio::test]
    async fn a_reader_that_went_away_closes_the_stream() {
        let (reader, writer) = io::pipe().unwrap();
        let mut output = Output::new(OwnedFd::from(writer)).unwrap();
        drop(reader);
        assert!(matches!(
            output.write(Bytes::from_static(b"x")),
            Err(StreamError::Closed)
        ));
        let written = Box::into_pin(output.async_stream()).write(b"x").await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        output.drained().await;
    }
}
