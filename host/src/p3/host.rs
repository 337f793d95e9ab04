//! The generated traits.

use wasmtime::Result;
use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};
use wasmtime_wasi::filesystem::Descriptor;

use super::stream;
use crate::command::Command;
use crate::ctx::{ProcessCtxView, Processes};
use crate::process::{PipeReader, PipeSlot, Stdin, Stdout};
use crate::resources::{Process, Target};

crate::convert::conversions!(super::bindings::types);

type Ended = std::result::Result<(), wit::StreamError>;

crate::interface::targets!(StdinOf);

/// Runs work that may need a runtime. The store runs inside of one.
fn enter<R>(work: impl FnOnce() -> R) -> R {
    work()
}

impl ProcessCtxView<'_> {
    /// The pipe to a process, for the output that is named `field`.
    pub(crate) fn stdin_of(&mut self, field: &str, process: &Resource<Process>) -> Result<Stdout> {
        Ok(match self.process(process)?.take_stdin() {
            Some(pipe) => Stdout::Pipe(PipeSlot::new(pipe)),
            None => {
                let not_there = "the other process's standard input is not piped, or was taken";
                Stdout::Unusable(Error::invalid(field, not_there))
            }
        })
    }
}

impl wit::Host for ProcessCtxView<'_> {}

impl wit::HostCommand for ProcessCtxView<'_> {
    crate::interface::command_methods!();
}

impl<T: 'static> wit::HostCommandWithStore<T> for Processes {
    fn stdin(mut access: Access<T, Self>, command: Resource<Command>, source: wit::StdinSource) -> Result<()> {
        let mut data = None;
        let stdin = match source {
            wit::StdinSource::Null => Stdin::Null,
            wit::StdinSource::Piped => Stdin::Piped,
            wit::StdinSource::Inherit => Stdin::Inherit,
            wit::StdinSource::File(file) => match access.get().file("stdin", &file.file, file.offset)? {
                Ok(file) => Stdin::File(file),
                Err(error) => Stdin::Unusable(error),
            },
            wit::StdinSource::Stream(stream) => match stream::reader(&mut access, stream) {
                Ok(pipe) => Stdin::Pipe(PipeSlot::new(pipe)),
                Err(stream) => {
                    data = Some(stream);
                    Stdin::Piped
                }
            },
        };
        let mut view = access.get();
        let command = view.command(&command)?;
        command.request.stdin = stdin;
        let before = std::mem::replace(&mut command.data, data);
        stream::close(access, before)
    }

    fn spawn(mut access: Access<T, Self>, command: Resource<Command>) -> Result<Result<Resource<Process>, wit::Error>> {
        let mut view = access.get();
        let process = match view.spawn(&command)? {
            Ok(process) => process,
            Err(error) => return Ok(Err(error.into())),
        };
        if let Some(data) = view.command(&command)?.data.take() {
            view.command(&command)?.request.stdin = Stdin::Unusable(Error::used_up("stdin"));
            match view.process(&process)?.feed() {
                Some(pipe) => stream::feed(access, data, pipe)?,
                None => stream::close(access, Some(data))?,
            }
        }
        Ok(Ok(process))
    }

    fn drop(mut access: Access<T, Self>, command: Resource<Command>) -> Result<()> {
        let mut command = access.get().table.delete(command)?;
        stream::close(access, command.data.take())
    }
}

/// The streams of the guest's over an output of a process.
fn take_output<T: 'static>(
    mut access: Access<T, Processes>,
    process: &Resource<Process>,
    take: fn(&crate::process::Process) -> Option<PipeReader>,
) -> Result<Option<(StreamReader<u8>, FutureReader<Ended>)>> {
    match take(access.get().process(process)?) {
        Some(pipe) => Ok(Some(stream::output(access, pipe)?)),
        None => Ok(None),
    }
}

/// The process of a call, for as long as the call takes.
fn at_work<T: 'static>(accessor: &Accessor<T, Processes>, process: &Resource<Process>) -> Result<Process> {
    accessor.with(|mut access| access.get().process(process).cloned())
}

impl<T: 'static + Send> wit::HostProcessWithStore<T> for Processes {
    fn take_stdin(
        mut access: Access<T, Self>,
        process: Resource<Process>,
        data: StreamReader<u8>,
    ) -> Result<Option<FutureReader<Ended>>> {
        match access.get().process(&process)?.take_stdin() {
            Some(pipe) => Ok(Some(stream::input(access, data, pipe)?)),
            None => stream::close(access, Some(data)).map(|()| None),
        }
    }

    fn take_stdout(
        access: Access<T, Self>,
        process: Resource<Process>,
    ) -> Result<Option<(StreamReader<u8>, FutureReader<Ended>)>> {
        take_output(access, &process, crate::process::Process::take_stdout)
    }

    fn take_stderr(
        access: Access<T, Self>,
        process: Resource<Process>,
    ) -> Result<Option<(StreamReader<u8>, FutureReader<Ended>)>> {
        take_output(access, &process, crate::process::Process::take_stderr)
    }

    async fn wait(
        accessor: &Accessor<T, Self>,
        process: Resource<Process>,
    ) -> Result<Result<wit::ExitStatus, wit::Error>> {
        let process = at_work(accessor, &process)?;
        Ok(process.wait().await.map(Into::into).map_err(Into::into))
    }

    async fn communicate(
        accessor: &Accessor<T, Self>,
        process: Resource<Process>,
        input: Option<Vec<u8>>,
        options: wit::CommunicateOptions,
    ) -> Result<Result<wit::Output, wit::Error>> {
        let process = at_work(accessor, &process)?;
        let output = process.communicate(input, options.into()).await;
        Ok(output.map(Into::into).map_err(Into::into))
    }

    async fn stop(
        accessor: &Accessor<T, Self>,
        process: Resource<Process>,
        grace: u64,
    ) -> Result<Result<wit::Stopped, wit::Error>> {
        let process = at_work(accessor, &process)?;
        Ok(process
            .stop(Duration::from_nanos(grace))
            .await
            .map(Into::into)
            .map_err(Into::into))
    }
}

impl wit::HostProcess for ProcessCtxView<'_> {
    crate::interface::process_methods!();

    /// While this waits, which is rare, all else in the store stands still.
    async fn drop(&mut self, process: Resource<Process>) -> Result<()> {
        let process = self.table.delete(process)?;
        crate::process::Process::give_up(process).await;
        Ok(())
    }
}
