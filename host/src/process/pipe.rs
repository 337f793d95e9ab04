//! The host's ends of a process's pipes: asynchronous, with nothing between the kernel's pipe and the caller.
//!
//! Nobody reads ahead and nobody writes behind: a pipe that is not read fills up, and the process that writes to it stops.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use tokio::net::unix::pipe;

use super::meter::Meter;

/// How many bytes one read takes at most.
pub const READ_CHUNK: usize = 64 * 1024;

/// The size asked for the first pipes of the host. The kernel's own is 64 KiB; a process that writes in large blocks is
/// up to three times as fast with this.
const LARGE_PIPE: usize = 1024 * 1024;

/// How many pipes of the host may be large at once. The kernel counts the pipe memory of a user and, past 64 MiB, gives
/// new pipes a single page: the host's neighbours must not feel its pipes.
const LARGE_PIPES: usize = 32;

static LARGE_PIPES_ALIVE: AtomicUsize = AtomicUsize::new(0);

/// A place among the large pipes, given back when the host's end is dropped.
#[derive(Debug)]
struct LargePipe;

impl LargePipe {
    fn enlarge(pipe: &OwnedFd) -> Option<Self> {
        let taken = LARGE_PIPES_ALIVE.fetch_add(1, Ordering::Relaxed);
        let place = Self;
        // A user without the quota for it keeps the kernel's size.
        (taken < LARGE_PIPES && fcntl_setpipe_size(pipe, LARGE_PIPE).is_ok()).then_some(place)
    }
}

impl Drop for LargePipe {
    fn drop(&mut self) {
        LARGE_PIPES_ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The reading end of a pipe a process writes to.
#[derive(Debug)]
pub struct PipeReader {
    pipe: pipe::Receiver,
    meter: Option<Arc<Meter>>,
    _large: Option<LargePipe>,
}

/// The writing end of a pipe a process reads from.
#[derive(Debug)]
pub struct PipeWriter {
    pipe: pipe::Sender,
    _large: Option<LargePipe>,
}

/// A pipe that a process will write to, and the end to give it.
pub(crate) fn from_process() -> io::Result<(PipeReader, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    let large = LargePipe::enlarge(&read);
    set_nonblocking(read.as_fd(), true)?;
    let pipe = pipe::Receiver::from_owned_fd_unchecked(read)?;
    Ok((
        PipeReader {
            pipe,
            meter: None,
            _large: large,
        },
        write,
    ))
}

/// A pipe that a process will read from, and the end to give it.
pub(crate) fn to_process() -> io::Result<(PipeWriter, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    let large = LargePipe::enlarge(&write);
    set_nonblocking(write.as_fd(), true)?;
    let pipe = pipe::Sender::from_owned_fd_unchecked(write)?;
    Ok((PipeWriter { pipe, _large: large }, read))
}

/// Makes one end of a pipe non-blocking, or blocking again. The two ends share nothing but the buffer, so the host's end
/// can be the one while the process's is the other. A pipe has no other flag that this could lose.
fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> io::Result<()> {
    fcntl_setfl(fd, if nonblocking { OFlags::NONBLOCK } else { OFlags::empty() })?;
    Ok(())
}

impl PipeReader {
    pub(crate) fn set_meter(&mut self, meter: Arc<Meter>) {
        self.meter = Some(meter);
    }

    /// Reads what is there, at most `limit` bytes, onto the end of `buffer`. `Ok(0)` is the end of the stream;
    /// `WouldBlock` says that nothing is there now.
    ///
    /// # Errors
    ///
    /// Those of read(2).
    pub fn try_read(&self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        if limit == 0 {
            return Ok(0);
        }
        let allowed = self.meter.as_ref().map_or(limit, |meter| meter.allowance(limit));
        let before = buffer.len();
        buffer.reserve(allowed.min(READ_CHUNK));
        loop {
            match self.pipe.try_read_buf(&mut (&mut *buffer).limit(allowed)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(read) => {
                    let kept = self.meter.as_ref().map_or(read, |meter| meter.count(read));
                    buffer.truncate(before + kept);
                    return Ok(kept);
                }
            }
        }
    }

    /// Waits until [`try_read`](Self::try_read) is worth a call: something can be read, or the end was reached. It may
    /// answer early.
    ///
    /// # Cancel safety
    ///
    /// Nothing is read here, so nothing can be lost.
    pub async fn readable(&self) {
        // An error means that the runtime is going away; the read that follows says so.
        let _ = self.pipe.readable().await;
    }

    /// [`try_read`](Self::try_read), with a wake-up when there is something to read.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.try_read(buffer, limit) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.poll_readable(cx))?,
                done => return Poll::Ready(done),
            }
        }
    }

    /// Waits for something to read without reading it.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.poll_read_ready(cx)
    }

    /// How many bytes lie in the pipe.
    pub(crate) fn available(&self) -> io::Result<u64> {
        Ok(rustix::io::ioctl_fionread(&self.pipe)?)
    }

    /// The descriptor, blocking again, to be passed on to a process.
    pub(crate) fn to_process(&self) -> io::Result<OwnedFd> {
        pass_on(self.pipe.as_fd())
    }

    /// Takes back what [`to_process`](Self::to_process) did: the process did not come about.
    pub(crate) fn keep(&self) -> io::Result<()> {
        set_nonblocking(self.pipe.as_fd(), true)
    }
}

impl PipeWriter {
    /// Writes what the pipe takes now. `WouldBlock` says that it is full.
    ///
    /// # Errors
    ///
    /// Those of write(2); `BrokenPipe` when nobody reads the pipe any more.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.pipe.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    /// Waits until [`try_write`](Self::try_write) is worth a call. It may answer early.
    ///
    /// # Cancel safety
    ///
    /// Nothing is written here, so nothing can be written twice.
    pub async fn writable(&self) {
        let _ = self.pipe.writable().await;
    }

    /// [`try_write`](Self::try_write), with a wake-up when there is room.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.pipe.poll_write_ready(cx))?,
                done => return Poll::Ready(done),
            }
        }
    }

    /// The descriptor, blocking again, to be passed on to a process.
    pub(crate) fn to_process(&self) -> io::Result<OwnedFd> {
        pass_on(self.pipe.as_fd())
    }

    /// Takes back what [`to_process`](Self::to_process) did: the process did not come about.
    pub(crate) fn keep(&self) -> io::Result<()> {
        set_nonblocking(self.pipe.as_fd(), true)
    }
}

fn pass_on(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let passed = rustix::io::fcntl_dupfd_cloexec(fd, 3)?;
    set_nonblocking(passed.as_fd(), false)?;
    Ok(passed)
}
