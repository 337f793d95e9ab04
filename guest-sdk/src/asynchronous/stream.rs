//! The guest's ends of a process's pipes.
//!
//! The host moves bytes between a pipe and a buffer of the guest's, with nothing in between. A buffer belongs to the host
//! while it does that, so it is handed over as a vector; whoever gives up waiting takes it back, with what is in it.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::rc::Weak;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use wit_bindgen::rt::async_support::StreamVtable;
use wit_bindgen::{
    AbiBuffer, FutureRead, FutureReader, StreamRead, StreamReader, StreamResult, StreamWrite, StreamWriter, yield_async,
};

use super::bindings::childproof::process::types as wit;
use super::bindings::wit_stream;

/// How many bytes a read asks for where the caller has no wish. A pipe holds 64 KiB on Linux unless it was made larger.
pub(super) const READ_LEN: usize = 64 * 1024;

/// How many bytes one read asks for at most, however large the caller's slice is.
const MOST: usize = 1024 * 1024;

/// How many bytes of a caller's slice are copied at a time to be written.
const WRITE_LEN: usize = 64 * 1024;

/// After how many reads or writes of one stream that are done at once the other futures of the task have their turn, and the
/// clock. A process that is always ready for more would leave them none. It is more than it takes to empty the largest pipe.
const TURNS: u32 = 64;

/// How a stream goes.
#[derive(Default)]
struct Course {
    /// Whether it is at its end: nothing to read is left, or nobody reads. Such a stream is not to be touched any more, and a
    /// read or write that is given up may have come to that.
    over: bool,
    /// How many reads or writes were done at once, one after the other.
    at_once: u32,
}

impl Course {
    /// Gives others their turn now and then.
    async fn turn(&mut self) {
        self.at_once = self.at_once.wrapping_add(1);
        if self.at_once.is_multiple_of(TURNS) {
            yield_async().await;
        }
    }

    /// A read or write has to wait, so that all others have their turn.
    fn waits(&mut self) {
        self.at_once = 0;
    }
}

/// Why a stream ended before its end.
#[derive(Clone, Debug)]
enum Failure {
    Closed,
    Other(String),
}

impl From<wit::StreamError> for Failure {
    fn from(error: wit::StreamError) -> Self {
        match error {
            wit::StreamError::Closed => Self::Closed,
            wit::StreamError::LastOperationFailed(message) => Self::Other(message),
        }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> io::Error {
        match failure {
            Failure::Closed => io::ErrorKind::BrokenPipe.into(),
            Failure::Other(message) => io::Error::other(message),
        }
    }
}

/// What the host says about the end of a stream. It is asked for once the stream has ended.
enum Ending {
    Unasked(FutureReader<Result<(), wit::StreamError>>),
    Asked(Pin<Box<FutureRead<Result<(), wit::StreamError>>>>),
    Told(Result<(), Failure>),
}

impl Ending {
    /// Asks, and answers the same ever after.
    async fn told(&mut self) -> Result<(), Failure> {
        loop {
            match self {
                Self::Unasked(_) => {
                    if let Self::Unasked(ending) = mem::replace(self, Self::Told(Ok(()))) {
                        *self = Self::Asked(Box::pin(ending.into_future()));
                    }
                }
                Self::Asked(asked) => {
                    let ended = asked.as_mut().await;
                    *self = Self::Told(ended.map_err(Failure::from));
                }
                Self::Told(ended) => return ended.clone(),
            }
        }
    }
}

/// A stream to read from, and how it ended.
struct Source {
    reader: Option<StreamReader<u8>>,
    course: Course,
    ending: Ending,
}

impl Source {
    /// Reads into the room that `buf` has, which is some. None is the end, of whatever kind.
    async fn read_open(&mut self, buf: &mut Vec<u8>) -> Option<usize> {
        while let Some(reader) = self.reader.as_mut().filter(|_| !self.course.over) {
            self.course.turn().await;
            match fill(reader, buf, &mut self.course).await {
                StreamResult::Complete(0) => {}
                StreamResult::Complete(read) => return Some(read),
                StreamResult::Dropped | StreamResult::Cancelled => self.course.over = true,
            }
        }
        self.reader = None;
        None
    }

    /// The same; 0 is the end.
    async fn read_buf(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        match self.read_open(buf).await {
            Some(read) => Ok(read),
            None => Ok(self.ending.told().await.map(|()| 0)?),
        }
    }
}

/// A read. `buf` is back, with what was read, when this ends in whatever way.
async fn fill(reader: &mut StreamReader<u8>, buf: &mut Vec<u8>, course: &mut Course) -> StreamResult {
    let read = Some(pin!(reader.read(mem::take(buf))));
    Filling { read, buf, course }.await
}

struct Filling<'a, 'r> {
    read: Option<Pin<&'a mut StreamRead<'r, u8>>>,
    buf: &'a mut Vec<u8>,
    course: &'a mut Course,
}

impl Future for Filling<'_, '_> {
    type Output = StreamResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<StreamResult> {
        let Some(read) = &mut self.read else {
            return Poll::Ready(StreamResult::Cancelled);
        };
        let Poll::Ready((result, buf)) = read.as_mut().poll(cx) else {
            self.course.waits();
            return Poll::Pending;
        };
        self.read = None;
        *self.buf = buf;
        Poll::Ready(result)
    }
}

impl Drop for Filling<'_, '_> {
    fn drop(&mut self) {
        if let Some(read) = self.read.take() {
            let (result, buf) = read.cancel();
            *self.buf = buf;
            self.course.over = result == StreamResult::Dropped;
        }
    }
}

/// A read that was begun by being polled, which may be given up and gone on with later.
type Reading = Pin<Box<dyn Future<Output = (Source, io::Result<usize>, Vec<u8>)>>>;

/// The reading end of a pipe.
pub(crate) struct Incoming {
    /// None while `reading` has it.
    source: Option<Source>,
    reading: Option<Reading>,
    /// What was read and not fetched: that from `fetched` on.
    buffer: Vec<u8>,
    fetched: usize,
}

impl Incoming {
    pub(super) fn new((reader, ending): (StreamReader<u8>, FutureReader<Result<(), wit::StreamError>>)) -> Self {
        Incoming {
            source: Some(Source {
                reader: Some(reader),
                course: Course::default(),
                ending: Ending::Unasked(ending),
            }),
            reading: None,
            buffer: Vec::new(),
            fetched: 0,
        }
    }

    /// The stream, to be passed on; none at its end. A read that was given up half-way keeps it.
    pub(super) fn into_stream(self) -> Result<Option<StreamReader<u8>>, &'static str> {
        match self.source {
            Some(source) if self.buffer.len() == self.fetched => Ok(source.reader.filter(|_| !source.course.over)),
            _ => Err("a read of the stream was begun and its bytes were not fetched"),
        }
    }

    fn unfetched(&self) -> &[u8] {
        self.buffer.get(self.fetched..).unwrap_or_default()
    }

    /// Goes on with a read that was begun by being polled.
    fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(Ok(()));
        };
        let (source, read, buffer) = ready!(reading.as_mut().poll(cx));
        self.reading = None;
        self.source = Some(source);
        self.buffer = buffer;
        self.fetched = 0;
        Poll::Ready(read.map(drop))
    }

    /// An empty buffer with room for `len` bytes and no more: what is not asked for stays in the pipe.
    fn room(&mut self, len: usize) {
        self.fetched = 0;
        self.buffer.clear();
        if self.buffer.capacity() != len {
            self.buffer = Vec::with_capacity(len);
        }
    }

    fn fetch(&mut self, buf: &mut [u8]) -> usize {
        let unfetched = self.unfetched();
        let len = unfetched.len().min(buf.len());
        buf[..len].copy_from_slice(&unfetched[..len]);
        self.fetched += len;
        len
    }

    /// Reads onto the end of `buf`, as much as it has room for, or [`READ_LEN`] if it has none. None is the end, of whatever
    /// kind: [`ended`](Self::ended) says which.
    pub(super) async fn read_open(&mut self, buf: &mut Vec<u8>) -> io::Result<Option<usize>> {
        poll_fn(|cx| self.poll_begun(cx)).await?;
        let unfetched = self.unfetched();
        if !unfetched.is_empty() {
            let len = unfetched.len();
            buf.extend_from_slice(unfetched);
            self.fetched += len;
            return Ok(Some(len));
        }
        if buf.capacity() == buf.len() {
            buf.reserve(READ_LEN);
        }
        match &mut self.source {
            Some(source) => Ok(source.read_open(buf).await),
            None => Ok(None),
        }
    }

    /// How a stream that is at its end ended. The host is asked, which takes a moment.
    pub(super) async fn ended(&mut self) -> io::Result<()> {
        match &mut self.source {
            Some(source) => Ok(source.ending.told().await?),
            None => Ok(()),
        }
    }

    /// As [`read_open`](Self::read_open); 0 is the end.
    async fn read_buf(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        match self.read_open(buf).await? {
            Some(read) => Ok(read),
            None => self.ended().await.map(|()| 0),
        }
    }

    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_begun(cx)).await?;
        if self.unfetched().is_empty() && !buf.is_empty() {
            self.room(buf.len().min(MOST));
            if let Some(source) = &mut self.source {
                source.read_buf(&mut self.buffer).await?;
            }
        }
        Ok(self.fetch(buf))
    }

    async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let start = buf.len();
        loop {
            // Doubling keeps the copying of what is held in proportion.
            buf.reserve(READ_LEN);
            if self.read_buf(buf).await? == 0 {
                return Ok(buf.len() - start);
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_begun(cx))?;
            if !self.unfetched().is_empty() || buf.is_empty() {
                return Poll::Ready(Ok(self.fetch(buf)));
            }
            self.room(buf.len().min(MOST));
            let mut buffer = mem::take(&mut self.buffer);
            let Some(mut source) = self.source.take() else {
                return Poll::Ready(Ok(0));
            };
            if source.reader.is_none() && matches!(source.ending, Ending::Told(Ok(()))) {
                self.source = Some(source);
                return Poll::Ready(Ok(0));
            }
            self.reading = Some(Box::pin(async move {
                let read = source.read_buf(&mut buffer).await;
                (source, read, buffer)
            }));
        }
    }
}

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
    pub(super) fn new(process: Weak<wit::Process>) -> Self {
        Outgoing {
            end: End::Untaken(process),
            copy: Vec::new(),
        }
    }

    /// The process whose standard input it is, for that to be passed on. Nothing may have been written.
    pub(super) fn into_process(mut self) -> Result<Weak<wit::Process>, &'static str> {
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
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_begun(cx)).await
    }

    /// Whether something was begun by being polled, and is not written yet.
    pub(super) fn is_flushing(&self) -> bool {
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
    pub(super) async fn write_vec(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
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

/// The two ends that a process writes to.
macro_rules! reader {
    ($name:ident, $what:literal) => {
        #[doc = concat!("The reading end of the pipe from a process's ", $what, ".")]
        ///
        /// Reading ends where the process, and whatever it passed its stream on to, stops writing. Dropping it closes the pipe:
        /// the process gets SIGPIPE when it writes on.
        ///
        /// It has [`futures_io::AsyncRead`] for those who work with that. A read of that trait that is given up goes on in the
        /// background of this stream: the next read answers what it got.
        #[derive(Debug)]
        pub struct $name(pub(crate) Incoming);

        impl $name {
            /// Reads what is there, at most as much as `buf` holds, and waits for the first byte. 0 is the end.
            ///
            /// # Errors
            ///
            /// When the host failed to read, with [`io::ErrorKind::Other`].
            ///
            /// # Cancel safety
            ///
            /// A read that is dropped has lost nothing: what it got is answered by the next.
            pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.read(buf).await
            }

            /// Reads onto the end of `buf`, as much as it has room for, without a copy; 64 KiB if it has no room. 0 is the end.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// A read that is dropped has lost nothing: what it got is in `buf`.
            pub async fn read_buf(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
                self.0.read_buf(buf).await
            }

            /// Reads all that is left onto the end of `buf`, and answers how much that was.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read). What was read before is in `buf`.
            ///
            /// # Cancel safety
            ///
            /// What was read so far is in `buf`; a further call goes on behind it.
            pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
                self.0.read_to_end(buf).await
            }
        }

        impl AsyncRead for $name {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.get_mut().0.poll_read(cx, buf)
            }
        }
    };
}

reader!(ChildStdout, "standard output");
reader!(ChildStderr, "standard error");

/// The writing end of the pipe to a process's standard input.
///
/// Dropping it closes the pipe, as does [`Child::wait`](super::Child::wait).
///
/// It has [`futures_io::AsyncWrite`] for those who work with that. A write of that trait answers once the bytes are copied; what
/// the pipe has no room for is written while the next write, a flush or a close waits, or [`Child::wait`](super::Child::wait),
/// [`Child::wait_with_output`](super::Child::wait_with_output) and [`Child::communicate`](super::Child::communicate) of a child
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

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}
