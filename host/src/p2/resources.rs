//! What the functions of the interface do to the resource table, for both sets of bindings.

use wasmtime::Result;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, Pollable, subscribe};

use crate::command::Command;
use crate::ctx::ProcessCtxView;
use crate::error::Error;
use crate::process::{Live, Stdin, Stdout};
use crate::resources::Process;

/// Where the input of a command comes from.
pub(super) enum Source {
    Null,
    Piped,
    Inherit,
    File(Resource<Descriptor>, Option<u64>),
    Stream(Resource<DynInputStream>),
}

/// Ready once a process has ended. It is a resource of its own, so it may outlive the process's.
struct Watcher(std::sync::Arc<Live>);

#[async_trait]
impl Pollable for Watcher {
    async fn ready(&mut self) {
        // How it ended, and whether that is known, is for `wait` to say.
        let _ = self.0.wait().await;
    }
}

impl ProcessCtxView<'_> {
    pub(super) fn set_stdin(&mut self, command: &Resource<Command>, source: Source) -> Result<()> {
        let stdin = match source {
            Source::Null => Stdin::Null,
            Source::Piped => Stdin::Piped,
            Source::Inherit => Stdin::Inherit,
            Source::File(file, offset) => match self.file("stdin", &file, offset)? {
                Ok(file) => Stdin::File(file),
                Err(error) => Stdin::Unusable(error),
            },
            Source::Stream(stream) => {
                let pipe = self.ctx.streams().reader(self.table.get(&stream)?);
                give_up(self.table, stream);
                pipe.map_or_else(|| Stdin::Unusable(foreign("stdin")), |pipe| Stdin::Pipe(pipe.detach()))
            }
        };
        self.command(command)?.request.stdin = stdin;
        Ok(())
    }

    /// The pipe behind a stream, for the output that is named `field`.
    pub(crate) fn output_stream(&mut self, field: &str, stream: Resource<DynOutputStream>) -> Result<Stdout> {
        let writer = self.ctx.streams().writer(self.table.get(&stream)?);
        let target = match writer {
            None => Stdout::Unusable(foreign(field)),
            Some(writer) if writer.has_unwritten => {
                let unflushed = "the stream holds bytes that are not written yet; flush it before it is passed on";
                Stdout::Unusable(Error::invalid(field, unflushed))
            }
            Some(writer) => Stdout::Pipe(writer.pipe.detach()),
        };
        give_up(self.table, stream);
        Ok(target)
    }

    pub(super) fn take_stdin(&mut self, process: &Resource<Process>) -> Result<Option<Resource<DynOutputStream>>> {
        match self.process(process)?.take_stdin() {
            Some(pipe) => Ok(Some(self.table.push(self.ctx.streams().output(pipe))?)),
            None => Ok(None),
        }
    }

    pub(super) fn take_stdout(&mut self, process: &Resource<Process>) -> Result<Option<Resource<DynInputStream>>> {
        match self.process(process)?.take_stdout() {
            Some(pipe) => Ok(Some(self.table.push(self.ctx.streams().input(pipe))?)),
            None => Ok(None),
        }
    }

    pub(super) fn take_stderr(&mut self, process: &Resource<Process>) -> Result<Option<Resource<DynInputStream>>> {
        match self.process(process)?.take_stderr() {
            Some(pipe) => Ok(Some(self.table.push(self.ctx.streams().input(pipe))?)),
            None => Ok(None),
        }
    }

    pub(super) fn subscribe(&mut self, process: &Resource<Process>) -> Result<Resource<DynPollable>> {
        let watcher = Watcher(self.process(process)?.live().clone());
        let watcher = self.table.push(watcher)?;
        // The pollable owns the watcher, so nothing needs to be dropped before the process.
        subscribe(self.table, watcher)
    }
}

/// Drops a stream that the guest gave away. One that still has a pollable stays in the table until the store goes, as an
/// empty shell: its pipe was taken out of it.
fn give_up<T: 'static>(table: &mut ResourceTable, stream: Resource<T>) {
    let _ = table.delete(stream);
}

fn foreign(field: &str) -> Error {
    Error::unsupported(
        field,
        "this stream is not one of a process; only those can be passed on",
    )
}
