//! Reports on the git repository in the directory that the policy's `git` works in: commits, authors, the busiest files,
//! lines by language. It ends with a thing that it may not do.
//!
//! It runs real git, sort, uniq and wc through `childproof`, joined by pipes that carry their bytes from process to process
//! without passing through this program.

#![forbid(unsafe_code)]

mod git;
mod language;
mod pipeline;
mod refusal;
mod report;
mod text;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use git::History;
use report::Style;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_else(|| "the repository".to_owned());
    match run(&name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("repo-report: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str) -> anyhow::Result<()> {
    let style = Style {
        color: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let report = match git::history()? {
        Some(history) => report::history(name, &history, style),
        None => report::nothing(name, style),
    };
    let refusal = report::refusal(&refusal::provoke()?, style);
    let mut stdout = io::stdout().lock();
    stdout.write_all(report.as_bytes())?;
    stdout.write_all(refusal.as_bytes())?;
    stdout.flush()?;
    Ok(())
}
