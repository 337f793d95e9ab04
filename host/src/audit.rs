//! What a host tells its operator about processes.
//!
//! Each event goes to [`tracing`] (target `childproof::audit`) and, where the embedder gave one, to an [`AuditSink`].

use std::path::Path;

use serde::Serialize;

use crate::error::Error;
use crate::policy::Refusal;
use crate::process::{EndedBy, ExitStatus, Termination, Usage};

/// Something that happened to a process, or kept one from being started.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AuditEvent {
    /// The policy and the hook allowed a spawn. `started` or `failed` follows.
    Granted {
        /// The number of the process within its guest, as `process.id` gives it.
        id: u64,
        /// The name of the grant.
        grant: String,
        /// The program's canonical path.
        program: std::path::PathBuf,
        /// The arguments, without the program.
        args: Vec<String>,
        /// The rule that allowed it.
        rule: String,
    },
    /// The policy, a quota or the hook refused a spawn, or a signal.
    Refused {
        /// The name the guest used for the grant.
        grant: String,
        /// The arguments, without the program.
        args: Vec<String>,
        /// The field refused.
        field: String,
        /// Why.
        reason: String,
        /// The rule that refused it.
        rule: String,
        /// What would allow it, where there is such a thing.
        #[serde(skip_serializing_if = "Option::is_none")]
        remedy: Option<String>,
    },
    /// A spawn that was allowed did not come about.
    Failed {
        /// The number of the process that was not to be.
        id: u64,
        /// The name of the grant.
        grant: String,
        /// What the system said.
        reason: String,
    },
    /// A process was started.
    Started {
        /// The number of the process within its guest.
        id: u64,
        /// The name of the grant.
        grant: String,
        /// The operating system's identifier, for the operator.
        pid: u32,
    },
    /// A process ended.
    Ended {
        /// The number of the process within its guest.
        id: u64,
        /// The name of the grant.
        grant: String,
        /// How: `exited 0`, `signaled SIGKILL`, or `unknown`.
        status: String,
        /// By whom: `itself`, `guest`, the name of a limit, or `unknown`.
        by: String,
        /// CPU time in the program, in microseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        user_us: Option<u64>,
        /// CPU time in the kernel, in microseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        system_us: Option<u64>,
        /// The most memory it held at once, in bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        peak_memory: Option<u64>,
    },
}

/// Takes the audit events of a [`ProcessCtx`](crate::ProcessCtx).
///
/// It is called on the thread that runs the guest, or on one that watches a process: it must not block for long and must
/// not panic.
pub trait AuditSink: Send + Sync {
    /// Takes one event.
    fn record(&self, event: &AuditEvent);

    /// Asked after [`AuditEvent::Granted`] was recorded and before the process is started: what cannot be recorded need
    /// not happen. The default has nothing against it.
    ///
    /// # Errors
    ///
    /// Why nothing may be started. It is shown to the guest.
    fn may_start(&self) -> Result<(), String> {
        Ok(())
    }
}

impl<F: Fn(&AuditEvent) + Send + Sync> AuditSink for F {
    fn record(&self, event: &AuditEvent) {
        self(event);
    }
}

/// How many bytes of a guest's text an event repeats at most, so that no event is large. How many there are is bounded by
/// how often the guest asks, which nothing bounds: a log that must not grow is rotated.
const MOST_TEXT: usize = 4096;

/// A text of the guest's, cut where it is too long.
fn clip(text: &str) -> String {
    match text.char_indices().find(|(at, char)| at + char.len_utf8() > MOST_TEXT) {
        Some((end, _)) => format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
        None => text.to_owned(),
    }
}

/// The guest's arguments, cut where they are too long or too many.
fn readable(args: &[String]) -> Vec<String> {
    let mut left = MOST_TEXT;
    let mut kept: Vec<String> = Vec::new();
    for argument in args {
        // An empty argument takes room, too.
        let Some(rest) = left.checked_sub(argument.len().saturating_add(1)) else {
            kept.push(clip(argument));
            break;
        };
        left = rest;
        kept.push(argument.clone());
    }
    if kept.len() < args.len() {
        let more = args.len() - kept.len();
        kept.push(format!("… and {more} more"));
    }
    kept
}

impl AuditEvent {
    pub(crate) fn granted(id: u64, grant: &str, program: &Path, args: &[String], rule: &str) -> Self {
        Self::Granted {
            id,
            grant: grant.to_owned(),
            program: program.to_owned(),
            args: readable(args),
            rule: rule.to_owned(),
        }
    }

    pub(crate) fn refused_by_policy(grant: &str, args: &[String], refusal: &Refusal) -> Self {
        Self::Refused {
            grant: clip(grant),
            args: readable(args),
            field: refusal.field.to_string(),
            reason: refusal.message.clone(),
            rule: refusal.rule.clone(),
            remedy: refusal.remedy.clone(),
        }
    }

    /// A refusal that was not the policy's own: a quota, the hook, a directory.
    pub(crate) fn refused(grant: &str, args: &[String], rule: &str, field: &str, error: &Error) -> Self {
        let (field, reason) = match error {
            Error::Refused(problem) | Error::InvalidArgument(problem) | Error::Unsupported(problem) => {
                (problem.field.clone(), problem.message.clone())
            }
            other => (field.to_owned(), other.to_string()),
        };
        Self::Refused {
            grant: clip(grant),
            args: readable(args),
            field,
            reason,
            rule: rule.to_owned(),
            remedy: None,
        }
    }

    pub(crate) fn ended(id: u64, grant: &str, status: Option<&ExitStatus>, usage: Option<&Usage>) -> Self {
        let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self::Ended {
            id,
            grant: grant.to_owned(),
            status: match status.map(|status| status.termination) {
                Some(Termination::Exited(code)) => format!("exited {code}"),
                Some(Termination::Signaled(signal)) => format!("signaled {signal}"),
                None => "unknown".to_owned(),
            },
            by: match status.map(|status| status.ended_by) {
                Some(EndedBy::Itself) => "itself".to_owned(),
                None => "unknown".to_owned(),
                Some(EndedBy::Guest) => "guest".to_owned(),
                Some(EndedBy::Limit(limit)) => limit.to_string(),
            },
            user_us: usage.map(|usage| micros(usage.user_time)),
            system_us: usage.map(|usage| micros(usage.system_time)),
            peak_memory: usage.and_then(|usage| usage.peak_memory),
        }
    }
}

/// Where the events of one context go.
#[derive(Clone, Default)]
pub(crate) struct Audit(Option<std::sync::Arc<dyn AuditSink>>);

impl Audit {
    pub(crate) fn new(sink: Option<std::sync::Arc<dyn AuditSink>>) -> Self {
        Self(sink)
    }

    pub(crate) fn may_start(&self) -> Result<(), String> {
        self.0.as_ref().map_or(Ok(()), |sink| sink.may_start())
    }

    pub(crate) fn record(&self, event: &AuditEvent) {
        match event {
            AuditEvent::Granted {
                id,
                grant,
                program,
                args,
                rule,
            } => {
                tracing::info!(target: "childproof::audit", id, grant, program = %program.display(), ?args, rule, "granted");
            }
            AuditEvent::Refused {
                grant,
                args,
                field,
                reason,
                rule,
                ..
            } => {
                tracing::warn!(target: "childproof::audit", grant, ?args, field, reason, rule, "refused");
            }
            AuditEvent::Failed { id, grant, reason } => {
                tracing::warn!(target: "childproof::audit", id, grant, reason, "failed");
            }
            AuditEvent::Started { id, grant, pid } => {
                tracing::info!(target: "childproof::audit", id, grant, pid, "started");
            }
            AuditEvent::Ended {
                id,
                grant,
                status,
                by,
                user_us,
                system_us,
                peak_memory,
            } => {
                tracing::info!(target: "childproof::audit", id, grant, status, by, user_us, system_us, peak_memory, "ended");
            }
        }
        if let Some(sink) = &self.0 {
            sink.record(event);
        }
    }
}
