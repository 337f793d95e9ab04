//! What a process writes, for the guest to read.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;
use wit_bindgen::{FutureReader, StreamRead, StreamReader, StreamResult};

use super::{Course, Ending};
use crate::asynchronous::bindings::childproof::process::types as wit;

/// How many bytes a read asks for where the caller has no wish. A pipe holds 64 KiB on Linux unless it was made larger.
pub(in crate::asynchronous) const READ_LEN: usize = 64 * 1024;

/// How many bytes one read asks for at most, however large the caller's slice is.
const MOST: usize = 1024 * 1024;

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
    pub(in crate::asynchronous) fn new(
        (reader, ending): (StreamReader<u8>, FutureReader<Result<(), wit::StreamError>>),
    ) -> Self {
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
    pub(in crate::asynchronous) fn into_stream(self) -> Result<Option<StreamReader<u8>>, &'static str> {
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
    pub(in crate::asynchronous) async fn read_open(&mut self, buf: &mut Vec<u8>) -> io::Result<Option<usize>> {
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
    pub(in crate::asynchronous) async fn ended(&mut self) -> io::Result<()> {
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

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}
