//! The record of a run: what the operator was told, and which processes were started.

use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use childproof_host::audit::AuditEvent;

/// How long to wait for what is due any moment. It is only over when something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process as the kernel tells it from one that gets its number later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    pid: u32,
    start: u64,
}

struct Recorded {
    events: Vec<AuditEvent>,
    started: usize,
    /// Those that were started, but for those that somebody else had collected by the time they were looked at.
    processes: Vec<Identity>,
    /// Given up while a process is looked at, which takes a descriptor: a guest may have used up all others.
    spare: Option<File>,
}

/// Takes the audit events of one run.
#[derive(Clone)]
pub(crate) struct Record(Arc<(Mutex<Recorded>, Condvar)>);

impl Record {
    pub(crate) fn new() -> Self {
        let recorded = Recorded {
            events: Vec::new(),
            started: 0,
            processes: Vec::new(),
            spare: Some(spare()),
        };
        Self(Arc::new((Mutex::new(recorded), Condvar::new())))
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.0.lock().expect("nobody panics with it")
    }

    pub(crate) fn note(&self, event: &AuditEvent) {
        let mut recorded = self.lock();
        if let AuditEvent::Started { pid, .. } = event {
            recorded.started += 1;
            recorded.spare = None;
            // The host has not collected it yet, so the number is its own.
            let start = start_of(*pid);
            recorded.spare = Some(spare());
            recorded
                .processes
                .extend(start.map(|start| Identity { pid: *pid, start }));
        }
        recorded.events.push(event.clone());
        self.0.1.notify_all();
    }

    pub(crate) fn events(&self) -> Vec<AuditEvent> {
        self.lock().events.clone()
    }

    /// Waits until all processes that were started are reported as ended, and asserts that none of them is left, not even
    /// as a zombie.
    pub(crate) fn assert_all_ended(&self, guest: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut recorded = self.lock();
        loop {
            let ended = |event: &&AuditEvent| matches!(event, AuditEvent::Ended { .. });
            let ends = recorded.events.iter().filter(ended).count();
            if ends >= recorded.started {
                break;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{guest}: {ends} of {} processes were reported as ended",
                recorded.started
            );
            recorded = self.0.1.wait_timeout(recorded, left).expect("nobody panics with it").0;
        }
        let processes = recorded.processes.clone();
        drop(recorded);
        for process in processes {
            // The collection of a child is no event that another thread could wait for.
            while start_of(process.pid) == Some(process.start) {
                assert!(
                    Instant::now() < deadline,
                    "{guest}: a process is left: {:?}",
                    state_of(process.pid)
                );
                std::thread::yield_now();
            }
        }
    }
}

fn spare() -> File {
    File::open("/dev/null").expect("a descriptor")
}

/// The fields of `/proc/PID/stat` behind the program's name, from the state on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// When a process was started, in ticks since boot.
fn start_of(pid: u32) -> Option<u64> {
    stat(pid)?.get(19)?.parse().ok()
}

fn state_of(pid: u32) -> Option<String> {
    stat(pid)?.first().cloned()
}
