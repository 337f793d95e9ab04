//! What the functions of both flavours do to the resource table.

use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, FsPerms, OpenMode};
use wasmtime_wasi::p2::DynOutputStream;

use crate::command::Command;
use crate::ctx::ProcessCtxView;
use crate::error::Error;
use crate::process::{Directory, FileStream, Stderr, Stdout, refuse_too_long};

/// The `process` resource of both flavours. It is shared with the calls that are at work on it.
pub type Process = Arc<crate::process::Process>;

/// Where an output of a command goes, whichever set of bindings it comes from.
pub(crate) enum Target {
    Null,
    Piped,
    Inherit,
    File(Resource<Descriptor>, Option<u64>),
    /// A stream of WASI 0.2, which is another process's standard input.
    Stream(Resource<DynOutputStream>),
    /// The standard input of a process.
    #[cfg(feature = "p3")]
    StdinOf(Resource<Process>),
}

impl ProcessCtxView<'_> {
    pub(crate) fn command(&mut self, command: &Resource<Command>) -> Result<&mut Command> {
        Ok(self.table.get_mut(command)?)
    }

    pub(crate) fn process(&mut self, process: &Resource<Process>) -> Result<&Process> {
        Ok(self.table.get(process)?)
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

    pub(crate) fn set_stdout(&mut self, command: &Resource<Command>, target: Target) -> Result<()> {
        let stdout = self.target("stdout", target)?;
        self.command(command)?.request.stdout = stdout;
        Ok(())
    }

    /// None is wherever standard output goes.
    pub(crate) fn set_stderr(&mut self, command: &Resource<Command>, target: Option<Target>) -> Result<()> {
        let stderr = match target {
            Some(target) => Stderr::Own(self.target("stderr", target)?),
            None => Stderr::Stdout,
        };
        self.command(command)?.request.stderr = stderr;
        Ok(())
    }

    fn target(&mut self, field: &str, target: Target) -> Result<Stdout> {
        Ok(match target {
            Target::Null => Stdout::Null,
            Target::Piped => Stdout::Piped,
            Target::Inherit => Stdout::Inherit,
            Target::File(file, offset) => match self.file(field, &file, offset)? {
                Ok(file) => Stdout::File(file),
                Err(error) => Stdout::Unusable(error),
            },
            Target::Stream(stream) => self.output_stream(field, stream)?,
            #[cfg(feature = "p3")]
            Target::StdinOf(process) => self.stdin_of(field, &process)?,
        })
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
