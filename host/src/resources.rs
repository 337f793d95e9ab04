//! What the functions of both flavours do to the resource table.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, FsPerms, OpenMode};

use crate::command::Command;
use crate::ctx::ProcessCtxView;
use crate::error::Error;
use crate::process::{Directory, FileStream, refuse_too_long};

/// The `process` resource of both flavours. It is shared with the calls that are at work on it.
pub type Process = Arc<crate::process::Process>;

impl ProcessCtxView<'_> {
    pub(crate) fn command(&mut self, command: &Resource<Command>) -> Result<&mut Command> {
        Ok(self.table.get_mut(command)?)
    }

    pub(crate) fn process(&mut self, process: &Resource<Process>) -> Result<&Process> {
        Ok(self.table.get(process)?)
    }

    pub(crate) fn new_command(&mut self, program: String) -> Result<Resource<Command>> {
        let command = Command::new(program, self.ctx.budget().clone());
        Ok(self.table.push(command)?)
    }

    pub(crate) fn set_cwd(
        &mut self,
        command: &Resource<Command>,
        directory: &Resource<Descriptor>,
        path: Option<String>,
    ) -> Result<()> {
        let directory = match self.table.get(directory)? {
            Descriptor::Dir(dir) => dir.dir.clone(),
            // Opening below it fails with `not-a-directory`, which is what there is to say.
            Descriptor::File(file) => file.file.clone(),
        };
        self.command(command)?.cwd(Directory { directory, path });
        Ok(())
    }

    /// The file behind a descriptor, for the stream that is named `field`.
    pub(crate) fn file(
        &self,
        field: &str,
        file: &Resource<Descriptor>,
        offset: Option<u64>,
    ) -> Result<std::result::Result<FileStream, Error>> {
        Ok(match self.table.get(file)? {
            Descriptor::File(file) => Ok(FileStream {
                file: file.file.clone(),
                readable: file.open_mode.contains(OpenMode::READ),
                writable: file.open_mode.contains(OpenMode::WRITE) && file.perms == FsPerms::ReadWrite,
                offset,
            }),
            Descriptor::Dir(_) => Err(Error::unsupported(field, "the descriptor is not one of a regular file")),
        })
    }

    pub(crate) fn spawn(
        &mut self,
        command: &Resource<Command>,
    ) -> Result<std::result::Result<Resource<Process>, Error>> {
        let command = self.table.get(command)?;
        let spawned = if command.is_too_long() {
            Err(refuse_too_long(self.ctx, &command.request))
        } else {
            self.ctx.spawn(&command.request)
        };
        Ok(match spawned {
            Ok(process) => Ok(self.table.push(Arc::new(process))?),
            Err(error) => Err(error),
        })
    }
}

/// A duration of the WIT.
pub(crate) fn duration(nanoseconds: u64) -> Duration {
    Duration::from_nanos(nanoseconds)
}
