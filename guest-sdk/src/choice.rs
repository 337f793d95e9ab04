//! What was chosen for the standard streams of a process, in whichever flavour of the interface.

use std::sync::Arc;

use crate::error::Error;

/// What one standard stream is to be. `D` is a descriptor, `R` what another process writes and `W` what another process
/// reads, as the flavour has them.
#[derive(Debug)]
pub(crate) enum Choice<D, R, W> {
    Null,
    Piped,
    Inherit,
    File(Lent<D>),
    /// Something to read; none once a spawn was given it.
    Reader(Option<R>),
    /// Something to write to; none once a spawn was given it.
    Writer(Option<W>),
}

/// The choices for a stream that are alike in both flavours. `Stdio` holds a [`Choice`], and `File` lends itself.
macro_rules! plain_stdio {
    () => {
        impl Stdio {
            /// Nothing to read, and what is written is thrown away.
            pub fn null() -> Stdio {
                Stdio(Choice::Null)
            }

            /// A pipe, whose other end is in the [`Child`](super::Child).
            pub fn piped() -> Stdio {
                Stdio(Choice::Piped)
            }

            /// The guest's own stream of the same name.
            pub fn inherit() -> Stdio {
                Stdio(Choice::Inherit)
            }
        }

        impl From<&File> for Stdio {
            fn from(file: &File) -> Stdio {
                Stdio(Choice::File(file.lend()))
            }
        }

        impl From<File> for Stdio {
            fn from(file: File) -> Stdio {
                Stdio::from(&file)
            }
        }
    };
}

/// A file that was made a standard stream, at the offset it had then.
#[derive(Debug)]
pub(crate) struct Lent<D> {
    pub(crate) descriptor: Arc<D>,
    pub(crate) offset: u64,
    pub(crate) append: bool,
}

impl<D> Lent<D> {
    /// Where a process begins to read. That the file is appended to does not matter for that.
    pub(crate) fn read_offset(&self) -> Option<u64> {
        Some(self.offset)
    }

    /// Where a process begins to write: none appends.
    pub(crate) fn write_offset(&self) -> Option<u64> {
        (!self.append).then_some(self.offset)
    }

    /// Whether two outputs into this file and `other` would each have an offset of its own in one and the same file.
    fn overwrites(&self, other: &Lent<D>) -> bool {
        !self.append && Arc::ptr_eq(&self.descriptor, &other.descriptor)
    }
}

/// The standard streams of a process; none is one that nothing was said about.
#[derive(Debug)]
pub(crate) struct Streams<D, R, W> {
    pub(crate) stdin: Option<Choice<D, R, W>>,
    pub(crate) stdout: Option<Choice<D, R, W>>,
    pub(crate) stderr: Option<Choice<D, R, W>>,
    pub(crate) stderr_to_stdout: bool,
}

impl<D, R, W> Default for Streams<D, R, W> {
    fn default() -> Self {
        Streams {
            stdin: None,
            stdout: None,
            stderr: None,
            stderr_to_stdout: false,
        }
    }
}

impl<D, R, W> Streams<D, R, W> {
    /// Refuses streams that cannot serve where they were put. Nothing is taken from them yet: what is refused here can be
    /// put right and spawned again.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |field| {
            Err(Error::invalid(
                field,
                "the other process's stream goes in the wrong direction",
            ))
        };
        if let Some(Choice::Writer(_)) = self.stdin {
            return wrong("stdin");
        }
        if let Some(Choice::Reader(_)) = self.stdout {
            return wrong("stdout");
        }
        if let Some(Choice::Reader(_)) = self.stderr {
            return wrong("stderr");
        }
        if let (Some(Choice::File(stdout)), Some(Choice::File(stderr))) = (&self.stdout, &self.stderr)
            && stdout.overwrites(stderr)
        {
            return Err(Error::invalid(
                "stderr",
                "the file is standard output, too, and each would overwrite the other: use stderr_to_stdout, or open the \
                 file to append",
            ));
        }
        Ok(())
    }
}

/// What a stream is that nothing was said about.
#[derive(Clone, Copy)]
pub(crate) struct Defaults {
    pub(crate) stdin: Plain,
    pub(crate) outputs: Plain,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    Null,
    Piped,
    Inherit,
}

impl Defaults {
    /// The guest's own streams: `spawn` and `status`.
    pub(crate) const INHERIT: Defaults = Defaults {
        stdin: Plain::Inherit,
        outputs: Plain::Inherit,
    };

    /// Nothing to read, and pipes: `output`.
    pub(crate) const CAPTURE: Defaults = Defaults {
        stdin: Plain::Null,
        outputs: Plain::Piped,
    };

    /// Pipes: `spawn_hosted`.
    pub(crate) const PIPED: Defaults = Defaults {
        stdin: Plain::Piped,
        outputs: Plain::Piped,
    };
}

/// What the host is told of one standard stream, as that stream's own type of the interface has it, `wit::$of`; none if the
/// host's command holds a stream already that an earlier spawn gave it. `$offset` is where a file begins. `$right` is the direction
/// that [`Streams::check`] has seen another's `$stream` to have, and not `$wrong`; `$told` takes it, so nothing may fail once
/// this was used.
macro_rules! settle {
    ($slot:expr, $default:expr, $of:ident, $offset:ident, $right:ident($stream:ident) not $wrong:ident => $told:expr) => {
        match $slot {
            None => Some(match $default {
                Plain::Null => wit::$of::Null,
                Plain::Piped => wit::$of::Piped,
                Plain::Inherit => wit::$of::Inherit,
            }),
            Some(Choice::Null) => Some(wit::$of::Null),
            Some(Choice::Piped) => Some(wit::$of::Piped),
            Some(Choice::Inherit) => Some(wit::$of::Inherit),
            Some(Choice::File(file)) => Some(wit::$of::File(wit::FileStream {
                file: &file.descriptor,
                offset: file.$offset(),
            })),
            Some(Choice::$right($stream)) => $told,
            Some(Choice::$wrong(_)) => None,
        }
    };
}
pub(crate) use {plain_stdio, settle};

#[cfg(test)]
mod tests {
    use super::*;

    type Given = Streams<(), (), ()>;

    fn refused(streams: &Given) -> Option<String> {
        match streams.check() {
            Err(Error::InvalidArgument(problem)) => Some(problem.field),
            _ => None,
        }
    }

    fn stream(set: impl FnOnce(&mut Given)) -> Given {
        let mut streams = Given::default();
        set(&mut streams);
        streams
    }

    #[test]
    fn a_stream_in_the_wrong_direction_is_refused_by_name() {
        for (taken, reader, writer) in [(false, Some(()), Some(())), (true, None, None)] {
            let why = format!("taken: {taken}");
            let field = |set: fn(&mut Given, Choice<(), (), ()>), choice| refused(&stream(|it| set(it, choice)));
            let stdin = |it: &mut Given, choice| it.stdin = Some(choice);
            let stdout = |it: &mut Given, choice| it.stdout = Some(choice);
            let stderr = |it: &mut Given, choice| it.stderr = Some(choice);
            assert_eq!(field(stdin, Choice::Writer(writer)).as_deref(), Some("stdin"), "{why}");
            assert_eq!(
                field(stdout, Choice::Reader(reader)).as_deref(),
                Some("stdout"),
                "{why}"
            );
            assert_eq!(
                field(stderr, Choice::Reader(reader)).as_deref(),
                Some("stderr"),
                "{why}"
            );
            assert_eq!(field(stdin, Choice::Reader(reader)), None, "{why}");
            assert_eq!(field(stdout, Choice::Writer(writer)), None, "{why}");
            assert_eq!(field(stderr, Choice::Writer(writer)), None, "{why}");
        }
    }

    #[test]
    fn one_file_is_both_outputs_only_if_it_appends() {
        let descriptor = Arc::new(());
        let lent = |append| Lent {
            descriptor: Arc::clone(&descriptor),
            offset: 3,
            append,
        };
        let both = |stdout, stderr| {
            refused(&stream(|it| {
                it.stdout = Some(Choice::File(stdout));
                it.stderr = Some(Choice::File(stderr));
            }))
        };
        assert_eq!(both(lent(false), lent(false)).as_deref(), Some("stderr"));
        assert_eq!(both(lent(true), lent(true)), None);
        let another = Lent {
            descriptor: Arc::new(()),
            offset: 3,
            append: false,
        };
        assert_eq!(both(lent(false), another), None);
    }

    #[test]
    fn only_an_output_appends() {
        let lent = |append| Lent {
            descriptor: Arc::new(()),
            offset: 3,
            append,
        };
        assert_eq!((lent(true).read_offset(), lent(true).write_offset()), (Some(3), None));
        assert_eq!(
            (lent(false).read_offset(), lent(false).write_offset()),
            (Some(3), Some(3))
        );
    }
}
