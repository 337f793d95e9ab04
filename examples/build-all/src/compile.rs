//! Compiles all files, some at a time, until one fails.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use childproof::Output;
use childproof::asynchronous::Child;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::gcc;
use crate::progress::Progress;
use crate::project::Project;

/// Compiles each file of the project, at most `jobs` at the same time, and answers the objects. The first failure ends
/// those that still run.
pub(crate) async fn all(project: &Project, jobs: usize, progress: &mut Progress) -> Result<Vec<String>> {
    let mut waiting = project.sources.as_slice();
    let mut running = FuturesUnordered::new();
    let mut objects = Vec::new();
    let outcome = async {
        loop {
            while running.len() < jobs
                && let Some((source, rest)) = waiting.split_first()
            {
                // Starting does not wait, so it is no async function: gcc runs from here on. The future is its end.
                let (gcc, object) = gcc::compile(project, source)?;
                running.push(end(gcc, source, Instant::now()));
                objects.push(object);
                waiting = rest;
            }
            progress.running(running.len())?;
            // Whichever ends next. The host wakes this program up for it, and for nothing else.
            let Some(ended) = running.next().await else {
                return Ok(());
            };
            judge(ended?, progress)?;
        }
    };
    let outcome: Result<()> = outcome.await;
    let Err(error) = outcome else {
        return Ok(objects);
    };
    let (killed, not_started) = (running.len(), waiting.len());
    // Each future holds its child, and a child that is dropped is killed, with all that it has started itself.
    drop(running);
    progress.clear()?;
    bail!(
        "{error:#}; {} compiled, {killed} killed, {not_started} not started",
        progress.compiled()
    )
}

/// A gcc that has ended.
struct Ended<'a> {
    source: &'a str,
    output: Output,
    took: Duration,
}

/// Waits for the end of a gcc that was started at `begun`, and reads what it says, meanwhile: one that cannot write does not
/// end. Nothing of this is done before somebody awaits it.
async fn end(gcc: Child, source: &str, begun: Instant) -> Result<Ended<'_>> {
    let output = gcc.wait_with_output().await;
    Ok(Ended {
        source,
        output: output.with_context(|| format!("cannot wait for gcc, which compiles {source}"))?,
        took: begun.elapsed(),
    })
}

fn judge(ended: Ended<'_>, progress: &mut Progress) -> Result<()> {
    let Ended { source, output, took } = ended;
    if output.status.success() {
        progress.file(source, took)?;
    }
    progress.diagnostics(&output.stderr)?;
    ensure!(output.status.success(), "{source} does not compile ({})", output.status);
    Ok(())
}
