//! The gate, seen from the host: who creates its confined children. See `init/gate.rs`.

use std::io::{IoSlice, IoSliceMut};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::cmsg_space;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno as SystemErrno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, Shutdown, SocketFlags, SocketType, recv, recvmsg, send, sendmsg, shutdown, socketpair,
};

use super::super::process::end;
use super::super::raw::{self, Errno};
use super::super::steps::{At, Failure};
use super::super::{reaper, wait};
use super::message::{Offer as Message, Plain, Report};
use super::request::{DESCRIPTORS, Request, failure};
use crate::Stage;

/// The time to wait for what is there or not.
pub(super) const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A gate. Dropping it lets it end, and sees to the collection of it and what it created.
#[derive(Debug)]
pub(super) struct Gate(ManuallyDrop<Ends>);

/// What the host has of a gate.
#[derive(Debug)]
pub(in super::super) struct Ends {
    pid: libc::pid_t,
    pidfd: OwnedFd,
    socket: OwnedFd,
}

/// What a gate has to offer.
pub(super) enum Offer {
    Candidate(Candidate),
    /// There is no candidate, for a reason.
    Failed(Failure),
    NotYet,
    /// The gate has ended.
    Gone,
}

/// A process that waits for a request.
pub(super) struct Candidate {
    pid: libc::pid_t,
    pidfd: OwnedFd,
    socket: OwnedFd,
    /// The most memory, in bytes, that its gate had.
    peak: u64,
}

/// What becomes of a candidate that was given a request.
pub(super) enum Outcome {
    /// It has executed its program, or ended without a word, which its status tells.
    Started {
        pid: libc::pid_t,
        pidfd: OwnedFd,
        /// The most memory, in bytes, that its gate had, without what others take for their starts meanwhile.
        peak: u64,
    },
    Failed(Failure),
    /// It had ended before.
    Gone,
}

/// The two ends that host and gate speak by, the host's first.
pub(super) fn sockets() -> Result<(OwnedFd, OwnedFd), SystemErrno> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

impl Gate {
    pub(super) fn new(pid: libc::pid_t, pidfd: OwnedFd, socket: OwnedFd) -> Gate {
        Gate(ManuallyDrop::new(Ends { pid, pidfd, socket }))
    }

    /// Asks for one more candidate. A gate that has ended does not hear it, which its offer tells.
    pub(super) fn ask(&self) {
        let _ = retry_on_intr(|| send(&self.0.socket, &[0], SendFlags::NOSIGNAL));
    }

    /// What it offers, within this time, or whenever.
    pub(super) fn offer(&self, time: Option<&Timespec>) -> Offer {
        // The socket does not tell that the gate has ended: a copy of the host, or a candidate, may have the other end, too.
        let mut awaited = [
            PollFd::new(&self.0.socket, PollFlags::IN),
            PollFd::new(&self.0.pidfd, PollFlags::IN),
        ];
        match retry_on_intr(|| poll(&mut awaited, time)) {
            Ok(0) => Offer::NotYet,
            Err(errno) => Offer::Failed(Failure {
                stage: Stage::FirstProcess,
                errno: errno.into(),
            }),
            Ok(_) => match receive(self.0.socket.as_fd()) {
                Received::Candidate(candidate, report) => match failure(report, None) {
                    Some(failure) => {
                        candidate.abandon();
                        Offer::Failed(failure)
                    }
                    // It would be watched over by nobody.
                    None if !awaited[1].revents().is_empty() => {
                        candidate.abandon();
                        Offer::Gone
                    }
                    None => Offer::Candidate(candidate),
                },
                Received::Failure(failure) => Offer::Failed(failure),
                // Another thread may have taken what there was.
                Received::Nothing if awaited[1].revents().is_empty() => Offer::NotYet,
                Received::Nothing => Offer::Gone,
            },
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // It ends when it is to hear nothing any more, which copies of the socket do not change.
        let _ = shutdown(&self.0.socket, Shutdown::Write);
        // Now, too: a room does not end before its last process was collected.
        self.0.abandon_offers();
        // SAFETY: nothing uses the field after this: the value is being dropped.
        reaper::adopt_gate(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}

impl Ends {
    pub(in super::super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Ends and collects the candidates that were offered and not taken.
    fn abandon_offers(&self) {
        loop {
            match receive(self.socket.as_fd()) {
                Received::Candidate(candidate, _) => candidate.abandon(),
                Received::Failure(_) => {}
                Received::Nothing => return,
            }
        }
    }

    /// Collects the gate, which has ended, and its candidates: a gate that was killed may not have told of all. They are in its
    /// process group, of which it holds the number until it is collected.
    pub(in super::super) fn collect(self) {
        self.abandon_offers();
        if wait::is_uncollected(self.pidfd()) {
            let _ = raw::signal_group(self.pid, libc::SIGKILL);
            wait::collect_group(self.pid);
        }
        // It may not have come as far as to have a group.
        wait::collect(self.pidfd());
    }
}

enum Received {
    Candidate(Candidate, Report),
    Failure(Failure),
    Nothing,
}

fn receive(socket: BorrowedFd<'_>) -> Received {
    let mut message = Message::default();
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = loop {
        match recvmsg(
            socket,
            &mut [IoSliceMut::new(message.as_bytes_mut())],
            &mut control,
            flags,
        ) {
            // That a gate ended without reading all is told once, and before what it said.
            Err(SystemErrno::INTR | SystemErrno::CONNRESET) => {}
            received => break received,
        }
    };
    if received.map(|received| received.bytes) != Ok(size_of::<Message>()) {
        return Received::Nothing;
    }
    let mut descriptors = control.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let mut descriptors = descriptors.by_ref().flatten();
    let Message { pid, report } = message;
    match (descriptors.next(), descriptors.next()) {
        (Some(pidfd), Some(socket)) => {
            let peak = u64::from(report.peak) * 1024;
            Received::Candidate(
                Candidate {
                    pid,
                    pidfd,
                    socket,
                    peak,
                },
                report,
            )
        }
        (first, _) => {
            drop(first);
            if pid == 0 {
                return match failure(report, None) {
                    Some(failure) => Received::Failure(failure),
                    None => Received::Nothing,
                };
            }
            // The table of descriptors is full, or was that of the gate's user. What waits at the other end of a socket that is
            // closed now ends.
            wait::collect_unexecuted(pid);
            Received::Failure(Failure {
                stage: Stage::Clone,
                errno: match failure(report, None) {
                    Some(failure) => failure.errno,
                    None => Errno(libc::EMFILE),
                },
            })
        }
    }
}

impl Candidate {
    /// Has it do what the request says.
    pub(super) fn start(self, request: &Request<'_>) -> Outcome {
        let was_there = match self.send(request) {
            Ok(()) => true,
            // It may have said why it ended.
            Err(SystemErrno::PIPE | SystemErrno::CONNRESET) => false,
            Err(errno) => {
                self.abandon();
                return Outcome::Failed(Failure {
                    stage: Stage::Descriptors,
                    errno: errno.into(),
                });
            }
        };
        let mut report = Report::default();
        // Its end is closed by exec, and by its own end. Who waits in recv(2) is woken when the request is read as well, and the
        // candidate would have to do it.
        let mut awaited = [PollFd::new(&self.socket, PollFlags::IN)];
        let told = retry_on_intr(|| poll(&mut awaited, None))
            .and_then(|_| retry_on_intr(|| recv(&self.socket, report.as_bytes_mut(), RecvFlags::DONTWAIT)));
        match told.map(|(_, bytes)| bytes) {
            Ok(0) if was_there => Outcome::Started {
                pid: self.pid,
                pidfd: self.pidfd,
                peak: self.peak + request.growth(),
            },
            Ok(1..) => {
                self.abandon();
                request.failure(report).map_or(Outcome::Gone, Outcome::Failed)
            }
            // It had closed its end, or the kernel tells that not all of what was sent was read.
            Ok(0) | Err(_) => {
                self.abandon();
                Outcome::Gone
            }
        }
    }

    fn send(&self, request: &Request<'_>) -> Result<(), SystemErrno> {
        let mut descriptors = [self.socket.as_fd(); DESCRIPTORS];
        let mut count = 0;
        for (place, descriptor) in descriptors.iter_mut().zip(request.descriptors()) {
            *place = descriptor;
            count += 1;
        }
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptors.get(..count).unwrap_or_default();
        control.push(SendAncillaryMessage::ScmRights(descriptors));
        let mut rest = request.bytes();
        while !rest.is_empty() {
            let sent =
                retry_on_intr(|| sendmsg(&self.socket, &[IoSlice::new(rest)], &mut control, SendFlags::NOSIGNAL))?;
            control.clear();
            rest = rest.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// Ends and collects it.
    fn abandon(self) {
        end(&self.pidfd);
    }
}

/// The failure of what ended without a word, which only what is killed does.
pub(super) fn killed<T>() -> Result<T, Failure> {
    Err(Errno(libc::ESRCH)).at(Stage::FirstProcess)
}
