//! `childproof doctor`: what this machine enforces.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Result;
use childproof_host::doctor::{self, Check, Report, Section};
use childproof_host::policy::Tier;
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::{exit, report};

pub(crate) fn doctor(args: &DoctorArgs) -> Result<ExitCode> {
    let found = doctor::examine();
    let text = match args.json {
        true => json(&found)?,
        false => text(&found),
    };
    report::print(text.as_bytes())?;
    Ok(match found.tier {
        Tier::Full => ExitCode::SUCCESS,
        _ => ExitCode::from(exit::NOT_CONFINED),
    })
}

#[derive(Serialize)]
struct JsonReport<'a> {
    tier: &'static str,
    checks: Vec<JsonCheck<'a>>,
}

#[derive(Serialize)]
struct JsonCheck<'a> {
    section: &'static str,
    name: &'static str,
    ok: bool,
    detail: &'a str,
    fix: Option<&'a str>,
}

fn json(found: &Report) -> Result<String> {
    let checks = found.checks.iter().map(|check| JsonCheck {
        section: check.section.name(),
        name: check.name,
        ok: check.ok,
        detail: &check.detail,
        fix: check.fix.as_deref(),
    });
    let report = JsonReport {
        tier: found.tier.name(),
        checks: checks.collect(),
    };
    let mut text = serde_json::to_string_pretty(&report)?;
    text.push('\n');
    Ok(text)
}

/// One line for each check, the sections apart, and below what is missing what would bring it.
fn text(found: &Report) -> String {
    let width = found.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut text = match found.tier {
        Tier::Full => "The tier full works here.\n".to_owned(),
        Tier::Reduced => {
            "The tier full does not work here; the tier reduced does, where a policy names it.\n".to_owned()
        }
        _ => "No tier works here: processes can only be run unconfined, where a policy names that.\n".to_owned(),
    };
    let mut section = None;
    for check in &found.checks {
        if section != Some(check.section) {
            section = Some(check.section);
            let _ = writeln!(text, "\n{}", title(check.section));
        }
        let detail = report::escape(&check.detail);
        let _ = writeln!(text, "  {:4} {:width$}  {detail}", mark(check), check.name);
        // Of gaps, the title says it for all.
        if let Some(fix) = check.fix.as_ref().filter(|_| check.section != Section::Gap) {
            let _ = writeln!(text, "       {:width$}  fix: {}", "", report::escape(fix));
        }
    }
    text
}

fn title(section: Section) -> &'static str {
    match section {
        Section::Tier => "Tiers",
        Section::Gap => "What the tier reduced leaves open or takes away, and the tier full does not",
        Section::Kernel => "Kernel",
        Section::Limit => "Limits",
    }
}

fn mark(check: &Check) -> &'static str {
    match (check.ok, check.section) {
        (true, _) => "ok",
        (false, Section::Gap) => "gap",
        (false, _) => "no",
    }
}
