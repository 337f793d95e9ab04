//! The generated traits.

use wasmtime::Result;
use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};
use wasmtime_wasi::filesystem::Descriptor;

use super::stream;
use crate::command::Command;
use crate::ctx::{ProcessCtxView, Processes};
use crate::process::{PipeReader, PipeSlot, Stderr, Stdin, Stdout};
use crate::resources::{Process, duration};

crate::convert::conversions!(super::bindings::types);

type Ended = std::result::Result<(), wit::StreamError>;

/// Where an output of a command goes.
enum Target {
    Null,
    Piped,
    Inherit,
    File(Resource<Descriptor>, Option<u64>),
    StdinOf(Resource<Process>),
}

impl From<wit::StdoutTarget> for Target {
    fn from(target: wit::StdoutTarget) -> Self {
        match target {
            wit::StdoutTarget::Null => Self::Null,
            wit::StdoutTarget::Piped => Self::Piped,
            wit::StdoutTarget::Inherit => Self::Inherit,
            wit::StdoutTarget::File(file) => Self::File(file.file, file.offset),
            wit::StdoutTarget::StdinOf(process) => Self::StdinOf(process),
        }
    }
}

/// None is wherever standard output goes.
fn stderr_target(target: wit::StderrTarget) -> Option<Target> {
    Some(match target {
        wit::StderrTarget::Null => Target::Null,
        wit::StderrTarget::Piped => Target::Piped,
        wit::StderrTarget::Inherit => Target::Inherit,
        wit::StderrTarget::File(file) => Target::File(file.file, file.offset),
        wit::StderrTarget::StdinOf(process) => Target::StdinOf(process),
        wit::StderrTarget::Stdout => return None,
    })
}

impl ProcessCtxView<'_> {
    fn target_of(&mut self, field: &str, target: Target) -> Result<Stdout> {
        Ok(match target {
            Target::Null => Stdout::Null,
            Target::Piped => Stdout::Piped,
            Target::Inherit => Stdout::Inherit,
            Target::File(file, offset) => match self.file(field, &file, offset)? {
                Ok(file) => Stdout::File(file),
                Err(error) => Stdout::Unusable(error),
            },
            Target::StdinOf(process) => match self.process(&process)?.take_stdin() {
                Some(pipe) => Stdout::Pipe(PipeSlot::new(pipe)),
                None => {
                    let not_there = "the other process's standard input is not piped, or was taken";
                    Stdout::Unusable(Error::invalid(field, not_there))
                }
            },
        })
    }
}

impl wit::Host for ProcessCtxView<'_> {}

impl wit::HostCommand for ProcessCtxView<'_> {
    fn new(&mut self, program: String) -> Result<Resource<Command>> {
        self.new_command(program)
    }

    fn arg(&mut self, command: Resource<Command>, argument: String) -> Result<()> {
        self.command(&command)?.arg(argument);
        Ok(())
    }

    fn args(&mut self, command: Resource<Command>, arguments: Vec<String>) -> Result<()> {
        let command = self.command(&command)?;
        arguments.into_iter().for_each(|argument| command.arg(argument));
        Ok(())
    }

    fn argv0(&mut self, command: Resource<Command>, name: String) -> Result<()> {
        self.command(&command)?.argv0(name);
        Ok(())
    }

    fn env(&mut self, command: Resource<Command>, key: String, value: String) -> Result<()> {
        self.command(&command)?.env(key, value);
        Ok(())
    }

    fn clear_env(&mut self, command: Resource<Command>) -> Result<()> {
        self.command(&command)?.clear_env();
        Ok(())
    }

    fn cwd(&mut self, command: Resource<Command>, directory: Resource<Descriptor>, path: Option<String>) -> Result<()> {
        self.set_cwd(&command, &directory, path)
    }

    fn stdout(&mut self, command: Resource<Command>, target: wit::StdoutTarget) -> Result<()> {
        let stdout = self.target_of("stdout", target.into())?;
        self.command(&command)?.request.stdout = stdout;
        Ok(())
    }

    fn stderr(&mut self, command: Resource<Command>, target: wit::StderrTarget) -> Result<()> {
        let stderr = match stderr_target(target) {
            Some(target) => Stderr::Own(self.target_of("stderr", target)?),
            None => Stderr::Stdout,
        };
        self.command(&command)?.request.stderr = stderr;
        Ok(())
    }

    fn timeout(&mut self, command: Resource<Command>, after: u64) -> Result<()> {
        self.command(&command)?.request.timeout = Some(duration(after));
        Ok(())
    }

    fn output_limit(&mut self, command: Resource<Command>, bytes: u64) -> Result<()> {
        self.command(&command)?.request.output_limit = Some(bytes);
        Ok(())
    }

    fn spawn(&mut self, command: Resource<Command>) -> Result<Result<Resource<Process>, wit::Error>> {
        Ok(self.spawn(&command)?.map_err(Into::into))
    }

    fn drop(&mut self, command: Resource<Command>) -> Result<()> {
        self.table.delete(command)?;
        Ok(())
    }
}

impl<T: 'static> wit::HostCommandWithStore<T> for Processes {
    fn stdin(mut access: Access<T, Self>, command: Resource<Command>, source: wit::StdinSource) -> Result<()> {
        let stdin = match source {
            wit::StdinSource::Null => Stdin::Null,
            wit::StdinSource::Piped => Stdin::Piped,
            wit::StdinSource::Inherit => Stdin::Inherit,
            wit::StdinSource::File(file) => match access.get().file("stdin", &file.file, file.offset)? {
                Ok(file) => Stdin::File(file),
                Err(error) => Stdin::Unusable(error),
            },
            wit::StdinSource::Stream(data) => match stream::reader(&mut access, data) {
                Ok(pipe) => Stdin::Pipe(PipeSlot::new(pipe)),
                Err(data) => Stdin::PipedTo(PipeSlot::new(stream::input_to_come(&mut access, data)?)),
            },
        };
        access.get().command(&command)?.request.stdin = stdin;
        Ok(())
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
        mut data: StreamReader<u8>,
    ) -> Result<Option<FutureReader<Ended>>> {
        match access.get().process(&process)?.take_stdin() {
            Some(pipe) => Ok(Some(stream::input(access, data, pipe)?)),
            None => {
                data.close(access)?;
                Ok(None)
            }
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
        Ok(process.stop(duration(grace)).await.map(Into::into).map_err(Into::into))
    }
}

impl wit::HostProcess for ProcessCtxView<'_> {
    fn id(&mut self, process: Resource<Process>) -> Result<u64> {
        Ok(self.process(&process)?.id())
    }

    fn try_wait(&mut self, process: Resource<Process>) -> Result<Result<Option<wit::ExitStatus>, wit::Error>> {
        let status = self.process(&process)?.try_wait();
        Ok(status.map(|status| status.map(Into::into)).map_err(Into::into))
    }

    fn send_signal(&mut self, process: Resource<Process>, signal: wit::Signal) -> Result<Result<(), wit::Error>> {
        Ok(self.process(&process)?.send_signal(signal.into()).map_err(Into::into))
    }

    fn terminate(&mut self, process: Resource<Process>) -> Result<Result<(), wit::Error>> {
        Ok(self.process(&process)?.terminate().map_err(Into::into))
    }

    fn kill(&mut self, process: Resource<Process>) -> Result<Result<(), wit::Error>> {
        Ok(self.process(&process)?.kill().map_err(Into::into))
    }

    fn usage(&mut self, process: Resource<Process>) -> Result<Option<wit::Usage>> {
        Ok(self.process(&process)?.usage().map(Into::into))
    }

    async fn drop(&mut self, process: Resource<Process>) -> Result<()> {
        let process = self.table.delete(process)?;
        process.close().await;
        Ok(())
    }
}
