//! What the operator reads on stdout and stderr, and the sink that the host's audit events arrive at.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use childproof_host::audit::{AuditEvent, AuditSink};
use tokio::sync::Notify;

use crate::audit::AuditLog;

/// How long the end of killed processes is waited for. Only one that sleeps inside the kernel takes longer than a moment.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of a command a line repeats, in characters.
const READABLE: usize = 100;

/// Writes one line to stderr, whatever the text holds.
pub(crate) fn line(text: &str) {
    write(&format!("childproof: {}\n", escape(text)));
}

/// Writes lines to stderr, in one piece. That nobody can read them is no reason to fail.
pub(crate) fn write(lines: &str) {
    let _ = io::stderr().lock().write_all(lines.as_bytes());
}

/// Prints to stdout. That the reader wants no more of it is no error.
pub(crate) fn print(text: &[u8]) -> Result<ExitCode> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to stdout"),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The text on one line, with nothing that a terminal would act on.
pub(crate) fn escape(text: &str) -> String {
    let is_harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        match is_harmful(c) {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
        line
    })
}

/// A command as a person would type it, cut to a readable length.
pub(crate) fn command(name: &str, args: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    let mut shown = String::new();
    for word in std::iter::once(name).chain(args.iter().map(String::as_str)) {
        if !shown.is_empty() {
            shown.push(' ');
        }
        if word.is_empty() || !word.chars().all(is_plain) {
            shown.push_str(&format!("{word:?}"));
        } else {
            shown.push_str(word);
        }
        if let Some((end, _)) = shown.char_indices().nth(READABLE) {
            shown.truncate(end);
            shown.push('…');
            break;
        }
    }
    shown
}

/// Takes the audit events: shows refusals, writes the log, and knows when all processes have ended.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    quiet: bool,
    log: Option<AuditLog>,
    refused: AtomicBool,
    live: AtomicUsize,
    ended: Notify,
}

impl Recorder {
    pub(crate) fn new(quiet: bool, log: Option<AuditLog>) -> Arc<Self> {
        Arc::new(Self {
            quiet,
            log,
            ..Self::default()
        })
    }

    /// Whether a refusal came by, which is said on stderr where that is wanted.
    pub(crate) fn refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Waits until the end of each process was recorded.
    pub(crate) async fn all_ended(&self) {
        let all_ended = async {
            loop {
                let ended = self.ended.notified();
                if self.live.load(Ordering::Acquire) == 0 {
                    return;
                }
                ended.await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, all_ended).await;
    }
}

/// The recorder as the sink of a context.
pub(crate) struct Sink(pub(crate) Arc<Recorder>);

impl AuditSink for Sink {
    fn record(&self, event: &AuditEvent) {
        self.0.record(event);
    }

    fn may_start(&self) -> Result<(), String> {
        match &self.0.log {
            Some(log) if log.failed() => Err("the audit log cannot be written to".to_owned()),
            _ => Ok(()),
        }
    }
}

impl Recorder {
    fn record(&self, event: &AuditEvent) {
        if let Some(log) = &self.log {
            log.record(event);
        }
        if let Some(refusal) = refusal(event) {
            self.refused.store(true, Ordering::Relaxed);
            if !self.quiet {
                line(&refusal);
            }
        }
        match event {
            AuditEvent::Started { .. } => {
                self.live.fetch_add(1, Ordering::AcqRel);
            }
            AuditEvent::Ended { .. } => {
                self.live.fetch_sub(1, Ordering::AcqRel);
                self.ended.notify_waiters();
            }
            _ => {}
        }
    }
}

/// What was refused, by which rule, and what would allow it; none if the event is no refusal.
pub(crate) fn refusal(event: &AuditEvent) -> Option<String> {
    let AuditEvent::Refused {
        grant,
        args,
        field,
        reason,
        rule,
        remedy,
    } = event
    else {
        return None;
    };
    let asked = command(grant, args);
    let remedy = match remedy.clone().or_else(|| own_remedy(grant, rule)) {
        Some(remedy) => format!("; {remedy}"),
        None => String::new(),
    };
    let flag = match rule == "grants" && !grant.contains(['/', '\\', '=', '\0']) && grant.len() <= 64 {
        true => format!(", or give --allow {}", command(grant, &[])),
        false => String::new(),
    };
    Some(format!("refused {asked}: {field}: {reason} [{rule}]{remedy}{flag}"))
}

/// What to do about the rules that are not the policy's own.
fn own_remedy(grant: &str, rule: &str) -> Option<String> {
    match rule {
        "limits" => Some(format!(
            "to allow it, raise `live`, `held` or `spawns` under [limits], or under [grants.{}.limits] where they are set",
            toml_key(grant)
        )),
        "cwd" => Some("to allow it, give the directory with --dir".to_owned()),
        _ => None,
    }
}

/// The name of a grant as a key of a table's name. What needs quotes needs no more: no name holds what a string escapes.
fn toml_key(grant: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match !grant.is_empty() && grant.chars().all(is_bare) {
        true => grant.to_owned(),
        false => format!("\"{grant}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_harmless() {
        assert_eq!(
            escape("a\nb\x1b[31m\r\0\u{202e}é"),
            "a\\nb\\u{1b}[31m\\r\\u{0}\\u{202e}é"
        );
    }

    #[test]
    fn a_command_is_shown_as_typed_and_cut() {
        let args = ["log", "a b", "", "--x=1"].map(str::to_owned);
        assert_eq!(command("git", &args), r#"git log "a b" "" --x=1"#);
        let long = command("echo", &["é".repeat(1000)]);
        assert_eq!(long.chars().count(), READABLE + 1);
    }

    /// The line about a refusal of `grant` by `rule`.
    fn refused(grant: &str, rule: &str, remedy: Option<&str>) -> String {
        let event = AuditEvent::Refused {
            grant: grant.to_owned(),
            args: vec!["-l".to_owned()],
            field: "program".to_owned(),
            reason: "the policy says so".to_owned(),
            rule: rule.to_owned(),
            remedy: remedy.map(str::to_owned),
        };
        refusal(&event).unwrap()
    }

    #[test]
    fn an_unknown_grant_can_be_allowed_with_a_flag() {
        let line = refused("ls", "grants", Some("add a table"));
        assert!(line.ends_with("; add a table, or give --allow ls"), "{line}");
        let line = refused("/bin/ls", "grants", Some("add a table"));
        assert!(!line.contains("--allow"), "{line}");
    }

    #[test]
    fn the_table_that_a_remedy_names_can_be_written_into_a_policy() {
        use childproof_host::policy::Policy;
        for grant in ["git", "g++", "python3.12", "größe", "a-b_c"] {
            let line = refused(grant, "limits", None);
            let (_, after) = line.split_once("under [grants.").unwrap();
            let table = after.split_once(']').unwrap().0;
            let key = table.strip_suffix(".limits").unwrap();
            let text = format!("[grants.{key}]\nprogram = \"x\"\n[grants.{table}]\nlive = 1\n");
            let policy = Policy::from_toml(&text).unwrap_or_else(|error| panic!("{text}{error}"));
            assert!(policy.grants.contains_key(grant), "{line}");
        }
    }

    #[tokio::test]
    async fn the_end_of_each_process_is_waited_for() {
        let recorder = Recorder::new(true, None);
        recorder.all_ended().await;
        recorder.live.store(2, Ordering::Release);
        let waiting = tokio::spawn({
            let recorder = recorder.clone();
            async move { recorder.all_ended().await }
        });
        for _ in 0..2 {
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            recorder.live.fetch_sub(1, Ordering::AcqRel);
            recorder.ended.notify_waiters();
        }
        waiting.await.unwrap();
    }
}
