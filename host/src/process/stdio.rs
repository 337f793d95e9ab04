//! Turning the streams that are asked for into descriptors for the child and ends for the host.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, SeekFrom, fstat, openat, seek};
use rustix_linux_procfs::proc_self_fd;

use super::Pipes;
use super::pipe::{self, LargePipe, PipeReader, PipeWriter};
use super::request::{FileStream, PipeSlot, SpawnRequest, Stderr, Stdin, Stdout};
use crate::ctx::GuestStdio;
use crate::error::Error;

/// A descriptor for the child: made for it, or shared with others.
#[derive(Debug)]
enum Descriptor {
    Owned(OwnedFd),
    Shared(Arc<OwnedFd>),
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Owned(fd) => fd.as_fd(),
            Self::Shared(fd) => fd.as_fd(),
        }
    }
}

/// The streams of one spawn.
#[derive(Debug)]
pub(super) struct Prepared {
    stdin: Descriptor,
    stdout: Descriptor,
    /// None: the same as `stdout`.
    stderr: Option<Descriptor>,
    pipes: Pipes,
}

impl Prepared {
    pub(super) fn new(request: &SpawnRequest, guest: &GuestStdio, null: &Arc<OwnedFd>) -> Result<Self, Error> {
        let mut pipes = Pipes::default();
        let stdin = match &request.stdin {
            Stdin::Null => Descriptor::Shared(null.clone()),
            Stdin::Piped => {
                let (writer, end) =
                    pipe::to_process().map_err(|error| Error::system("make a pipe for stdin", error))?;
                pipes.stdin = Some(writer);
                Descriptor::Owned(end)
            }
            Stdin::Inherit => inherited("stdin", &guest.stdin)?,
            Stdin::File(file) => input_file(file)?,
            Stdin::Pipe(slot) => passed_on("stdin", slot, PipeReader::to_process)?,
            Stdin::Unusable(error) => return Err(error.clone()),
        };
        let stdout = output("stdout", &request.stdout, &guest.stdout, null, &mut pipes.stdout)?;
        let stderr = match &request.stderr {
            Stderr::Own(target) => Some(output("stderr", target, &guest.stderr, null, &mut pipes.stderr)?),
            Stderr::Stdout => None,
        };
        Ok(Self {
            stdin,
            stdout,
            stderr,
            pipes,
        })
    }

    /// The child's ends.
    pub(super) fn child(&self) -> childproof_launch::Stdio<'_> {
        childproof_launch::Stdio {
            stdin: self.stdin.as_fd(),
            stdout: self.stdout.as_fd(),
            stderr: self.stderr.as_ref().unwrap_or(&self.stdout).as_fd(),
        }
    }

    /// The host's ends, once the child has its own. The child's are closed here.
    pub(super) fn into_pipes(self) -> Pipes {
        self.pipes
    }

    pub(super) fn pipes_mut(&mut self) -> &mut Pipes {
        &mut self.pipes
    }
}

/// After a spawn: what was passed on is the child's alone. Answers what the child holds of the host's from here on.
pub(super) fn release(request: &SpawnRequest) -> Vec<LargePipe> {
    let input = match &request.stdin {
        Stdin::Pipe(slot) => slot.take().and_then(Arc::into_inner).and_then(PipeReader::into_large),
        _ => None,
    };
    let outputs = outputs(request).filter_map(|slot| slot.take().and_then(Arc::into_inner)?.into_large());
    input.into_iter().chain(outputs).collect()
}

/// The pipes of other processes that the outputs go to.
fn outputs(request: &SpawnRequest) -> impl Iterator<Item = &PipeSlot<PipeWriter>> {
    let stderr = match &request.stderr {
        Stderr::Own(target) => Some(target),
        Stderr::Stdout => None,
    };
    [Some(&request.stdout), stderr]
        .into_iter()
        .flatten()
        .filter_map(|target| match target {
            Stdout::Pipe(slot) => Some(slot),
            _ => None,
        })
}

fn output(
    field: &'static str,
    target: &Stdout,
    guest: &Option<Arc<OwnedFd>>,
    null: &Arc<OwnedFd>,
    host_end: &mut Option<PipeReader>,
) -> Result<Descriptor, Error> {
    match target {
        Stdout::Null => Ok(Descriptor::Shared(null.clone())),
        Stdout::Piped => {
            let (reader, end) =
                pipe::from_process().map_err(|error| Error::system(&format!("make a pipe for {field}"), error))?;
            *host_end = Some(reader);
            Ok(Descriptor::Owned(end))
        }
        Stdout::Inherit => inherited(field, guest),
        Stdout::File(file) => output_file(field, file),
        Stdout::Pipe(slot) => passed_on(field, slot, PipeWriter::to_process),
        Stdout::Unusable(error) => Err(error.clone()),
    }
}

fn inherited(field: &str, guest: &Option<Arc<OwnedFd>>) -> Result<Descriptor, Error> {
    match guest {
        Some(fd) => Ok(Descriptor::Shared(fd.clone())),
        None => Err(Error::unsupported(
            field,
            format!("the guest's own {field} is not one that a process can inherit"),
        )),
    }
}

fn passed_on<T>(
    field: &str,
    slot: &PipeSlot<T>,
    descriptor: impl FnOnce(&T) -> io::Result<OwnedFd>,
) -> Result<Descriptor, Error> {
    match slot.get() {
        Some(end) => Ok(Descriptor::Owned(
            descriptor(&end).map_err(|error| Error::system("pass a pipe on", error))?,
        )),
        None => Err(Error::used_up(field)),
    }
}

fn input_file(stream: &FileStream) -> Result<Descriptor, Error> {
    if !stream.readable {
        return Err(Error::refused("stdin", "the descriptor is not open for reading"));
    }
    let file = reopen("stdin", stream, OFlags::RDONLY)?;
    start_at("stdin", &file, stream.offset.unwrap_or(0))?;
    Ok(Descriptor::Owned(file))
}

fn output_file(field: &str, stream: &FileStream) -> Result<Descriptor, Error> {
    if !stream.writable {
        return Err(Error::refused(field, "the descriptor is not open for writing"));
    }
    let file = match stream.offset {
        Some(offset) => {
            let file = reopen(field, stream, OFlags::WRONLY)?;
            start_at(field, &file, offset)?;
            file
        }
        None => reopen(field, stream, OFlags::WRONLY | OFlags::APPEND)?,
    };
    Ok(Descriptor::Owned(file))
}

/// Opens the file that a descriptor stands for once more: with an offset of its own, and with no more rights than the
/// stream needs.
fn reopen(field: &str, stream: &FileStream, flags: OFlags) -> Result<OwnedFd, Error> {
    let failed = |errno: rustix::io::Errno| Error::system(&format!("open the file for {field}"), errno);
    let kind = FileType::from_raw_mode(fstat(&*stream.file).map_err(failed)?.st_mode);
    if kind != FileType::RegularFile {
        return Err(Error::unsupported(field, "the descriptor is not one of a regular file"));
    }
    let descriptors = proc_self_fd().map_err(failed)?;
    let name = stream.file.as_raw_fd().to_string();
    openat(descriptors, name, flags | OFlags::CLOEXEC, Mode::empty()).map_err(failed)
}

fn start_at(field: &str, file: &OwnedFd, offset: u64) -> Result<(), Error> {
    match seek(file, SeekFrom::Start(offset)) {
        Ok(_) => Ok(()),
        Err(rustix::io::Errno::INVAL) => Err(Error::invalid(field, "the offset is larger than a file can be")),
        Err(errno) => Err(Error::system(&format!("seek in the file for {field}"), errno)),
    }
}
