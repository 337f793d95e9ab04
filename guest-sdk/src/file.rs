//! Files of the guest that a process can be given as a standard stream.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use crate::bindings::wasi::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use crate::path;
use crate::stream::Outgoing;

/// A file that the guest opened and that a process can read or write: `Stdio::from(file)`.
///
/// It stands in for [`std::fs::File`], which cannot be used there. A process is given a file as a `wasi:filesystem`
/// descriptor, and on `wasm32-wasip2` std keeps that descriptor in a table of the C library: a `std::fs::File` only knows
/// a number that means nothing to the host, and there is no safe function, in std or elsewhere, from one to the other.
///
/// A path is looked up as std looks it up: below the preopened directory with the longest matching name, a relative one
/// from the current directory.
///
/// Unlike two descriptors of POSIX that are copies of each other, the guest and a process do not share an offset: the
/// process starts at the guest's offset of the moment the file was made a `Stdio`, and the guest's stays where it is. For
/// the same reason one file cannot be both outputs of a process unless it was opened to append: each would write from its
/// own offset over what the other wrote. `spawn` refuses that. To have both in one file, append, or use
/// [`Command::stderr_to_stdout`](crate::Command::stderr_to_stdout).
///
/// ```no_run
/// use childproof::{Command, File, Stdio};
///
/// # fn main() -> std::io::Result<()> {
/// let log = File::options().append(true).create(true).open("build.log")?;
/// Command::new("make").stdout(Stdio::from(&log)).stderr(log).status()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct File {
    descriptor: Arc<Descriptor>,
    offset: u64,
    append: bool,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is no such file or no preopened directory holds the path, and what else the
    /// host answers.
    pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
        File::options().read(true).open(path)
    }

    /// Opens a file for writing. It is created if it does not exist and emptied if it does.
    ///
    /// # Errors
    ///
    /// As [`File::open`].
    pub fn create(path: impl AsRef<Path>) -> io::Result<File> {
        File::options().write(true).create(true).truncate(true).open(path)
    }

    /// Options to open a file with; all are off at first.
    pub fn options() -> FileOptions {
        FileOptions::default()
    }

    /// The file as a process would be given it now.
    pub(crate) fn lend(&self) -> Lent {
        Lent {
            descriptor: Arc::clone(&self.descriptor),
            offset: self.offset,
            append: self.append,
        }
    }
}

/// A file that was made a standard stream, at the offset it had then.
#[derive(Debug)]
pub(crate) struct Lent {
    pub(crate) descriptor: Arc<Descriptor>,
    offset: u64,
    append: bool,
}

impl Lent {
    /// Where a process begins to read. That the file is appended to does not matter for that.
    pub(crate) fn read_offset(&self) -> Option<u64> {
        Some(self.offset)
    }

    /// Where a process begins to write: none appends.
    pub(crate) fn write_offset(&self) -> Option<u64> {
        (!self.append).then_some(self.offset)
    }

    /// Whether two outputs into this file and `other` would each have an offset of its own in one and the same file.
    pub(crate) fn overwrites(&self, other: &Lent) -> bool {
        !self.append && Arc::ptr_eq(&self.descriptor, &other.descriptor)
    }
}

/// How to open a [`File`], as [`std::fs::OpenOptions`] has it.
#[derive(Clone, Debug, Default)]
pub struct FileOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
}

impl FileOptions {
    /// Whether the file can be read.
    pub fn read(&mut self, yes: bool) -> &mut Self {
        self.read = yes;
        self
    }

    /// Whether the file can be written.
    pub fn write(&mut self, yes: bool) -> &mut Self {
        self.write = yes;
        self
    }

    /// Whether each write, by the guest or by a process, goes to the end of the file. Implies writing. The offset, at
    /// which the file is read, stays where it is.
    pub fn append(&mut self, yes: bool) -> &mut Self {
        self.append = yes;
        self
    }

    /// Whether the file is emptied. Needs writing.
    pub fn truncate(&mut self, yes: bool) -> &mut Self {
        self.truncate = yes;
        self
    }

    /// Whether the file is created if it does not exist. Needs writing or appending.
    pub fn create(&mut self, yes: bool) -> &mut Self {
        self.create = yes;
        self
    }

    /// Whether the file has to be created: it is an error that it exists. Needs writing or appending.
    pub fn create_new(&mut self, yes: bool) -> &mut Self {
        self.create_new = yes;
        self
    }

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for options that contradict each other, [`io::ErrorKind::NotFound`] if there is
    /// no such file or no preopened directory holds the path, and what else the host answers.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (open_flags, flags) = self.flags()?;
        let place = path::place(path.as_ref())
            .map_err(|path::Unplaced(message)| io::Error::new(io::ErrorKind::NotFound, message))?;
        let path = place.path.as_deref().unwrap_or(".");
        let descriptor = place
            .directory
            .open_at(PathFlags::SYMLINK_FOLLOW, path, open_flags, flags)
            .map_err(file_error)?;
        Ok(File {
            descriptor: Arc::new(descriptor),
            offset: 0,
            append: self.append,
        })
    }

    fn flags(&self) -> io::Result<(OpenFlags, DescriptorFlags)> {
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

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (bytes, _end) = self
            .descriptor
            .read(buf.len() as u64, self.offset)
            .map_err(file_error)?;
        let len = bytes.len().min(buf.len());
        buf[..len].copy_from_slice(&bytes[..len]);
        self.offset += len as u64;
        Ok(len)
    }
}

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.append {
            let end = Outgoing::new(self.descriptor.append_via_stream().map_err(file_error)?);
            let len = end.send(buf)?;
            end.flush()?;
            return Ok(len);
        }
        let len = self.descriptor.write(buf, self.offset).map_err(file_error)?;
        self.offset += len;
        Ok(usize::try_from(len).unwrap_or(buf.len()).min(buf.len()))
    }

    /// Nothing is held back in the guest: each write is with the host when it returns.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let target = match position {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(by) => self.offset.checked_add_signed(by),
            SeekFrom::End(by) => self.descriptor.stat().map_err(file_error)?.size.checked_add_signed(by),
        };
        self.offset =
            target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the beginning"))?;
        Ok(self.offset)
    }
}

/// The kind that std has for the POSIX error of the same name, and the name as the text.
fn file_error(code: ErrorCode) -> io::Error {
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

    fn kind(options: &FileOptions) -> Option<io::ErrorKind> {
        options.flags().err().map(|error| error.kind())
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
        let flags = |options: &FileOptions| options.flags().ok();
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
    fn a_file_error_has_the_kind_of_std() {
        assert_eq!(file_error(ErrorCode::NoEntry).kind(), io::ErrorKind::NotFound);
        assert_eq!(
            file_error(ErrorCode::ReadOnly).kind(),
            io::ErrorKind::ReadOnlyFilesystem
        );
        assert_eq!(file_error(ErrorCode::Loop).to_string(), "loop");
    }
}
