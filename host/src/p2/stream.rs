//! `wasi:io` streams straight over a process's pipes.
//!
//! Between a pipe and the guest that reads it there is no task, no channel and no buffer, so a pipe that is not read stops
//! the process and does not fill the host's memory. A guest that writes is promised room before it writes, which no pipe
//! can promise; what the pipe did not take of the last write, at most 64 KiB, waits here, and only then a task is there
//! that writes it.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use tokio::runtime::Handle;
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
    writers: HashMap<usize, Arc<Outlet>>,
}

/// The pipe behind an output stream, and what the pipe has not taken yet. The stream, the task that writes the rest, and
/// the registry share it.
#[derive(Debug)]
struct Outlet {
    pipe: PipeSlot<PipeWriter>,
    outbox: Mutex<Outbox>,
}

#[derive(Debug, Default)]
struct Outbox {
    pending: Bytes,
    failed: Option<StreamError>,
    /// Whether a task is there that writes what is pending.
    draining: bool,
}

/// The pipe behind an output stream, for a spawn that is to have it.
pub(crate) struct Writer {
    pub(crate) pipe: PipeSlot<PipeWriter>,
    /// Whether the stream accepted bytes that the pipe has not taken yet.
    pub(crate) has_unwritten: bool,
}

impl Streams {
    fn ends(&self) -> MutexGuard<'_, Ends> {
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
        let outlet = Arc::new(Outlet {
            pipe: PipeSlot::new(pipe),
            outbox: Mutex::default(),
        });
        let runtime = Handle::try_current().ok();
        let stream = Box::new(PipeOutputStream {
            outlet: outlet.clone(),
            runtime,
            streams: self.clone(),
        });
        self.ends().writers.insert(address(&*stream), outlet);
        stream
    }

    /// The pipe behind a stream, if it is a process's.
    pub(crate) fn reader(&self, stream: &DynInputStream) -> Option<PipeSlot<PipeReader>> {
        self.ends().readers.get(&address(&**stream)).cloned()
    }

    /// The pipe behind a stream, if it is a process's.
    pub(crate) fn writer(&self, stream: &DynOutputStream) -> Option<Writer> {
        let outlet = self.ends().writers.get(&address(&**stream)).cloned()?;
        let has_unwritten = !outlet.outbox().pending.is_empty();
        Some(Writer {
            pipe: outlet.pipe.clone(),
            has_unwritten,
        })
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
            // The read that follows says what went wrong.
            let _ = pipe.readable().await;
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
            let Some(pipe) = self.pipe.get() else {
                return Err(StreamError::Closed);
            };
            pipe.readable().await.map_err(failed)?;
        }
    }
}

fn failed(error: io::Error) -> StreamError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => StreamError::Closed,
        _ => StreamError::LastOperationFailed(error.into()),
    }
}

/// What a process reads.
///
/// Bytes that the pipe has no room for wait here, at most 64 KiB of them, and the guest may not write more meanwhile.
/// They are written as soon as there is room, whatever the guest does: it may go on to wait for the answer to them, or
/// drop the stream. The pipe is closed once the stream is dropped and they are written, or nobody reads them any more.
#[derive(Debug)]
pub struct PipeOutputStream {
    outlet: Arc<Outlet>,
    runtime: Option<Handle>,
    streams: Streams,
}

impl Drop for PipeOutputStream {
    fn drop(&mut self) {
        self.streams.ends().writers.remove(&address(self));
    }
}

impl Outlet {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // No code that can panic runs under the lock.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is pending, as far as the pipe takes it now. Whether there is more.
    fn write_pending(&self, outbox: &mut Outbox) -> bool {
        while !outbox.pending.is_empty() {
            let Some(pipe) = self.pipe.get() else {
                outbox.fail(StreamError::Closed);
                break;
            };
            match pipe.try_write(&outbox.pending) {
                Ok(written) => outbox.pending.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) => outbox.fail(failed(error)),
            }
        }
        false
    }

    /// Waits until nothing is pending.
    async fn drained(&self) {
        while self.write_pending(&mut self.outbox()) {
            self.room().await;
        }
    }

    /// Writes what is pending without the guest.
    async fn drain(self: Arc<Self>) {
        loop {
            {
                let mut outbox = self.outbox();
                if !self.write_pending(&mut outbox) {
                    // Under the same lock: a write that comes later finds no task at work and starts another.
                    outbox.draining = false;
                    return;
                }
            }
            self.room().await;
        }
    }

    /// Waits until the pipe has room.
    async fn room(&self) {
        let Some(pipe) = self.pipe.get() else { return };
        if let Err(error) = pipe.writable().await {
            self.outbox().fail(failed(error));
        }
    }
}

impl Outbox {
    fn fail(&mut self, error: StreamError) {
        self.pending.clear();
        self.failed = Some(error);
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
}

#[async_trait]
impl Pollable for PipeOutputStream {
    async fn ready(&mut self) {
        self.outlet.drained().await;
    }
}

#[async_trait]
impl OutputStream for PipeOutputStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut outbox = self.outlet.outbox();
        outbox.check()?;
        if !outbox.pending.is_empty() || bytes.len() > PERMIT {
            // Nothing is lost and nothing traps: the guest may wait for `check-write` and write this once more.
            let refused = "more was written than check-write allowed; nothing of it was accepted";
            return Err(StreamError::LastOperationFailed(wasmtime::Error::msg(refused)));
        }
        outbox.pending = bytes;
        if self.outlet.write_pending(&mut outbox)
            && !outbox.draining
            && let Some(runtime) = &self.runtime
        {
            outbox.draining = true;
            runtime.spawn(self.outlet.clone().drain());
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        // What is pending is on its way; `check_write` answers none until it is written.
        self.outlet.outbox().check()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let mut outbox = self.outlet.outbox();
        let full = self.outlet.write_pending(&mut outbox);
        outbox.check()?;
        Ok(if full { 0 } else { PERMIT })
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.outlet.drained().await;
        self.write(bytes)?;
        self.outlet.drained().await;
        self.outlet.outbox().check()
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        self.outlet.drained().await;
        self.check_write()
    }
}
