//! The methods of the generated traits that are the same in all sets of bindings.
//!
//! They are written as macros because each set has types of its own, under the same names. Where they are used, `wit` is the set
//! and `enter` runs work that may need a tokio runtime.

/// The methods of `HostCommand` that have nothing to do with standard input.
macro_rules! command_methods {
    () => {
        fn new(&mut self, program: String) -> Result<Resource<Command>> {
            let command = Command::new(program, self.ctx.budget().clone());
            Ok(self.table.push(command)?)
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

        fn stdout(&mut self, command: Resource<Command>, target: wit::StdoutTarget) -> Result<()> {
            enter(|| self.set_stdout(&command, target.into()))
        }

        fn stderr(&mut self, command: Resource<Command>, target: wit::StderrTarget) -> Result<()> {
            enter(|| self.set_stderr(&command, target.into()))
        }

        fn timeout(&mut self, command: Resource<Command>, after: u64) -> Result<()> {
            self.command(&command)?.request.timeout = Some(Duration::from_nanos(after));
            Ok(())
        }

        fn output_limit(&mut self, command: Resource<Command>, bytes: u64) -> Result<()> {
            self.command(&command)?.request.output_limit = Some(bytes);
            Ok(())
        }
    };
}

/// The methods of `HostProcess` that neither wait nor hand out a stream.
macro_rules! process_methods {
    () => {
        fn id(&mut self, process: Resource<Process>) -> Result<u64> {
            Ok(self.process(&process)?.id())
        }

        fn try_wait(&mut self, process: Resource<Process>) -> Result<Result<Option<wit::ExitStatus>, wit::Error>> {
            let process = self.process(&process)?;
            Ok(enter(|| process.try_wait())
                .map(|status| status.map(Into::into))
                .map_err(Into::into))
        }

        fn send_signal(&mut self, process: Resource<Process>, signal: wit::Signal) -> Result<Result<(), wit::Error>> {
            Ok(self
                .process(&process)?
                .send_signal(signal.into())
                .map_err(Into::into))
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
    };
}

/// Where outputs go, from the types of a set of bindings, which have one case, `$foreign`, of their own.
macro_rules! targets {
    ($foreign:ident) => {
        impl From<wit::StdoutTarget> for Target {
            fn from(target: wit::StdoutTarget) -> Self {
                match target {
                    wit::StdoutTarget::Null => Self::Null,
                    wit::StdoutTarget::Piped => Self::Piped,
                    wit::StdoutTarget::Inherit => Self::Inherit,
                    wit::StdoutTarget::File(file) => Self::File(file.file, file.offset),
                    wit::StdoutTarget::$foreign(of) => Self::$foreign(of),
                }
            }
        }

        /// None is wherever standard output goes.
        impl From<wit::StderrTarget> for Option<Target> {
            fn from(target: wit::StderrTarget) -> Self {
                Some(match target {
                    wit::StderrTarget::Null => Target::Null,
                    wit::StderrTarget::Piped => Target::Piped,
                    wit::StderrTarget::Inherit => Target::Inherit,
                    wit::StderrTarget::File(file) => Target::File(file.file, file.offset),
                    wit::StderrTarget::$foreign(of) => Target::$foreign(of),
                    wit::StderrTarget::Stdout => return None,
                })
            }
        }
    };
}

pub(crate) use {command_methods, process_methods, targets};
