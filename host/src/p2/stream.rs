//! `wasi:io` streams straight over a process's pipes: no task, no channel and no buffer between, so a pipe that the guest
//! does not read stops the process and not the host's memory.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};

use crate::process::{PipeReader, PipeSlot, PipeWriter, READ_CHUNK};

/// How much a guest may hand over in one write.
const PERMIT: usize = 64 * 1024;

/// Which streams of a guest are a process's, to recognise one that is to be passed on.
///
/// A stream in the resource table is a boxed trait object that cannot be asked what it is. Its address can: it is in here
/// exactly as long as the stream lives, so no other object can be there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Arc<Mutex<Ends>>);

#[derive(Debug, Default)]
struct Ends {
    readers: HashMap<usize, PipeSlot<PipeReader>>,
    writers: HashMap<usize, Writer>,
}

/// The pipe behind an output stream.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) pipe: PipeSlot<PipeWriter>,
    unwritten: Arc<AtomicBool>,
}

impl Writer {
    /// Whether the stream accepted bytes that the pipe has not taken yet.
    pub(crate) fn has_unwritten(&self) -> bool {
        self.unwritten.load(Ordering::Relaxed)
    }
}

impl Streams {
    fn ends(&self) -> std::sync::MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream over the reading end of a pipe.
    pub(crate) fn input(&self, pipe: PipeReader) -> DynInputStream {
        let pipe = PipeSlot::new(pipe);
        let stream = Box::new(PipeInputStream {
            pipe: pipe.clone(),
            streams: self.clone(),
        });
        self.ends().readers.insert(address(&*stream), pipe);
        stream
    }

    /// A stream over the writing end of a pipe.
    pub(crate) fn output(&self, pipe: PipeWriter) -> DynOutputStream {
        let end = Writer {
            pipe: PipeSlot::new(pipe),
            unwritten: Arc::default(),
        };
        let stream = Box::new(PipeOutputStream {
            end: end.clone(),
            pending: Bytes::new(),
            failed: None,
            streams: self.clone(),
        });
        self.ends().writers.insert(address(&*stream), end);
        stream
    }

    /// The pipe behind a stream, if it is a process's.
    pub(crate) fn reader(&self, stream: &DynInputStream) -> Option<PipeSlot<PipeReader>> {
        self.ends().readers.get(&address(&**stream)).cloned()
    }

    /// The pipe behind a stream, if it is a process's.
    pub(crate) fn writer(&self, stream: &DynOutputStream) -> Option<Writer> {
        self.ends().writers.get(&address(&**stream)).cloned()
    }
}

/// Where an object is.
fn address<T: ?Sized>(object: &T) -> usize {
    std::ptr::from_ref(object).cast::<()>().addr()
}

/// What a process writes. A pipe that was passed on to another process reads as closed.
#[derive(Debug)]
pub struct PipeInputStream {
    pipe: PipeSlot<PipeReader>,
    streams: Streams,
}

impl Drop for PipeInputStream {
    fn drop(&mut self) {
        self.streams.ends().readers.remove(&address(self));
    }
}

impl PipeInputStream {
    /// What is there now; none is nothing.
    fn try_read(&self, size: usize) -> StreamResult<Option<Bytes>> {
        let Some(pipe) = self.pipe.get() else {
            return Err(StreamError::Closed);
        };
        let size = size.min(READ_CHUNK);
        if size == 0 {
            return Ok(Some(Bytes::new()));
        }
        let mut buffer = Vec::with_capacity(size);
        match pipe.try_read(&mut buffer, size) {
            Ok(0) => Err(StreamError::Closed),
            Ok(_) => Ok(Some(buffer.into())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(StreamError::LastOperationFailed(error.into())),
        }
    }
}

#[async_trait]
impl Pollable for PipeInputStream {
    async fn ready(&mut self) {
        if let Some(pipe) = self.pipe.get() {
            pipe.readable().await;
        }
    }
}

#[async_trait]
impl InputStream for PipeInputStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        Ok(self.try_read(size)?.unwrap_or_default())
    }

    // The default gives up after ten early wake-ups, with a trap.
    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        loop {
            if let Some(bytes) = self.try_read(size)? {
                return Ok(bytes);
            }
            self.ready().await;
        }
    }
}

/// What a process reads. Bytes that the pipe has no room for wait here, at most what one write handed over; the guest
/// may not write more meanwhile. Dropping the stream finishes writing them in the background, then closes the pipe.
#[derive(Debug)]
pub struct PipeOutputStream {
    end: Writer,
    pending: Bytes,
    failed: Option<StreamError>,
    streams: Streams,
}

impl Drop for PipeOutputStream {
    fn drop(&mut self) {
        self.streams.ends().writers.remove(&address(self));
        if self.pending.is_empty() || self.failed.is_some() {
            return;
        }
        let rest = std::mem::take(&mut self.pending);
        if let (Some(pipe), Ok(runtime)) = (self.end.pipe.take(), tokio::runtime::Handle::try_current()) {
            // It ends: either the process reads all of it, or the process ends, which breaks the pipe.
            runtime.spawn(finish(pipe, rest));
        }
    }
}

async fn finish(pipe: Arc<PipeWriter>, mut rest: Bytes) {
    while !rest.is_empty() {
        match pipe.try_write(&rest) {
            Ok(written) => rest.advance(written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => pipe.writable().await,
            Err(_) => return,
        }
    }
}

impl PipeOutputStream {
    /// Writes what is pending, as far as the pipe takes it now.
    fn write_pending(&mut self) {
        let Some(pipe) = self.end.pipe.get() else {
            self.failed = Some(StreamError::Closed);
            return;
        };
        while !self.pending.is_empty() {
            match pipe.try_write(&self.pending) {
                Ok(written) => self.pending.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.pending.clear();
                    self.failed = Some(match error.kind() {
                        io::ErrorKind::BrokenPipe => StreamError::Closed,
                        _ => StreamError::LastOperationFailed(error.into()),
                    });
                    break;
                }
            }
        }
        self.end.unwritten.store(!self.pending.is_empty(), Ordering::Relaxed);
    }

    fn check(&mut self) -> StreamResult<()> {
        match self.failed.take() {
            None => Ok(()),
            // A failure is told once; the stream is closed ever after.
            Some(error) => {
                self.failed = Some(StreamError::Closed);
                Err(error)
            }
        }
    }

    async fn drained(&mut self) {
        loop {
            self.write_pending();
            if self.pending.is_empty() || self.failed.is_some() {
                return;
            }
            if let Some(pipe) = self.end.pipe.get() {
                pipe.writable().await;
            }
        }
    }
}

#[async_trait]
impl Pollable for PipeOutputStream {
    async fn ready(&mut self) {
        self.drained().await;
    }
}

#[async_trait]
impl OutputStream for PipeOutputStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.check()?;
        if !self.pending.is_empty() {
            // Nothing is lost and nothing traps: the guest may wait for `check-write` and write this once more.
            let refused = "a write was not allowed: check-write had answered less";
            return Err(StreamError::LastOperationFailed(wasmtime::Error::msg(refused)));
        }
        self.pending = bytes;
        self.write_pending();
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        // What is pending is on its way; `check_write` answers none until it is written.
        self.check()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if !self.pending.is_empty() {
            self.write_pending();
        }
        self.check()?;
        Ok(if self.pending.is_empty() { PERMIT } else { 0 })
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.drained().await;
        self.write(bytes)?;
        self.drained().await;
        self.check()
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        self.drained().await;
        self.check_write()
    }
}
