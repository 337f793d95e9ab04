//! The component model's streams straight over a process's pipes.
//!
//! A read of the guest's is a read(2) of the pipe into the guest's own memory, and a write is a write(2) out of it. Nothing
//! is held in between: a pipe that is not read stops the process, and one that is full stops the guest that writes.

use std::any::{Any, TypeId};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use wasmtime::component::{
    Destination, FutureReader, Source, StreamConsumer, StreamProducer, StreamReader, StreamResult,
};
use wasmtime::{AsContextMut, Result, StoreContextMut};

use super::bindings::types::StreamError;
use crate::process::{PipeReader, PipeSlot, PipeWriter, READ_CHUNK};

/// How a stream ended.
type Ended = std::result::Result<(), StreamError>;

/// Who is told how a stream ended. One that is dropped says that nothing went wrong.
#[derive(Debug)]
struct Ending(Option<oneshot::Sender<Ended>>);

impl Ending {
    fn new() -> (Self, oneshot::Receiver<Ended>) {
        let (tell, told) = oneshot::channel();
        (Self(Some(tell)), told)
    }

    fn tell(&mut self, ended: Ended) {
        if let Some(tell) = self.0.take() {
            // The guest may have dropped the future.
            let _ = tell.send(ended);
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.tell(Ok(()));
    }
}

fn failed(error: io::Error) -> StreamError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => StreamError::Closed,
        _ => StreamError::LastOperationFailed(error.to_string()),
    }
}

/// What a process writes.
struct Output {
    pipe: PipeReader,
    ending: Ending,
}

/// The streams of the guest's over the reading end of a pipe.
pub(super) fn output<S: AsContextMut>(
    mut store: S,
    pipe: PipeReader,
) -> Result<(StreamReader<u8>, FutureReader<Ended>)> {
    let (ending, told) = Ending::new();
    let stream = StreamReader::new(&mut store, Output { pipe, ending })?;
    Ok((stream, FutureReader::new(store, told)?))
}

/// The pipe behind a stream, if it is a process's; else the stream.
pub(super) fn reader<S: AsContextMut>(
    store: S,
    stream: StreamReader<u8>,
) -> std::result::Result<PipeReader, StreamReader<u8>> {
    stream.try_into(store)
}

impl<D: 'static> StreamProducer<D> for Output {
    type Item = u8;
    type Buffer = Option<u8>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        destination: Destination<'a, u8, Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        if finish {
            // A read that is cancelled takes nothing out of the pipe.
            return Poll::Ready(Ok(StreamResult::Cancelled));
        }
        let mut destination = destination.as_direct(store, READ_CHUNK);
        let memory = destination.remaining();
        let read = if memory.is_empty() {
            // The guest wants to know when it is worth to read.
            self.pipe.poll_readable(cx).map_ok(|()| None)
        } else {
            self.pipe.poll_fill(cx, memory).map_ok(Some)
        };
        Poll::Ready(Ok(match read {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(None)) => StreamResult::Completed,
            Poll::Ready(Ok(Some(0))) => StreamResult::Dropped,
            Poll::Ready(Ok(Some(read))) => {
                destination.mark_written(read);
                StreamResult::Completed
            }
            Poll::Ready(Err(error)) => {
                self.ending.tell(Err(failed(error)));
                StreamResult::Dropped
            }
        }))
    }

    fn try_into(me: Pin<Box<Self>>, wanted: TypeId) -> std::result::Result<Box<dyn Any>, Pin<Box<Self>>> {
        if wanted != TypeId::of::<PipeReader>() {
            return Err(me);
        }
        Ok(Box::new(Pin::into_inner(me).pipe))
    }
}

/// What a process reads.
struct Input {
    pipe: PipeSlot<PipeWriter>,
    ending: Ending,
}

/// Closes the pipe, whoever else has its slot.
impl Drop for Input {
    fn drop(&mut self) {
        self.pipe.take();
    }
}

impl Input {
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(pipe) = self.pipe.get() else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        if bytes.is_empty() {
            // The guest wants to know when it is worth to write.
            return pipe.poll_writable(cx).map_ok(|()| 0);
        }
        pipe.poll_write(cx, bytes)
    }
}

/// Writes what comes out of `data` to a pipe. The answer says how that ended.
pub(super) fn input<S: AsContextMut>(
    mut store: S,
    data: StreamReader<u8>,
    pipe: PipeWriter,
) -> Result<FutureReader<Ended>> {
    let (ending, told) = Ending::new();
    let pipe = PipeSlot::new(pipe);
    data.pipe(&mut store, Input { pipe, ending })?;
    FutureReader::new(store, told)
}

/// The same as long as the pipe is in its slot. Nobody is told how that ends.
pub(super) fn feed<S: AsContextMut>(store: S, data: StreamReader<u8>, pipe: PipeSlot<PipeWriter>) -> Result<()> {
    let ending = Ending(None);
    data.pipe(store, Input { pipe, ending })
}

/// Drops a stream of the guest's that is of no use.
pub(super) fn close<S: AsContextMut>(store: S, data: Option<StreamReader<u8>>) -> Result<()> {
    match data {
        Some(mut data) => data.close(store),
        None => Ok(()),
    }
}

impl<D: 'static> StreamConsumer<D> for Input {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<D>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        if finish {
            // A write that is cancelled puts nothing into the pipe.
            return Poll::Ready(Ok(StreamResult::Cancelled));
        }
        let mut source = source.as_direct(store);
        Poll::Ready(Ok(match self.poll_write(cx, source.remaining()) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(written)) => {
                source.mark_read(written);
                StreamResult::Completed
            }
            Poll::Ready(Err(error)) => {
                self.ending.tell(Err(failed(error)));
                StreamResult::Dropped
            }
        }))
    }
}
