//! The audit log: one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Result};
use childproof_host::audit::AuditEvent;
use serde::Serialize;

use crate::report;

/// An open audit log.
#[derive(Debug)]
pub(crate) struct AuditLog {
    path: PathBuf,
    file: File,
    failed: AtomicBool,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    event: &'a AuditEvent,
}

impl AuditLog {
    /// Opens the log to append to it. A new one can be read by its owner alone.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("cannot open the audit log {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            failed: AtomicBool::new(false),
        })
    }

    /// Whether an event is missing from the log.
    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Appends one event, in one write, so that other writers to the same file do not come in between.
    pub(crate) fn record(&self, event: &AuditEvent) {
        let time = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
        let written = serde_json::to_vec(&Line { time, event })
            .map_err(std::io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                (&self.file).write_all(&line)
            });
        if let Err(error) = written
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            let path = self.path.display();
            report::line(&format!(
                "cannot write to the audit log {path}: {error}; nothing more is started"
            ));
        }
    }
}
