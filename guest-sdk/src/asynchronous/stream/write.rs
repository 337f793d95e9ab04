//! What a process reads, for the guest to write.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::rc::Weak;
use std::task::{Context, Poll, ready};

use futures_io::AsyncWrite;
use wit_bindgen::rt::async_support::StreamVtable;
use wit_bindgen::{AbiBuffer, StreamResult, StreamWrite, StreamWriter};

use super::{Course, Ending};
use crate::asynchronous::bindings::childproof::process::types as wit;
use crate::asynchronous::bindings::wit_stream;

/// How many bytes of a caller's slice are copied at a time to be written.
const WRITE_LEN: usize = 64 * 1024;

/// A buffer that the host writes out of.
type Buffer = AbiBuffer<&'static StreamVtable<u8>>;

/// A stream to write to, and how it ended.
struct Sink {
    writer: Option<StreamWriter<u8>>,
    course: Course,
    ending: Ending,
}

impl Sink {
    /// Writes once, and answers how much of `bytes` was written, which is taken off them.
    async fn write_some(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let mut unsent = Unsent { buffer: None, bytes };
        self.course.turn().await;
        if let Some(writer) = self.writer.as_mut().filter(|_| !self.course.over) {
            let write = writer.write(mem::take(unsent.bytes));
            if let StreamResult::Complete(written) = step(write, &mut unsent.buffer, &mut self.course).await {
                return Ok(written);
            }
        }
        Err(self.failure().await)
    }

    /// Writes all of `bytes`, and takes off what was written however this ends.
    async fn write_all(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut unsent = Unsent { buffer: None, bytes };
        let Some(writer) = self.writer.as_mut().filter(|_| !self.course.over) else {
            return Err(self.failure().await);
        };
        self.course.turn().await;
        let write = writer.write(mem::take(unsent.bytes));
        let mut result = step(write, &mut unsent.buffer, &mut self.course).await;
        while let StreamResult::Complete(_) = result {
            self.course.turn().await;
            match unsent.buffer.take() {
                Some(rest) if rest.remaining() > 0 => {
                    result = step(writer.write_buf(rest), &mut unsent.buffer, &mut self.course).await;
                }
                sent => {
                    unsent.buffer = sent;
                    return Ok(());
                }
            }
        }
        Err(self.failure().await)
    }

    /// Why nothing can be written any more.
    async fn failure(&mut self) -> io::Error {
        self.writer = None;
        match self.ending.told().await {
            Err(failure) => failure.into(),
            Ok(()) => io::ErrorKind::BrokenPipe.into(),
        }
    }
}

/// What is left of `bytes` goes back there when this is dropped.
struct Unsent<'a> {
    buffer: Option<Buffer>,
    bytes: &'a mut Vec<u8>,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            *self.bytes = buffer.into_vec();
        }
    }
}

/// A write. What is left is in `rest` when this ends in whatever way.
async fn step(write: StreamWrite<'_, u8>, rest: &mut Option<Buffer>, course: &mut Course) -> StreamResult {
    let write = Some(pin!(write));
    Writing { write, rest, course }.await
}

struct Writing<'a, 'w> {
    write: Option<Pin<&'a mut StreamWrite<'w, u8>>>,
    rest: &'a mut Option<Buffer>,
    course: &'a mut Course,
}

impl Future for Writing<'_, '_> {
    type Output = StreamResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<StreamResult> {
        let Some(write) = &mut self.write else {
            return Poll::Ready(StreamResult::Cancelled);
        };
        let Poll::Ready((result, rest)) = write.as_mut().poll(cx) else {
            self.course.waits();
            return Poll::Pending;
        };
        self.write = None;
        *self.rest = Some(rest);
        Poll::Ready(result)
    }
}

impl Drop for Writing<'_, '_> {
    fn drop(&mut self) {
        if let Some(write) = self.write.take() {
            let (result, rest) = write.cancel();
            *self.rest = Some(rest);
            self.course.over = result == StreamResult::Dropped;
        }
    }
}

/// A write that was begun by being polled: the stream and what it came to.
type Flushing = Pin<Box<dyn Future<Output = (Sink, io::Result<()>, Vec<u8>)>>>;

/// The writing end of a pipe.
pub(crate) struct Outgoing {
    end: End,
    /// The memory that a caller's bytes are copied to.
    copy: Vec<u8>,
}

enum End {
    /// Nothing was written yet: the pipe can still be passed on to another process.
    Untaken(Weak<wit::Process>),
    Taken(Sink),
    /// A write that was begun by being polled has it.
    Flushing(Flushing),
    Closed,
}

impl Outgoing {
    /// The standard input of a process, which is piped.
    pub(in crate::asynchronous) fn new(process: Weak<wit::Process>) -> Self {
        Outgoing {
            end: End::Untaken(process),
            copy: Vec::new(),
        }
    }

    /// The process whose standard input it is, for that to be passed on. Nothing may have been written.
    pub(in crate::asynchronous) fn into_process(mut self) -> Result<Weak<wit::Process>, &'static str> {
        match mem::replace(&mut self.end, End::Closed) {
            End::Untaken(process) => Ok(process),
            _ => Err("something was written to the stream"),
        }
    }

    /// The stream, which is taken from the process if nothing was written yet.
    fn open(&mut self) -> io::Result<&mut Sink> {
        if let End::Untaken(process) = &self.end {
            let process = process.upgrade().ok_or(io::ErrorKind::BrokenPipe)?;
            let (writer, reader) = wit_stream::new();
            let ending = process.take_stdin(reader).ok_or(io::ErrorKind::BrokenPipe)?;
            self.end = End::Taken(Sink {
                writer: Some(writer),
                course: Course::default(),
                ending: Ending::Unasked(ending),
            });
        }
        match &mut self.end {
            End::Taken(sink) => Ok(sink),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Goes on with a write that was begun by being polled.
    fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let End::Flushing(flushing) = &mut self.end else {
            return Poll::Ready(Ok(()));
        };
        let (sink, written, copy) = ready!(flushing.as_mut().poll(cx));
        self.end = End::Taken(sink);
        self.copy = copy;
        Poll::Ready(written)
    }

    /// Waits until what was begun by being polled is written.
    pub(in crate::asynchronous) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_begun(cx)).await
    }

    /// Whether something was begun by being polled, and is not written yet.
    pub(in crate::asynchronous) fn is_flushing(&self) -> bool {
        matches!(self.end, End::Flushing(_))
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_begun(cx)).await?;
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut copy = mem::take(&mut self.copy);
        copy.clear();
        copy.extend_from_slice(bytes.get(..WRITE_LEN).unwrap_or(bytes));
        let written = self.open()?.write_some(&mut copy).await;
        self.copy = copy;
        written
    }

    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        poll_fn(|cx| self.poll_begun(cx)).await?;
        let mut copy = mem::take(&mut self.copy);
        for chunk in bytes.chunks(WRITE_LEN) {
            copy.clear();
            copy.extend_from_slice(chunk);
            self.open()?.write_all(&mut copy).await?;
        }
        self.copy = copy;
        Ok(())
    }

    /// Writes all of `bytes` without a copy, and takes off what was written however this ends.
    pub(in crate::asynchronous) async fn write_vec(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        poll_fn(|cx| self.poll_begun(cx)).await?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.open()?.write_all(bytes).await
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_begun(cx))?;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.open()?;
        let End::Taken(mut sink) = mem::replace(&mut self.end, End::Closed) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let mut copy = mem::take(&mut self.copy);
        copy.clear();
        copy.extend_from_slice(bytes.get(..WRITE_LEN).unwrap_or(bytes));
        let len = copy.len();
        self.end = End::Flushing(Box::pin(async move {
            let written = sink.write_all(&mut copy).await;
            (sink, written, copy)
        }));
        // What the pipe has no room for is written while the next call, or a flush, waits.
        match self.poll_begun(cx) {
            Poll::Ready(written) => Poll::Ready(written.map(|()| len)),
            Poll::Pending => Poll::Ready(Ok(len)),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(self.poll_begun(cx));
        self.close();
        Poll::Ready(flushed)
    }

    fn close(&mut self) {
        // One that nobody has taken yet is closed by taking it.
        let _ = self.open();
        self.end = End::Closed;
    }
}

/// Closes the pipe.
impl Drop for Outgoing {
    fn drop(&mut self) {
        if let End::Untaken(_) = self.end {
            self.close();
        }
    }
}

/// The writing end of the pipe to a process's standard input.
///
/// Dropping it closes the pipe, as does [`Child::wait`](crate::asynchronous::Child::wait).
///
/// It has [`futures_io::AsyncWrite`] for those who work with that. A write of that trait answers once the bytes are copied; what
/// the pipe has no room for is written while the next write, a flush or a close waits, or [`Child::wait`](crate::asynchronous::Child::wait),
/// [`Child::wait_with_output`](crate::asynchronous::Child::wait_with_output) and [`Child::communicate`](crate::asynchronous::Child::communicate) of a child
/// that still has this. Dropped before, it is lost.
#[derive(Debug)]
pub struct ChildStdin(pub(crate) Outgoing);

impl ChildStdin {
    /// Writes as much of `bytes` as the pipe has room for, at most 64 KiB, waits until it has some, and answers how much that
    /// was.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::BrokenPipe`] when nobody reads the pipe any more; or what the host failed with.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a write that is dropped may have been done at that moment. [`write_vec`](Self::write_vec) is.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).await
    }

    /// Writes all of `bytes`. It is done once they are in the pipe: nothing has to be flushed.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: nobody knows how much was written when it is dropped.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// Writes all of `bytes` without a copy. What was written is taken off them.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// What is left to write is in `bytes` when this is dropped.
    pub async fn write_vec(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.0.write_vec(bytes).await
    }
}

impl AsyncWrite for ChildStdin {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().0.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0.poll_begun(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0.poll_close(cx)
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}
