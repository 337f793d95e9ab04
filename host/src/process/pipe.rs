//! The host's ends of a process's pipes: asynchronous, with nothing between the kernel's pipe and the caller.
//!
//! Nobody reads ahead and nobody writes behind: a pipe that is not read fills up, and the process that writes to it stops.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use rustix::buffer::spare_capacity;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use tokio::net::unix::pipe;

use super::meter::Meter;
use super::quota::Held;

/// How many bytes one read takes at most.
pub const READ_CHUNK: usize = 64 * 1024;

/// How many bytes the largest pipe holds, which is the most that a read can find in one.
pub(crate) const LARGEST_PIPE: usize = 1024 * 1024;

/// The sizes asked for the host's pipes, in bytes, and how much all pipes may hold together for a pipe to get that size.
/// The kernel's own size is 64 KiB; a process that writes in large blocks is up to three times as fast with the largest.
///
/// The kernel counts the pipe memory of a user and, past 64 MiB, gives new pipes a single page. The host's neighbours must
/// not feel its pipes, so it stays well below.
const LARGE_PIPES: [(usize, usize); 2] = [(LARGEST_PIPE, 16 * 1024 * 1024), (256 * 1024, 48 * 1024 * 1024)];

/// How many bytes the large pipes of the host hold together.
static LARGE_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The bytes of a large pipe, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct LargePipe(usize);

impl LargePipe {
    fn enlarge(pipe: &OwnedFd) -> Option<Self> {
        LARGE_PIPES.into_iter().find_map(|(size, most)| {
            let place = Self(size);
            let together = LARGE_BYTES.fetch_add(size, Ordering::Relaxed).saturating_add(size);
            // A user without the quota for it keeps the kernel's size.
            (together <= most && fcntl_setpipe_size(pipe, size).is_ok()).then_some(place)
        })
    }
}

impl Drop for LargePipe {
    fn drop(&mut self) {
        LARGE_BYTES.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// The reading end of a pipe a process writes to.
#[derive(Debug)]
pub struct PipeReader {
    pipe: Arc<pipe::Receiver>,
    meter: Option<Arc<Meter>>,
    large: Option<LargePipe>,
    held: Option<Arc<Held>>,
}

/// The writing end of a pipe a process reads from.
#[derive(Debug)]
pub struct PipeWriter {
    pipe: pipe::Sender,
    large: Option<LargePipe>,
    held: Option<Arc<Held>>,
}

/// A pipe that a process will write to, and the end to give it.
pub(crate) fn from_process() -> io::Result<(PipeReader, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    let large = LargePipe::enlarge(&read);
    set_nonblocking(read.as_fd(), true)?;
    let pipe = pipe::Receiver::from_owned_fd_unchecked(read)?;
    Ok((
        PipeReader {
            pipe: Arc::new(pipe),
            meter: None,
            large,
            held: None,
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
    let writer = PipeWriter {
        pipe,
        large,
        held: None,
    };
    Ok((writer, read))
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

    /// The pipe, for whoever only looks at it.
    pub(crate) fn downgrade(&self) -> Weak<pipe::Receiver> {
        Arc::downgrade(&self.pipe)
    }

    /// Has the pipe count among what the guest holds.
    pub(crate) fn hold(&mut self, held: Arc<Held>) {
        self.held = Some(held);
    }

    /// Reads what is there, at most `limit` bytes, onto the end of `buffer`. `Ok(0)` is the end of the stream;
    /// `WouldBlock` says that nothing is there now.
    ///
    /// # Errors
    ///
    /// Those of read(2). `FileTooLarge` once the process's limit of output is read, where the process had ended and its
    /// status does not say so.
    pub fn try_read(&self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        if limit == 0 {
            return Ok(0);
        }
        let before = buffer.len();
        let kept = self.metered(limit, |allowed| {
            buffer.reserve(allowed.min(READ_CHUNK));
            loop {
                match self.pipe.try_read_buf(&mut (&mut *buffer).limit(allowed)) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // The reactor may not have heard yet of what is in the pipe.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break self.read_now(buffer, allowed),
                    done => break done,
                }
            }
        });
        buffer.truncate(before + *kept.as_ref().unwrap_or(&0));
        kept
    }

    /// Reads with `read`, within the limit of output if there is one.
    fn metered(&self, wanted: usize, read: impl FnOnce(usize) -> io::Result<usize>) -> io::Result<usize> {
        match &self.meter {
            Some(meter) => meter.read(wanted, read),
            None => read(wanted),
        }
    }

    /// Reads what is there into `bytes`, which is not empty, with a wake-up when there is something to read.
    pub(crate) fn poll_fill(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let read = self.metered(bytes.len(), |allowed| {
                let bytes = bytes.get_mut(..allowed).unwrap_or_default();
                match self.pipe.try_read(bytes) {
                    // The reactor may not have heard yet of what is in the pipe.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        rustix::io::read(&*self.pipe, bytes).map_err(io::Error::from)
                    }
                    done => done,
                }
            });
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.pipe.poll_read_ready(cx))?;
                }
                done => return Poll::Ready(done),
            }
        }
    }

    /// Asks the kernel, whatever the reactor has heard.
    fn read_now(&self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        if buffer.capacity() - buffer.len() <= limit {
            return Ok(rustix::io::read(&*self.pipe, spare_capacity(buffer))?);
        }
        // The buffer has more room than may be filled.
        let mut bounded = Vec::with_capacity(limit.min(READ_CHUNK));
        let read = rustix::io::read(&*self.pipe, spare_capacity(&mut bounded))?;
        buffer.append(&mut bounded);
        Ok(read)
    }

    /// Waits until [`try_read`](Self::try_read) is worth a call: something can be read, or the end was reached. It may
    /// answer early.
    ///
    /// # Errors
    ///
    /// When the runtime that the process was started in is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is read here, so nothing can be lost.
    pub async fn readable(&self) -> io::Result<()> {
        self.pipe.readable().await
    }

    /// [`readable`](Self::readable), to be polled.
    #[cfg(feature = "p3")]
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.meter {
            // What the next read says does not come out of the pipe.
            Some(meter) if meter.is_exceeded() => Poll::Ready(Ok(())),
            _ => self.pipe.poll_read_ready(cx),
        }
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
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.pipe.poll_read_ready(cx))?,
                done => return Poll::Ready(done),
            }
        }
    }

    /// The descriptor, blocking again, to be passed on to a process.
    pub(crate) fn to_process(&self) -> io::Result<OwnedFd> {
        pass_on(self.pipe.as_fd())
    }

    /// The end's place among the large pipes, for whoever has the pipe from here on.
    pub(crate) fn into_large(self) -> Option<LargePipe> {
        self.large
    }
}

impl PipeWriter {
    /// Has the pipe count among what the guest holds.
    pub(crate) fn hold(&mut self, held: Arc<Held>) {
        self.held = Some(held);
    }

    /// Writes what the pipe takes now. `WouldBlock` says that it is full.
    ///
    /// # Errors
    ///
    /// Those of write(2); `BrokenPipe` when nobody reads the pipe any more.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.pipe.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The reactor may not have heard yet of the room in the pipe.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(rustix::io::write(&self.pipe, bytes)?);
                }
                done => return done,
            }
        }
    }

    /// Waits until [`try_write`](Self::try_write) is worth a call. It may answer early.
    ///
    /// # Errors
    ///
    /// When the runtime that the process was started in is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is written here, so nothing can be written twice.
    pub async fn writable(&self) -> io::Result<()> {
        self.pipe.writable().await
    }

    /// [`writable`](Self::writable), to be polled.
    #[cfg(feature = "p3")]
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.poll_write_ready(cx)
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

    /// The end's place among the large pipes, for whoever has the pipe from here on.
    pub(crate) fn into_large(self) -> Option<LargePipe> {
        self.large
    }
}

fn pass_on(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let passed = rustix::io::fcntl_dupfd_cloexec(fd, 3)?;
    set_nonblocking(passed.as_fd(), false)?;
    Ok(passed)
}
