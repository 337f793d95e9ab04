//! One case: started, watched, and compared with what must come of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use childproof_suite::case::{CANNOT, FAILED, TRAPPED};
use childproof_suite::{Case, Ended, Expect, Manifest, Setting, SettingError, Tier};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::args::KEEPER;
use super::keeper::{KILL_HOST, Report};
use super::stream::Stream;

/// How long the keeper may take to end, beyond what it waits itself.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the ends of its streams may take to come when all that the host started has ended: they are there already, unless
/// somebody else holds the streams.
const ENDS: Duration = Duration::from_secs(5);

/// What starts a host.
#[derive(Clone, Debug)]
pub(crate) enum Runner {
    /// This program.
    Own,
    /// Somebody else's command.
    Other(Vec<OsString>),
}

/// What came of a case.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// What must.
    Passed,
    /// Something else: what, and what the host said on its standard error.
    Failed(Vec<String>, String),
    /// It was not run, for this reason.
    Skipped(String),
    /// The suite was asked to end.
    Interrupted,
}

/// A case that is to be run.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) manifest: &'static Manifest,
    pub(crate) case: Case<'static>,
    /// The file of its component.
    pub(crate) component: PathBuf,
    pub(crate) runner: Runner,
    /// After this it has failed.
    pub(crate) timeout: Duration,
}

impl Trial {
    /// Runs it to its end. `stop` turns true when the suite is asked to end.
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) -> Verdict {
        let verdict = match Setting::new(self.manifest, &self.case) {
            Ok(setting) => self.run_in(&setting, stop).await,
            Err(error @ SettingError::MissingTool(_)) => Ok(Verdict::Skipped(error.to_string())),
            Err(error) => Err(error.into()),
        };
        // The other cases go on.
        verdict.unwrap_or_else(|error| Verdict::Failed(vec![format!("it cannot be run: {error:#}")], String::new()))
    }

    async fn run_in(&self, setting: &Setting, mut stop: watch::Receiver<bool>) -> Result<Verdict> {
        let report = setting.directory().join("report");
        let mut keeper = self
            .keeper(setting, &report)?
            .spawn()
            .context("cannot start what keeps a case together")?;
        let mut control = keeper.stdin.take();
        let sign = match self.case.expect {
            Expect::KilledAt(sign) => sign.as_bytes(),
            _ => &[],
        };
        let given = self.case.given;
        let (mut stdout, mut stderr, signed) = (Stream::default(), Stream::default(), Notify::new());
        let (from_stdout, from_stderr) = (keeper.stdout.take(), keeper.stderr.take());
        let mut reading = Box::pin(async {
            tokio::join!(
                stdout.read(from_stdout, given.stdout.as_ref(), sign, &signed),
                stderr.read(from_stderr, given.stderr.as_ref(), &[], &signed),
            );
        });
        let (mut killed, mut late, mut interrupted, mut all_read) = (false, false, false, false);
        let deadline = tokio::time::sleep(self.timeout);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                ended = keeper.wait() => {
                    ended?;
                    break;
                }
                () = signed.notified(), if !killed => {
                    killed = true;
                    if let Some(control) = &mut control {
                        // One that has ended in between says so by its report.
                        let _ = control.write_all(&[KILL_HOST]).await;
                    }
                    continue;
                }
                () = &mut deadline => {
                    if control.is_none() {
                        keeper.start_kill()?;
                        break;
                    }
                    late = true;
                }
                () = stopped(&mut stop), if !interrupted => interrupted = true,
                () = &mut reading, if !all_read => {
                    all_read = true;
                    continue;
                }
            }
            // The keeper ends everything when this is closed.
            control = None;
            deadline.as_mut().reset(Instant::now() + PATIENCE);
        }
        if interrupted {
            return Ok(Verdict::Interrupted);
        }
        let Ok(report) = std::fs::read(&report) else {
            // Nor would the ends of the streams come.
            let problem = "it could not be ended, or what kept it together was killed".to_owned();
            return Ok(Verdict::Failed(vec![problem], String::new()));
        };
        let report: Report = serde_json::from_slice(&report)?;
        if !all_read {
            tokio::select! {
                biased;
                () = &mut reading => all_read = true,
                () = stopped(&mut stop) => return Ok(Verdict::Interrupted),
                () = tokio::time::sleep(ENDS) => {}
            }
        }
        drop(reading);
        if matches!(self.runner, Runner::Other(_)) && report.code == Some(i32::from(CANNOT)) {
            let why = Some(stderr.first_line()).filter(|why| !why.is_empty());
            return Ok(Verdict::Skipped(
                why.unwrap_or_else(|| "the runner does not say why".to_owned()),
            ));
        }
        let mut problems = match late {
            true => vec![format!(
                "it did not end within {}",
                humantime::format_duration(self.timeout)
            )],
            false => compare(&self.case, &report, killed, &stdout, &stderr),
        };
        if !all_read {
            problems.push("a process that the host did not start still holds its standard output or error".to_owned());
        }
        Ok(match problems.is_empty() {
            true => Verdict::Passed,
            false => Verdict::Failed(problems, stderr.end()),
        })
    }

    fn keeper(&self, setting: &Setting, report: &Path) -> Result<Command> {
        let case = &self.case;
        let own = std::env::current_exe().context("cannot find this program")?;
        let mut keeper = Command::new(&own);
        keeper
            .arg(KEEPER)
            .arg("--stdin")
            .arg(setting.stdin())
            .arg("--report")
            .arg(report);
        if case.tier == Tier::None {
            keeper.arg("--may-leave");
        }
        keeper.arg("--").args(setting.starter());
        match &self.runner {
            Runner::Other(command) => keeper.args(command),
            Runner::Own => {
                let mut dir = setting.data().into_os_string();
                dir.push("::/data");
                dir.push(if case.given.read_only { ":ro" } else { "" });
                keeper
                    .arg(own)
                    .args(["run", "--quiet", "--env", "RUST_BACKTRACE=0", "--policy"]);
                // What it logs would be on the standard error, which some cases compare.
                keeper.env_remove("RUST_LOG");
                keeper.arg(setting.policy_file()).arg("--dir").arg(dir)
            }
        };
        keeper
            .arg(&self.component)
            .args(setting.args())
            .env("CHILDPROOF_SUITE_CASE", case.to_string())
            .env("CHILDPROOF_SUITE_FLAVOUR", case.flavour.version())
            .env("CHILDPROOF_SUITE_TIER", case.tier.name())
            .env("CHILDPROOF_SUITE_POLICY", setting.policy_file())
            .env("CHILDPROOF_SUITE_DATA", setting.data())
            .env(
                "CHILDPROOF_SUITE_ACCESS",
                if case.given.read_only {
                    "read-only"
                } else {
                    "read-write"
                },
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // The key that interrupts is for the suite: it ends the case.
            .process_group(0);
        Ok(keeper)
    }
}

/// Waits until the suite is asked to end.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone has been dropped by an end that nobody asked for.
    drop(stop.wait_for(|stop| *stop).await);
}

/// What came and must not, or must and did not come.
fn compare(case: &Case<'_>, report: &Report, killed: bool, stdout: &Stream, stderr: &Stream) -> Vec<String> {
    let mut problems = Vec::new();
    let expected = case.expect;
    let ended = match (report.code, report.signal) {
        (Some(0), _) => Ok(Ended::Success),
        (Some(code), _) if code == i32::from(TRAPPED) => Ok(Ended::Trap),
        (Some(code), _) if code == i32::from(FAILED) => {
            Err(format!("the host failed itself: it ended with the code {FAILED}"))
        }
        (Some(code), _) => Ok(Ended::Exit(code)),
        (None, Some(9)) if killed => Ok(Ended::Killed),
        (None, Some(signal)) => Err(format!("the signal {signal} ended the host")),
        (None, None) => Err(match &report.not_started {
            Some(why) => format!("the host cannot be started: {why}"),
            None => "nobody knows how the host ended".to_owned(),
        }),
    };
    match ended {
        Ok(ended) if expected.is_met_by(ended) => {}
        Ok(ended) => problems.push(format!("expected {expected}, and came {ended}")),
        Err(came) => problems.push(format!("expected {expected}, and {came}")),
    }
    let mut stream = |name: &str, expected: &Option<String>, came: &Stream| {
        problems.extend(expected.as_ref().and_then(|expected| came.difference(name, expected)));
    };
    stream("stdout", &case.given.stdout, stdout);
    stream("stderr", &case.given.stderr, stderr);
    if !report.left.is_empty() {
        problems.push(format!(
            "expected no process to be left, and were left {}",
            report.left.join(", ")
        ));
    }
    problems
}
