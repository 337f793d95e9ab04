//! Files of the guest that a process can be given as a standard stream.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use crate::bindings::wasi::filesystem::preopens;
use crate::bindings::wasi::filesystem::types::{Descriptor, PathFlags};
use crate::choice::Lent;
use crate::open::{self, Opening, file_error, options};
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
    pub(crate) fn lend(&self) -> Lent<Descriptor> {
        Lent {
            descriptor: Arc::clone(&self.descriptor),
            offset: self.offset,
            append: self.append,
        }
    }
}

/// How to open a [`File`], as [`std::fs::OpenOptions`] has it.
#[derive(Clone, Debug, Default)]
pub struct FileOptions(pub(crate) Opening);

impl FileOptions {
    options!();

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for options that contradict each other, [`io::ErrorKind::NotFound`] if there is
    /// no such file or no preopened directory holds the path, and what else the host answers.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (open_flags, flags) = self.0.flags()?;
        let (directory, path) = open::place(path.as_ref(), preopens::get_directories)?;
        let descriptor = directory
            .open_at(PathFlags::SYMLINK_FOLLOW, &path, open_flags, flags)
            .map_err(file_error)?;
        Ok(File {
            descriptor: Arc::new(descriptor),
            offset: 0,
            append: self.0.append,
        })
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
        let size = match position {
            SeekFrom::End(_) => self.descriptor.stat().map_err(file_error)?.size,
            SeekFrom::Start(_) | SeekFrom::Current(_) => 0,
        };
        self.offset = open::sought(position, self.offset, size)?;
        Ok(self.offset)
    }
}
