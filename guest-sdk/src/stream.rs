//! The guest's ends of a process's pipes.
//!
//! `wasi:io` wants a stream's pollables dropped before the stream. Both live in one struct here, the pollable first:
//! fields are dropped in the order they are declared in, so no caller can get it wrong.

use std::io::{self, Read, Write};
use std::sync::OnceLock;

use crate::bindings::wasi::io::poll::Pollable;
use crate::bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};

/// How many bytes this crate asks the host for at a time. A pipe holds 64 KiB on Linux unless it was made larger; smaller
/// reads than that cost more calls, and larger ones were measured to bring nothing.
pub(crate) const READ_LEN: usize = 64 * 1024;

/// How many bytes one call to the host moves at most, however large the caller's buffer is. A pipe holds no more unless
/// the host's administrator raised the limit. The host's own permit bounds a write, too.
const CALL_LEN: usize = 1024 * 1024;

/// The reading end of a pipe, with the one pollable it ever needs.
#[derive(Debug)]
pub(crate) struct Incoming {
    pollable: OnceLock<Pollable>,
    stream: InputStream,
}

/// What a read that does not wait came to.
pub(crate) enum Received {
    Bytes(Vec<u8>),
    Nothing,
    End,
}

impl Incoming {
    pub(crate) fn new(stream: InputStream) -> Self {
        Incoming {
            pollable: OnceLock::new(),
            stream,
        }
    }

    pub(crate) fn into_stream(self) -> InputStream {
        drop(self.pollable);
        self.stream
    }

    pub(crate) fn pollable(&self) -> &Pollable {
        self.pollable.get_or_init(|| self.stream.subscribe())
    }

    /// Reads what is there, up to `len` bytes, without waiting.
    pub(crate) fn try_receive(&self, len: usize) -> io::Result<Received> {
        match self.stream.read(len as u64) {
            Ok(bytes) if bytes.is_empty() => Ok(Received::Nothing),
            Ok(bytes) => Ok(Received::Bytes(bytes)),
            Err(StreamError::Closed) => Ok(Received::End),
            Err(StreamError::LastOperationFailed(error)) => Err(io::Error::other(error.to_debug_string())),
        }
    }

    /// Reads up to `len` bytes, which is not zero, and waits for the first. No bytes mean the end.
    fn receive(&self, len: usize) -> io::Result<Vec<u8>> {
        loop {
            match self.stream.blocking_read(len as u64) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(bytes),
                Err(StreamError::Closed) => return Ok(Vec::new()),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(io::Error::other(error.to_debug_string()));
                }
            }
        }
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let bytes = self.receive(buf.len().min(CALL_LEN))?;
        // A host that answers more than it was asked for must not make the guest panic.
        let len = bytes.len().min(buf.len());
        buf[..len].copy_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn read_to_end(&self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let start = buf.len();
        loop {
            // Room is made before the bytes arrive: then the buffer is the last thing on the heap and can grow in place.
            buf.reserve(READ_LEN);
            let bytes = self.receive(READ_LEN)?;
            if bytes.is_empty() {
                return Ok(buf.len() - start);
            }
            buf.extend_from_slice(&bytes);
        }
    }
}

/// The writing end of a pipe, with the one pollable it ever needs.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pollable: OnceLock<Pollable>,
    stream: OutputStream,
}

impl Outgoing {
    pub(crate) fn new(stream: OutputStream) -> Self {
        Outgoing {
            pollable: OnceLock::new(),
            stream,
        }
    }

    pub(crate) fn into_stream(self) -> OutputStream {
        drop(self.pollable);
        self.stream
    }

    pub(crate) fn pollable(&self) -> &Pollable {
        self.pollable.get_or_init(|| self.stream.subscribe())
    }

    /// Writes as much of `bytes` as the pipe takes now and answers how much that was.
    pub(crate) fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        let permit = self.stream.check_write().map_err(write_error)?;
        let len = bytes
            .len()
            .min(CALL_LEN)
            .min(usize::try_from(permit).unwrap_or(usize::MAX));
        if len > 0 {
            self.stream.write(&bytes[..len]).map_err(write_error)?;
        }
        Ok(len)
    }

    /// Writes as much of `bytes` as the pipe takes, and waits until it takes some.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        loop {
            match self.try_send(bytes)? {
                0 => self.pollable().block(),
                len => return Ok(len),
            }
        }
    }

    /// Waits until everything that was accepted is written.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.stream.blocking_flush().map_err(write_error)
    }
}

fn write_error(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => io::Error::other(error.to_debug_string()),
    }
}

/// The writing end of the pipe to a process's standard input.
///
/// Dropping it closes the pipe once everything it has accepted was written, so nothing is lost and the process reads its
/// end of file.
///
/// # Errors
///
/// A write fails with [`io::ErrorKind::BrokenPipe`] once nobody reads the pipe any more. The host notices that when it
/// writes: the write that finds out may be one after the process closed its end.
#[derive(Debug)]
pub struct ChildStdin(pub(crate) Outgoing);

/// The reading end of the pipe from a process's standard output.
///
/// What the process wrote before it ended stays readable. The end of the file comes when every process that holds the
/// pipe has closed it, which may be later than the end of the process that was started.
#[derive(Debug)]
pub struct ChildStdout(pub(crate) Incoming);

/// The reading end of the pipe from a process's standard error. It behaves as [`ChildStdout`] does.
#[derive(Debug)]
pub struct ChildStderr(pub(crate) Incoming);

impl Write for ChildStdin {
    /// Waits until the pipe takes some of `buf` and answers how much it took.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.send(buf)
    }

    /// Waits until everything that was accepted is in the pipe.
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Write for &ChildStdin {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.send(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Read for ChildStdout {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.0.read_to_end(buf)
    }
}

impl Read for ChildStderr {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.0.read_to_end(buf)
    }
}
