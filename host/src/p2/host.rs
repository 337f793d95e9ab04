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
        use $crate::p2::resources::Source;
        use $crate::resources::{Process, Target};

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

        $crate::interface::targets!(Stream);

        /// Runs work that may need a runtime.
        fn enter<R>($work: impl FnOnce() -> R) -> R {
            $enter
        }

        impl wit::Host for ProcessCtxView<'_> {}

        impl wit::HostCommand for ProcessCtxView<'_> {
            $crate::interface::command_methods!();

            fn stdin(&mut self, command: Resource<Command>, source: wit::StdinSource) -> Result<()> {
                enter(|| self.set_stdin(&command, source.into()))
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
            $crate::interface::process_methods!();

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

            $($asyncness)? fn stop(
                &mut self,
                process: Resource<Process>,
                grace: u64,
            ) -> Result<Result<wit::Stopped, wit::Error>> {
                let $future = self.process(&process)?.stop(Duration::from_nanos(grace));
                Ok($run.map(Into::into).map_err(Into::into))
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
