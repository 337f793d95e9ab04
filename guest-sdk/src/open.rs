//! How files are opened, in whichever flavour of the interface.
//!
//! The flags are the same in both, and the types of the other flavour's bindings stand for them here.

use std::io::{self, SeekFrom};
use std::path::Path;

use crate::bindings::wasi::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags};
use crate::path::{self, Unplaced};

/// What was said about how to open a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opening {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) append: bool,
    pub(crate) truncate: bool,
    pub(crate) create: bool,
    pub(crate) create_new: bool,
}

impl Opening {
    /// The flags to open with, or why the options contradict each other.
    pub(crate) fn flags(&self) -> io::Result<(OpenFlags, DescriptorFlags)> {
        let invalid = |message| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        let writes = self.write || self.append;
        if !self.read && !writes {
            return invalid("a file is opened to read, to write or to append");
        }
        if (self.truncate || self.create || self.create_new) && !writes {
            return invalid("a file that is created or emptied has to be opened for writing");
        }
        if self.truncate && self.append && !self.create_new {
            return invalid("a file cannot be both emptied and appended to");
        }
        let open = [
            (self.create || self.create_new, OpenFlags::CREATE),
            (self.create_new, OpenFlags::EXCLUSIVE),
            (self.truncate && !self.create_new, OpenFlags::TRUNCATE),
        ];
        let flags = [(self.read, DescriptorFlags::READ), (writes, DescriptorFlags::WRITE)];
        Ok((
            open.into_iter()
                .filter(|(set, _)| *set)
                .fold(OpenFlags::empty(), |all, (_, flag)| all | flag),
            flags
                .into_iter()
                .filter(|(set, _)| *set)
                .fold(DescriptorFlags::empty(), |all, (_, flag)| all | flag),
        ))
    }
}

/// The preopened directory that holds `path`, and the path below it.
pub(crate) fn place<D>(path: &Path, preopens: impl FnOnce() -> Vec<(D, String)>) -> io::Result<(D, String)> {
    let place =
        path::place(path, preopens).map_err(|Unplaced(message)| io::Error::new(io::ErrorKind::NotFound, message))?;
    Ok((place.directory, place.path.unwrap_or_else(|| ".".into())))
}

/// The offset that a seek from `offset` in a file of `size` bytes leads to.
pub(crate) fn sought(position: SeekFrom, offset: u64, size: u64) -> io::Result<u64> {
    match position {
        SeekFrom::Start(target) => Some(target),
        SeekFrom::Current(by) => offset.checked_add_signed(by),
        SeekFrom::End(by) => size.checked_add_signed(by),
    }
    .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the beginning"))
}

/// The methods of a `FileOptions` that set its one field, an [`Opening`]. They are items of the `impl` it is used in, so
/// both flavours show them with their documentation.
macro_rules! options {
    () => {
        /// Whether the file can be read.
        pub fn read(&mut self, yes: bool) -> &mut Self {
            self.0.read = yes;
            self
        }

        /// Whether the file can be written.
        pub fn write(&mut self, yes: bool) -> &mut Self {
            self.0.write = yes;
            self
        }

        /// Whether each write, by the guest or by a process, goes to the end of the file. Implies writing. The offset, at
        /// which the file is read, stays where it is.
        pub fn append(&mut self, yes: bool) -> &mut Self {
            self.0.append = yes;
            self
        }

        /// Whether the file is emptied. Needs writing.
        pub fn truncate(&mut self, yes: bool) -> &mut Self {
            self.0.truncate = yes;
            self
        }

        /// Whether the file is created if it does not exist. Needs writing or appending.
        pub fn create(&mut self, yes: bool) -> &mut Self {
            self.0.create = yes;
            self
        }

        /// Whether the file has to be created: it is an error that it exists. Needs writing or appending.
        pub fn create_new(&mut self, yes: bool) -> &mut Self {
            self.0.create_new = yes;
            self
        }
    };
}
pub(crate) use options;

/// The kind that std has for the POSIX error of the same name, and the name as the text.
pub(crate) fn file_error(code: ErrorCode) -> io::Error {
    use io::ErrorKind;
    let kind = match code {
        ErrorCode::Access | ErrorCode::NotPermitted => ErrorKind::PermissionDenied,
        ErrorCode::WouldBlock => ErrorKind::WouldBlock,
        ErrorCode::Busy => ErrorKind::ResourceBusy,
        ErrorCode::Deadlock => ErrorKind::Deadlock,
        ErrorCode::Quota => ErrorKind::QuotaExceeded,
        ErrorCode::Exist => ErrorKind::AlreadyExists,
        ErrorCode::FileTooLarge => ErrorKind::FileTooLarge,
        ErrorCode::IllegalByteSequence | ErrorCode::Invalid => ErrorKind::InvalidInput,
        ErrorCode::Interrupted => ErrorKind::Interrupted,
        ErrorCode::IsDirectory => ErrorKind::IsADirectory,
        ErrorCode::TooManyLinks => ErrorKind::TooManyLinks,
        ErrorCode::NameTooLong => ErrorKind::InvalidFilename,
        ErrorCode::NoEntry => ErrorKind::NotFound,
        ErrorCode::InsufficientMemory => ErrorKind::OutOfMemory,
        ErrorCode::InsufficientSpace => ErrorKind::StorageFull,
        ErrorCode::NotDirectory => ErrorKind::NotADirectory,
        ErrorCode::NotEmpty => ErrorKind::DirectoryNotEmpty,
        ErrorCode::Unsupported => ErrorKind::Unsupported,
        ErrorCode::Pipe => ErrorKind::BrokenPipe,
        ErrorCode::ReadOnly => ErrorKind::ReadOnlyFilesystem,
        ErrorCode::InvalidSeek => ErrorKind::NotSeekable,
        ErrorCode::TextFileBusy => ErrorKind::ExecutableFileBusy,
        ErrorCode::CrossDevice => ErrorKind::CrossesDevices,
        ErrorCode::Already
        | ErrorCode::BadDescriptor
        | ErrorCode::InProgress
        | ErrorCode::Io
        | ErrorCode::Loop
        | ErrorCode::MessageSize
        | ErrorCode::NoDevice
        | ErrorCode::NoLock
        | ErrorCode::NotRecoverable
        | ErrorCode::NoTty
        | ErrorCode::NoSuchDevice
        | ErrorCode::Overflow => ErrorKind::Other,
    };
    io::Error::new(kind, code.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{File, FileOptions};

    fn kind(options: &FileOptions) -> Option<io::ErrorKind> {
        options.0.flags().err().map(|error| error.kind())
    }

    #[test]
    fn options_that_contradict_each_other_are_refused_as_std_does() {
        let invalid = Some(io::ErrorKind::InvalidInput);
        assert_eq!(kind(&File::options()), invalid);
        assert_eq!(kind(File::options().read(true).create(true)), invalid);
        assert_eq!(kind(File::options().read(true).truncate(true)), invalid);
        assert_eq!(kind(File::options().append(true).truncate(true)), invalid);
        assert_eq!(kind(File::options().append(true).create(true)), None);
        assert_eq!(kind(File::options().write(true).create_new(true)), None);
    }

    #[test]
    fn options_become_the_flags_of_wasi() {
        let flags = |options: &FileOptions| options.0.flags().ok();
        let (read, write) = (DescriptorFlags::READ, DescriptorFlags::WRITE);
        assert_eq!(flags(File::options().read(true)), Some((OpenFlags::empty(), read)));
        assert_eq!(
            flags(File::options().write(true).create(true).truncate(true)),
            Some((OpenFlags::CREATE | OpenFlags::TRUNCATE, write))
        );
        assert_eq!(
            flags(File::options().read(true).append(true).create_new(true)),
            Some((OpenFlags::CREATE | OpenFlags::EXCLUSIVE, read | write))
        );
    }

    #[test]
    fn a_seek_is_from_where_it_says_and_not_to_before_the_beginning() {
        let target = |position| sought(position, 5, 10).map_err(|error| error.kind());
        assert_eq!(target(SeekFrom::Start(3)), Ok(3));
        assert_eq!(target(SeekFrom::Current(-5)), Ok(0));
        assert_eq!(target(SeekFrom::End(-3)), Ok(7));
        assert_eq!(target(SeekFrom::End(1)), Ok(11));
        for position in [SeekFrom::Current(-6), SeekFrom::End(-11)] {
            assert_eq!(target(position), Err(io::ErrorKind::InvalidInput));
        }
    }

    #[test]
    fn a_file_error_has_the_kind_of_std() {
        assert_eq!(file_error(ErrorCode::NoEntry).kind(), io::ErrorKind::NotFound);
        assert_eq!(
            file_error(ErrorCode::ReadOnly).kind(),
            io::ErrorKind::ReadOnlyFilesystem
        );
        assert_eq!(file_error(ErrorCode::Loop).to_string(), "loop");
    }
}
