//! `childproof explain`: what the policy says, and nothing run.
//!
//! The request takes the way that a spawn takes, up to the audit sink that is asked last, which refuses; the hook before it
//! notes what was allowed. So the answer is the one a guest would get, and nothing can be started.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, anyhow};
use childproof_host::Proposal;
use childproof_host::audit::{AuditEvent, AuditSink};

use crate::args::ExplainArgs;
use crate::{exit, report, runtime, sandbox};

/// What was said about the request.
#[derive(Debug)]
enum Answer {
    Allowed(String),
    Refused(String),
}

/// Notes a refusal, and has nothing started.
struct Explaining(Arc<Mutex<Option<Answer>>>);

impl AuditSink for Explaining {
    fn record(&self, event: &AuditEvent) {
        if let Some(refusal) = report::refusal(event) {
            lock(&self.0).get_or_insert(Answer::Refused(refusal));
        }
    }

    fn may_start(&self) -> Result<(), String> {
        Err("nothing is run to explain".to_owned())
    }
}

pub(crate) fn explain(args: &ExplainArgs) -> Result<ExitCode> {
    let request = sandbox::request(&args.sandbox, &args.program)?;
    let answer = Arc::new(Mutex::new(None::<Answer>));
    let by_hook = answer.clone();
    let context = sandbox::context(&args.sandbox)?
        .hook(move |proposal: &Proposal<'_>| {
            lock(&by_hook).get_or_insert(Answer::Allowed(allowed(proposal)));
            Ok(())
        })
        .audit(Explaining(answer.clone()))
        .build();
    // A process is started inside of a runtime or not at all, and it is the sink that is to say no.
    let runtime = runtime::plain()?;
    let spawned = {
        let _inside = runtime.enter();
        context.spawn(&request)
    };
    let Err(error) = spawned else {
        return Err(anyhow!(
            "a process was started that was only to be explained; it was killed"
        ));
    };
    let (text, code) = match lock(&answer).take() {
        Some(Answer::Allowed(text)) => (text, ExitCode::SUCCESS),
        Some(Answer::Refused(text)) => (format!("{}\n", report::escape(&text)), ExitCode::from(exit::ERROR)),
        None => return Err(anyhow!(error)),
    };
    report::print(text.as_bytes())?;
    Ok(code)
}

fn lock(answer: &Mutex<Option<Answer>>) -> MutexGuard<'_, Option<Answer>> {
    answer.lock().unwrap_or_else(PoisonError::into_inner)
}

fn allowed(proposal: &Proposal<'_>) -> String {
    let asked = report::command(proposal.grant, proposal.args);
    let program = report::escape(&proposal.program.display().to_string());
    let mut text = format!(
        "allowed {} [{}]\n  program: {program}\n",
        report::escape(&asked),
        report::escape(proposal.rule)
    );
    for (key, value) in proposal.env {
        let _ = writeln!(text, "  env: {}", report::escape(&format!("{key}={value}")));
    }
    text
}
