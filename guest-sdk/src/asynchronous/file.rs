//! Files of the guest that a process can be given as a standard stream.

use std::io::{self, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::bindings::wasi::filesystem::preopens;
use super::bindings::wasi::filesystem::types::{Descriptor, ErrorCode};
use crate::bindings::wasi::filesystem::types::{ErrorCode as Plain, PathFlags};
use crate::choice::Lent;
use crate::open::{self, Opening, options};

/// A file that the guest opened and that a process can read or write: `Stdio::from(file)`.
///
/// It stands in for [`std::fs::File`], which cannot be used there for the reasons that the other
/// [`File`](crate::File) gives, and for that one, whose descriptor is of WASI 0.2. It only serves processes: what the guest
/// itself reads and writes, it reads and writes with std.
///
/// A path is looked up as std looks it up: below the preopened directory with the longest matching name, a relative one
/// from the current directory.
///
/// A process starts at the offset that [`seek`](Self::seek) has set before the file was made a `Stdio`, the beginning if it
/// was not called, and does not move it. So one file cannot be both outputs of a process unless it was opened to append:
/// each would write from its own offset over what the other wrote. `spawn` refuses that. To have both in one file, append,
/// or use [`Command::stderr_to_stdout`](super::Command::stderr_to_stdout).
///
/// ```no_run
/// use childproof::asynchronous::{Command, File, Stdio};
///
/// async fn make() -> std::io::Result<()> {
///     let log = File::options().append(true).create(true).open("build.log").await?;
///     Command::new("make").stdout(Stdio::from(&log)).stderr(log).status().await?;
///     Ok(())
/// }
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
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has opened nothing.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        File::options().read(true).open(path).await
    }

    /// Opens a file for writing. It is created if it does not exist and emptied if it does.
    ///
    /// # Errors
    ///
    /// As [`File::open`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have created or emptied the file.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        File::options().write(true).create(true).truncate(true).open(path).await
    }

    /// Options to open a file with; all are off at first.
    pub fn options() -> FileOptions {
        FileOptions::default()
    }

    /// Sets the offset at which processes begin, and answers it. It may lie behind the end.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for an offset before the beginning, and what the host answers when it is asked for
    /// the end.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has moved nothing.
    pub async fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let size = match position {
            SeekFrom::End(_) => self.descriptor.stat().await.map_err(file_error)?.size,
            SeekFrom::Start(_) | SeekFrom::Current(_) => 0,
        };
        self.offset = open::sought(position, self.offset, size)?;
        Ok(self.offset)
    }

    /// The file as a process would be given it now.
    pub(super) fn lend(&self) -> Lent<Descriptor> {
        Lent {
            descriptor: Arc::clone(&self.descriptor),
            offset: self.offset,
            append: self.append,
        }
    }
}

/// How to open a [`File`], as [`std::fs::OpenOptions`] has it.
#[derive(Clone, Debug, Default)]
pub struct FileOptions(Opening);

impl FileOptions {
    options!();

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for options that contradict each other, [`io::ErrorKind::NotFound`] if there is
    /// no such file or no preopened directory holds the path, and what else the host answers.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have created or emptied the file.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (open_flags, flags) = self.0.flags()?;
        let (directory, path) = open::place(path.as_ref(), preopens::get_directories)?;
        let descriptor = directory
            .open_at(PathFlags::SYMLINK_FOLLOW, path, open_flags, flags)
            .await
            .map_err(file_error)?;
        Ok(File {
            descriptor: Arc::new(descriptor),
            offset: 0,
            append: self.0.append,
        })
    }
}

/// As the error of the same name in the other flavour. What has no name is the text of the host.
fn file_error(code: ErrorCode) -> io::Error {
    macro_rules! named {
        ($($name:ident)*) => {
            match code {
                $(ErrorCode::$name => Plain::$name,)*
                ErrorCode::Other(text) => return io::Error::other(text.unwrap_or_else(|| "other".into())),
            }
        };
    }
    open::file_error(named!(
        Access Already BadDescriptor Busy Deadlock Quota Exist FileTooLarge IllegalByteSequence InProgress Interrupted
        Invalid Io IsDirectory Loop TooManyLinks MessageSize NameTooLong NoDevice NoEntry NoLock InsufficientMemory
        InsufficientSpace NotDirectory NotEmpty NotRecoverable Unsupported NoTty NoSuchDevice Overflow NotPermitted Pipe
        ReadOnly InvalidSeek TextFileBusy CrossDevice
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_error_has_the_kind_of_std() {
        assert_eq!(file_error(ErrorCode::NoEntry).kind(), io::ErrorKind::NotFound);
        assert_eq!(file_error(ErrorCode::Loop).to_string(), "loop");
        let other = file_error(ErrorCode::Other(Some("a quorum is missing".into())));
        assert_eq!(
            (other.kind(), other.to_string().as_str()),
            (io::ErrorKind::Other, "a quorum is missing")
        );
        assert_eq!(file_error(ErrorCode::Other(None)).to_string(), "other");
    }
}
