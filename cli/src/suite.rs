//! `childproof suite`: the component test suite, from its archive to a report.

mod args;
pub(crate) mod keeper;
mod stream;
mod trial;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use childproof_host::doctor::{self, Section};
use childproof_suite::archive::Archive;
use childproof_suite::{Case, Flavour, Manifest, Tier};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub(crate) use args::{KeeperArgs, SuiteArgs};
use trial::{Runner, Trial, Verdict};

use crate::interrupt::Interruptions;
use crate::{exit, report, runtime};

/// How many lines of a failed case's standard error are shown: the last ones.
const SHOWN: usize = 12;
/// How much is shown of what a host wrote on one line, in characters.
const READABLE: usize = 400;

pub(crate) fn suite(args: &SuiteArgs) -> Result<ExitCode> {
    let archive = open(&args.archive)?;
    // This process runs one suite, and its cases are spread over tasks.
    let manifest: &'static Manifest = Box::leak(Box::new(archive.manifest.clone()));
    let cases = select(manifest, args)?;
    if args.list {
        return list(manifest, &cases);
    }
    let components = unpack(&archive, &cases)?;
    let runner = match args.runner.is_empty() {
        true => Runner::Own,
        false => Runner::Other(args.runner.clone()),
    };
    let tiers = matches!(runner, Runner::Own).then(tiers);
    raise_descriptors();
    let mut tally = Tally::default();
    let interrupted = runtime::plain()?.block_on(async {
        let mut interruptions = Interruptions::watch()?;
        let (stop, stopped) = watch::channel(false);
        let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok());
        let turns = Arc::new(Semaphore::new(jobs.map_or(1, usize::from)));
        let mut trials = JoinSet::new();
        for case in cases {
            let trial = Trial {
                manifest,
                case,
                component: component(components.path(), case.flavour, case.guest),
                runner: runner.clone(),
                timeout: args.timeout,
            };
            let (missing, turns, stopped) = (missing(&case, tiers.as_deref()), turns.clone(), stopped.clone());
            trials.spawn(async move {
                let _turn = turns.acquire().await;
                let is_stopped = *stopped.borrow();
                let verdict = match missing {
                    Some(why) => Verdict::Skipped(why),
                    None if is_stopped => Verdict::Interrupted,
                    None => trial.run(stopped).await,
                };
                (case, verdict)
            });
        }
        let mut interruption = None;
        loop {
            tokio::select! {
                biased;
                arrived = interruptions.next(None) => {
                    if interruption.is_some() {
                        // Who asks twice waits no longer. What keeps each case together goes on to end it.
                        return Ok(interruption);
                    }
                    interruption = Some(arrived);
                    let _ = stop.send(true);
                }
                done = trials.join_next() => {
                    let Some(done) = done else { return Ok::<_, anyhow::Error>(interruption) };
                    let (case, verdict) = done?;
                    tally.note(&case, verdict)?;
                }
            }
        }
    })?;
    match interrupted {
        Some(interruption) => Ok(ExitCode::from(interruption.report("the suite"))),
        None => tally.conclude(args.allow_skipped),
    }
}

fn open(file: &Path) -> Result<Archive> {
    let shown = file.display();
    let archive = File::open(file).with_context(|| format!("cannot read {shown}"))?;
    Archive::read(archive).with_context(|| format!("cannot use {shown}"))
}

/// The cases that are asked for. One that was asked for and is not there is an error.
fn select<'m>(manifest: &'m Manifest, args: &SuiteArgs) -> Result<Vec<Case<'m>>> {
    let all: Vec<_> = manifest
        .cases(args.tier)
        .filter(|case| args.flavour.is_none_or(|flavour| flavour == case.flavour))
        .map(|case| (case, case.to_string()))
        .collect();
    if let Some(name) = args
        .names
        .iter()
        .find(|name| !all.iter().any(|(_, case)| case.contains(*name)))
    {
        if let Some((guest, why)) = host_only(manifest).find(|(guest, _)| guest.contains(name)) {
            bail!("{name}: no archive can ask a host for {guest}: {why}");
        }
        let of = args
            .flavour
            .map_or_else(String::new, |flavour| format!(" of {}", flavour.version()));
        bail!("{name}: no case{of} has this in its name; --list prints the names");
    }
    let is_asked_for =
        |(_, name): &(Case<'_>, String)| args.names.is_empty() || args.names.iter().any(|part| name.contains(part));
    let asked: Vec<_> = all.into_iter().filter(is_asked_for).map(|(case, _)| case).collect();
    if asked.is_empty() {
        bail!("there is no such case in this flavour; --list prints the names");
    }
    Ok(asked)
}

/// What only the project's own host can be asked, and why.
fn host_only(manifest: &Manifest) -> impl Iterator<Item = (&str, &str)> {
    let guests = manifest.guests.iter();
    guests.filter_map(|(name, guest)| Some((name.as_str(), guest.host_only.as_deref()?)))
}

fn list(manifest: &Manifest, cases: &[Case<'_>]) -> Result<ExitCode> {
    let mut text = String::new();
    for case in cases {
        let _ = writeln!(text, "{case}");
    }
    for (guest, why) in host_only(manifest) {
        let _ = writeln!(text, "{guest}: not in the archive: {}", report::escape(why));
    }
    report::print(text.as_bytes())
}

/// The components of the cases, as files of a directory that goes when this is dropped.
fn unpack(archive: &Archive, cases: &[Case<'_>]) -> Result<TempDir> {
    let directory = TempDir::new().context("cannot make a directory for the components")?;
    for flavour in Flavour::ALL {
        let path = directory.path().join(flavour.directory());
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    let wanted: HashSet<_> = cases.iter().map(|case| (case.flavour, case.guest)).collect();
    for (flavour, guest, bytes) in archive
        .components()
        .filter(|(flavour, guest, _)| wanted.contains(&(*flavour, *guest)))
    {
        let path = component(directory.path(), flavour, guest);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(directory)
}

fn component(directory: &Path, flavour: Flavour, guest: &str) -> PathBuf {
    directory.join(flavour.directory()).join(format!("{guest}.wasm"))
}

/// The tiers that this machine gives, each tried.
fn tiers() -> Vec<Tier> {
    let report = doctor::examine();
    let works = |tier: &Tier| {
        let name = format!("tier {tier}");
        let mut checks = report.checks.iter().filter(|check| check.section == Section::Tier);
        *tier == Tier::None || checks.any(|check| check.name == name && check.ok)
    };
    Tier::ALL.into_iter().filter(works).collect()
}

/// Why a case cannot be run here. `tiers` are those of this machine, where this command is the host.
fn missing(case: &Case<'_>, tiers: Option<&[Tier]>) -> Option<String> {
    let tiers = tiers?;
    if case.flavour == Flavour::P3 && !cfg!(feature = "p3") {
        return Some("this command was built without the cargo feature p3".to_owned());
    }
    let lacks = !tiers.contains(&case.tier);
    lacks.then(|| {
        format!(
            "this machine does not give the tier {}; `childproof doctor` says why",
            case.tier
        )
    })
}

/// Lets the hosts have as many descriptors as they may: some guests have a thousand processes with pipes.
fn raise_descriptors() {
    let descriptors = getrlimit(Resource::Nofile);
    let current = descriptors.maximum;
    // Where it cannot be done, those guests say what they lack.
    let _ = setrlimit(Resource::Nofile, Rlimit { current, ..descriptors });
}

/// The text on one line of the report.
fn readable(text: &str) -> String {
    match text.char_indices().nth(READABLE) {
        Some((end, _)) => format!("{}…", report::escape(text.get(..end).unwrap_or_default())),
        None => report::escape(text),
    }
}

/// What came of the cases so far.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    /// Counts a case and prints its line.
    fn note(&mut self, case: &Case<'_>, verdict: Verdict) -> Result<()> {
        let text = match verdict {
            Verdict::Interrupted => return Ok(()),
            Verdict::Passed => {
                self.passed += 1;
                format!("ok       {case}\n")
            }
            Verdict::Skipped(why) => {
                self.skipped += 1;
                format!("SKIPPED  {case}: {}\n", readable(&why))
            }
            Verdict::Failed(problems, stderr) => {
                self.failed += 1;
                let mut text = format!("FAILED   {case}: {}\n", report::escape(&problems.join("; ")));
                let lines: Vec<_> = stderr.lines().collect();
                for line in lines.iter().skip(lines.len().saturating_sub(SHOWN)) {
                    let _ = writeln!(text, "         | {}", readable(line));
                }
                text
            }
        };
        report::print(text.as_bytes()).map(drop)
    }

    /// Prints how many there were of each, and answers the exit code.
    fn conclude(&self, allow_skipped: bool) -> Result<ExitCode> {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        report::print(format!("\n{passed} ok, {failed} failed, {skipped} skipped\n").as_bytes())?;
        Ok(ExitCode::from(match (failed, skipped) {
            (1.., _) => exit::ERROR,
            (0, 1..) if !allow_skipped || *passed == 0 => exit::SKIPPED,
            _ => 0,
        }))
    }
}
