//! What a child is to execute, as it takes it: see `init/message.rs`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::super::image::{FileNumber, Identity};
use super::super::raw::Errno;
use super::super::spawn::Image;
use super::super::steps::{At, Failure};
use super::message::{self, ARENA, CONTROL_GROUP, DIRECTORY, PROGRAM, Plain, Report, SMALL, Step};
use crate::{Command, Resource, Stage};

/// How many descriptors there are at most: the streams, the control group, the program and the working directory.
pub(super) const DESCRIPTORS: usize = 6;

/// What to execute, and how.
pub(in super::super) struct Request<'a> {
    bytes: Vec<u8>,
    descriptors: Vec<BorrowedFd<'a>>,
    /// The working directory, where none was given.
    own_directory: Option<OwnedFd>,
    /// How many pointers to strings there are.
    strings: usize,
    /// The limits that are set, in order.
    resources: Vec<Resource>,
}

impl<'a> Request<'a> {
    /// For a child in a root of its own.
    pub(in super::super) fn inside(
        command: &Command<'a>,
        image: &Image,
        directory: Option<FileNumber>,
    ) -> Result<Request<'a>, Failure> {
        let path = match (directory, &image.directory_inside) {
            (None, _) => c"",
            (Some(_), Some(path)) => path,
            (Some(_), None) => return Err(Errno(libc::EINVAL)).at(Stage::WorkingDirectory),
        };
        let head = message::Request {
            program: identity(command.program.identity()),
            directory: directory.map(place).unwrap_or_default(),
            ..message::Request::default()
        };
        Request::new(command, image, head, path.to_bytes_with_nul())
    }

    /// For a child that has the host's root.
    pub(in super::super) fn outside(command: &Command<'a>, image: &Image) -> Result<Request<'a>, Failure> {
        let head = message::Request {
            flags: PROGRAM | DIRECTORY,
            ..message::Request::default()
        };
        let mut request = Request::new(command, image, head, b"\0")?;
        request.descriptors.push(command.program.file().as_fd());
        match command.directory {
            Some(directory) => request.descriptors.push(directory),
            None => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let own = openat(CWD, c".", flags, Mode::empty()).at(Stage::WorkingDirectory)?;
                request.own_directory = Some(own);
            }
        }
        Ok(request)
    }

    fn new(
        command: &Command<'a>,
        image: &Image,
        head: message::Request,
        directory: &[u8],
    ) -> Result<Request<'a>, Failure> {
        let stdio = command.stdio;
        let mut descriptors = vec![stdio.stdin, stdio.stdout, stdio.stderr];
        let group = command.control_group.map(|group| group.procs());
        descriptors.extend(group);
        let mut text = Vec::new();
        for (_, resource, soft, hard) in &image.rlimits {
            let resource = (*resource).unsigned_abs();
            text.extend([resource, *soft, *hard].iter().flat_map(|number| number.to_ne_bytes()));
        }
        text.extend_from_slice(image.path.to_bytes_with_nul());
        text.extend_from_slice(directory);
        for string in image.argv.iter().chain(&image.envp) {
            text.extend_from_slice(string.to_bytes_with_nul());
        }
        if command
            .control_group
            .is_some_and(|group| !suffices(group.0.memory(), text.len()))
        {
            return Err(Errno(libc::ENOMEM)).at(Stage::ControlGroup);
        }
        let head = message::Request {
            length: text.len() as u64,
            limits: image.rlimits.len() as u64,
            arguments: image.argv.len() as u64,
            variables: image.envp.len() as u64,
            flags: head.flags | if group.is_some() { CONTROL_GROUP } else { 0 },
            ..head
        };
        let mut bytes = head.as_bytes().to_vec();
        bytes.append(&mut text);
        Ok(Request {
            bytes,
            strings: image.argv.len() + image.envp.len() + 2,
            descriptors,
            own_directory: None,
            resources: image.rlimits.iter().map(|(resource, ..)| *resource).collect(),
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let own = self.own_directory.as_ref().map(AsFd::as_fd);
        self.descriptors.iter().copied().chain(own)
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.strings * size_of::<usize>()
    }

    /// Whether it takes memory of the gate's that others do not.
    pub(super) fn is_large(&self) -> bool {
        self.size() > SMALL
    }

    /// By how much, in bytes, the gate's memory grows for it at most. While the kernel copies strings for exec, it counts the copies,
    /// too, to the memory that is about to be left.
    pub(super) fn growth(&self) -> u64 {
        (ARENA + 2 * self.size()) as u64
    }

    /// What a report says.
    pub(super) fn failure(&self, report: Report) -> Option<Failure> {
        let limit = usize::try_from(report.limit)
            .ok()
            .and_then(|limit| self.resources.get(limit));
        failure(report, limit.copied())
    }
}

/// Whether a control group with a limit of memory has enough for a program to be executed. The kernel copies the strings for it
/// while the child still is in the memory of its gate; and where a group has too little, it kills all processes that have the
/// memory of one in the group.
fn suffices(limit: Option<u64>, strings: usize) -> bool {
    /// More than what else the kernel takes for that.
    const BESIDES: u64 = 1 << 20;
    limit.is_none_or(|limit| limit >= strings as u64 + BESIDES)
}

/// What a report says, where no limit was set yet. None if nothing has failed.
pub(super) fn failure(report: Report, limit: Option<Resource>) -> Option<Failure> {
    let step = Step::ALL.iter().find(|step| **step as u32 == report.step);
    let stage = match step.copied()? {
        Step::None => return None,
        Step::Clone => Stage::Clone,
        Step::Session => Stage::Session,
        Step::FirstProcess => Stage::FirstProcess,
        Step::Seccomp => Stage::Seccomp,
        Step::Landlock => Stage::Landlock,
        Step::Descriptors => Stage::Descriptors,
        Step::ControlGroup => Stage::ControlGroup,
        Step::Stdio => Stage::Stdio,
        Step::Program => Stage::Program,
        Step::WorkingDirectory => Stage::WorkingDirectory,
        Step::CloseDescriptors => Stage::CloseDescriptors,
        Step::Limit => limit.map_or(Stage::Descriptors, Stage::Rlimit),
        Step::SignalMask => Stage::SignalMask,
        Step::Exec => Stage::Exec,
    };
    Some(Failure {
        stage,
        errno: Errno(report.errno),
    })
}

fn place(FileNumber { device, inode }: FileNumber) -> message::Place {
    message::Place {
        device: [libc::major(device), libc::minor(device)],
        inode,
    }
}

fn identity(identity: &Identity) -> message::Identity {
    let (modified, changed) = (identity.modified, identity.changed);
    message::Identity {
        place: place(identity.file),
        size: identity.size,
        modified: [modified.0, modified.1],
        changed: [changed.0, changed.1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_to_have_the_memory_that_a_start_takes() {
        assert!(suffices(None, usize::MAX));
        assert!(suffices(Some(3 << 20), 2 << 20));
        assert!(!suffices(Some((3 << 20) - 1), 2 << 20));
        assert!(!suffices(Some(0), 0));
    }
}
