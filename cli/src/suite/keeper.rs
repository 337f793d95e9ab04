//! What keeps a case together: a process of its own, between the suite and the host that runs the case.
//!
//! All that the host starts and leaves behind becomes a child of this one, whatever session or group it put itself into. So
//! this one knows what was left, and can end it. It does the same when the suite is gone: its standard input is a pipe from
//! there, and the end of that is the sign to end everything. A [`KILL_HOST`] in it has the host killed, and nothing else.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, pidfd_open, pidfd_send_signal, set_child_subreaper,
    wait,
};
use serde::{Deserialize, Serialize};

use super::args::KeeperArgs;

/// Has the host killed.
pub(crate) const KILL_HOST: u8 = b'k';
/// How long the processes of a host that has ended may take to end, and how long killed ones may.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often is looked for those that cannot be watched.
const LOOK: Duration = Duration::from_millis(100);

/// What became of a host.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Report {
    /// Why it could not be started.
    pub(crate) not_started: Option<String>,
    /// The code that it exited with.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// The processes that were still there when it had ended.
    pub(crate) left: Vec<String>,
}

impl Report {
    fn has_ended(&self) -> bool {
        self.code.is_some() || self.signal.is_some()
    }
}

pub(crate) fn keep(args: &KeeperArgs) -> Result<ExitCode> {
    set_child_subreaper(Some(getpid())).context("cannot look after the processes of a case")?;
    let report = match start(&args.command, &args.stdin) {
        Ok(host) => follow(host, args.may_leave)?,
        Err(error) => Report {
            not_started: Some(error.to_string()),
            ..Report::default()
        },
    };
    fs::write(&args.report, serde_json::to_vec(&report)?).context("cannot say what became of a case")?;
    Ok(ExitCode::SUCCESS)
}

fn start(command: &[OsString], stdin: &Path) -> io::Result<Pid> {
    let Some((program, args)) = command.split_first() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // It is waited for together with all others, by its number.
    let host = Command::new(program).args(args).stdin(File::open(stdin)?).spawn()?;
    Ok(Pid::from_child(&host))
}

/// Returns when there are no children left, or when those that are left cannot be ended.
fn follow(host: Pid, may_leave: bool) -> Result<Report> {
    // Nobody but this thread collects children, so that this is the host whatever became of it.
    let host_fd = pidfd_open(host, PidfdFlags::empty()).context("cannot watch the host")?;
    let mut control = Some(io::stdin());
    let mut report = Report::default();
    let mut end_all = false;
    let mut deadline = None;
    while collect(host, &mut report)? {
        let has_ended = report.has_ended();
        let children = children()?;
        if has_ended && may_leave {
            end_all = true;
        }
        if has_ended || end_all {
            let until = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
            if Instant::now() >= until {
                if end_all {
                    // What a signal does not end, nothing does.
                    break;
                }
                report.left = children
                    .iter()
                    .map(|child| format!("{} ({})", name(*child), child.as_raw_pid()))
                    .collect();
                (end_all, deadline) = (true, None);
                continue;
            }
        }
        if end_all {
            for child in &children {
                let _ = kill_process(*child, Signal::KILL);
            }
        }
        // One that ended in between has no descriptor, nor has one for which there is none left.
        let watched: Vec<_> = children
            .iter()
            .flat_map(|child| pidfd_open(*child, PidfdFlags::empty()))
            .collect();
        let mut polled: Vec<_> = watched.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        let stdin = io::stdin();
        if control.is_some() {
            polled.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let look = (watched.len() < children.len()).then_some(LOOK);
        let left = left.into_iter().chain(look).min();
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for the processes of a case"),
        }
        let asked = control.is_some() && polled.last().is_some_and(|stdin| !stdin.revents().is_empty());
        drop(polled);
        if asked {
            let mut word = [0];
            match control.as_mut().map(|control| control.read(&mut word)) {
                Some(Ok(1)) if word == [KILL_HOST] => drop(pidfd_send_signal(&host_fd, Signal::KILL)),
                Some(Ok(1)) => {}
                _ => (control, end_all, deadline) = (None, true, None),
            }
        }
    }
    Ok(report)
}

/// Collects all children that have ended, and answers whether there are others.
fn collect(host: Pid, report: &mut Report) -> Result<bool> {
    loop {
        match wait(WaitOptions::NOHANG) {
            // Once it was collected, another one may have its number.
            Ok(Some((pid, status))) if pid == host && !report.has_ended() => {
                let status = ExitStatus::from_raw(status.as_raw());
                (report.code, report.signal) = (status.code(), status.signal());
            }
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Ok(true),
            Err(Errno::CHILD) => return Ok(false),
            Err(error) => return Err(error).context("cannot wait for the processes of a case"),
        }
    }
}

/// The children of this process.
fn children() -> Result<Vec<Pid>> {
    let own = getpid().as_raw_pid();
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot look for the processes of a case")? {
        let name = entry.context("cannot look for the processes of a case")?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        if parent(pid) == Some(own) {
            children.push(pid);
        }
    }
    Ok(children)
}

/// The number of a process's parent, which stands behind its name and its state; see proc_pid_stat(5).
fn parent(pid: Pid) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

fn name(pid: Pid) -> String {
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_pid())).unwrap_or_default();
    name.trim_end().to_owned()
}
