//! The generated traits, implemented once for both sets of bindings.

/// Implements the interface for one set of bindings. The two differ in how a function that waits is written, and in
/// whether a tokio runtime is at hand.
macro_rules! interface {
    (
        types: $types:path,
        waiting: [$($asyncness:tt)?],
        run: |$future:ident| $run:expr,
        enter: |$work:ident| $enter:expr $(,)?
    ) => {
        $crate::convert::conversions!($types);

        use wasmtime::Result;
        use wasmtime::component::Resource;
        use wasmtime_wasi::filesystem::Descriptor;
        use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
        use $crate::command::Command;
        use $crate::ctx::ProcessCtxView;
        use $crate::p2::resources::{Source, Target};
        use $crate::resources::{Process, duration};

        impl From<wit::StdinSource> for Source {
            fn from(source: wit::StdinSource) -> Self {
                match source {
                    wit::StdinSource::Null => Self::Null,
                    wit::StdinSource::Piped => Self::Piped,
                    wit::StdinSource::Inherit => Self::Inherit,
                    wit::StdinSource::File(file) => Self::File(file.file, file.offset),
                    wit::StdinSource::Stream(stream) => Self::Stream(stream),
                }
            }
        }

        impl From<wit::StdoutTarget> for Target {
            fn from(target: wit::StdoutTarget) -> Self {
                match target {
                    wit::StdoutTarget::Null => Self::Null,
                    wit::StdoutTarget::Piped => Self::Piped,
                    wit::StdoutTarget::Inherit => Self::Inherit,
                    wit::StdoutTarget::File(file) => Self::File(file.file, file.offset),
                    wit::StdoutTarget::Stream(stream) => Self::Stream(stream),
                }
            }
        }

        fn stderr_target(target: wit::StderrTarget) -> Option<Target> {
            Some(match target {
                wit::StderrTarget::Null => Target::Null,
                wit::StderrTarget::Piped => Target::Piped,
                wit::StderrTarget::Inherit => Target::Inherit,
                wit::StderrTarget::File(file) => Target::File(file.file, file.offset),
                wit::StderrTarget::Stream(stream) => Target::Stream(stream),
                wit::StderrTarget::Stdout => return None,
            })
        }

        /// Runs work that may need a runtime.
        fn enter<R>($work: impl FnOnce() -> R) -> R {
            $enter
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

            fn cwd(
                &mut self,
                command: Resource<Command>,
                directory: Resource<Descriptor>,
                path: Option<String>,
            ) -> Result<()> {
                self.set_cwd(&command, &directory, path)
            }

            fn stdin(&mut self, command: Resource<Command>, source: wit::StdinSource) -> Result<()> {
                enter(|| self.set_stdin(&command, source.into()))
            }

            fn stdout(&mut self, command: Resource<Command>, target: wit::StdoutTarget) -> Result<()> {
                enter(|| self.set_stdout(&command, target.into()))
            }

            fn stderr(&mut self, command: Resource<Command>, target: wit::StderrTarget) -> Result<()> {
                enter(|| self.set_stderr(&command, stderr_target(target)))
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
                Ok(enter(|| self.spawn(&command))?.map_err(Into::into))
            }

            fn drop(&mut self, command: Resource<Command>) -> Result<()> {
                enter(|| self.table.delete(command))?;
                Ok(())
            }
        }

        impl wit::HostProcess for ProcessCtxView<'_> {
            fn id(&mut self, process: Resource<Process>) -> Result<u64> {
                Ok(self.process(&process)?.id())
            }

            fn take_stdin(&mut self, process: Resource<Process>) -> Result<Option<Resource<DynOutputStream>>> {
                enter(|| self.take_stdin(&process))
            }

            fn take_stdout(&mut self, process: Resource<Process>) -> Result<Option<Resource<DynInputStream>>> {
                enter(|| self.take_stdout(&process))
            }

            fn take_stderr(&mut self, process: Resource<Process>) -> Result<Option<Resource<DynInputStream>>> {
                enter(|| self.take_stderr(&process))
            }

            $($asyncness)? fn wait(
                &mut self,
                process: Resource<Process>,
            ) -> Result<Result<wit::ExitStatus, wit::Error>> {
                let $future = self.process(&process)?.wait();
                Ok($run.map(Into::into).map_err(Into::into))
            }

            fn try_wait(
                &mut self,
                process: Resource<Process>,
            ) -> Result<Result<Option<wit::ExitStatus>, wit::Error>> {
                let process = self.process(&process)?;
                Ok(enter(|| process.try_wait()).map(|status| status.map(Into::into)).map_err(Into::into))
            }

            fn subscribe(&mut self, process: Resource<Process>) -> Result<Resource<DynPollable>> {
                self.subscribe(&process)
            }

            $($asyncness)? fn communicate(
                &mut self,
                process: Resource<Process>,
                input: Option<Vec<u8>>,
                options: wit::CommunicateOptions,
            ) -> Result<Result<wit::Output, wit::Error>> {
                let $future = self.process(&process)?.communicate(input, options.into());
                Ok($run.map(Into::into).map_err(Into::into))
            }

            fn send_signal(
                &mut self,
                process: Resource<Process>,
                signal: wit::Signal,
            ) -> Result<Result<(), wit::Error>> {
                Ok(self.process(&process)?.send_signal(signal.into()).map_err(Into::into))
            }

            fn terminate(&mut self, process: Resource<Process>) -> Result<Result<(), wit::Error>> {
                Ok(self.process(&process)?.terminate().map_err(Into::into))
            }

            fn kill(&mut self, process: Resource<Process>) -> Result<Result<(), wit::Error>> {
                Ok(self.process(&process)?.kill().map_err(Into::into))
            }

            $($asyncness)? fn stop(
                &mut self,
                process: Resource<Process>,
                grace: u64,
            ) -> Result<Result<wit::Stopped, wit::Error>> {
                let $future = self.process(&process)?.stop(duration(grace));
                Ok($run.map(Into::into).map_err(Into::into))
            }

            fn usage(&mut self, process: Resource<Process>) -> Result<Option<wit::Usage>> {
                Ok(self.process(&process)?.usage().map(Into::into))
            }

            $($asyncness)? fn drop(&mut self, process: Resource<Process>) -> Result<()> {
                let process = self.table.delete(process)?;
                let $future = process.close();
                $run;
                Ok(())
            }
        }
    };
}

pub(super) use interface;
