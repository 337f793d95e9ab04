//! One case: started, watched, and compared with what must come of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use childproof_suite::{Case, Ended, Expect, Manifest, Setting, SettingError, Tier};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::args::KEEPER;
use super::keeper::{KILL_HOST, Report};
use crate::exit;

/// How much of a stream is kept for the report and for comparison, in bytes.
const KEPT: usize = 1 << 20;
/// How long the keeper may take to end, beyond what it waits itself.
const PATIENCE: Duration = Duration::from_secs(60);
/// The code by which a runner says that it cannot do what a case needs: as in the test suites of many projects.
pub(crate) const CANNOT: i32 = 77;

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
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) -> Result<Verdict> {
        match Setting::new(self.manifest, &self.case) {
            Ok(setting) => self.run_in(&setting, stop).await,
            Err(error @ SettingError::MissingTool(_)) => Ok(Verdict::Skipped(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    async fn run_in(&self, setting: &Setting, mut stop: watch::Receiver<bool>) -> Result<Verdict> {
        let report = setting.directory().join("report");
        let mut keeper = self
            .keeper(setting, &report)?
            .spawn()
            .context("cannot start what keeps a case together")?;
        let mut control = keeper.stdin.take();
        let sign = match self.case.expect {
            Expect::KilledAt(sign) => sign.clone().into_bytes(),
            _ => Vec::new(),
        };
        let signed = Arc::new(Notify::new());
        let stdout = tokio::spawn(read(keeper.stdout.take(), sign, signed.clone()));
        let stderr = tokio::spawn(read(keeper.stderr.take(), Vec::new(), Arc::new(Notify::new())));
        let (mut killed, mut late, mut interrupted) = (false, false, false);
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
        let (stdout, stderr) = (stdout.await?, stderr.await?);
        let said = String::from_utf8_lossy(&stderr).into_owned();
        if matches!(self.runner, Runner::Other(_)) && report.code == Some(CANNOT) {
            let why = said.lines().next().unwrap_or("the runner does not say why").to_owned();
            return Ok(Verdict::Skipped(why));
        }
        let problems = match late {
            true => vec![format!(
                "it did not end within {}",
                humantime::format_duration(self.timeout)
            )],
            false => compare(&self.case, &report, killed, &stdout, &stderr),
        };
        Ok(match problems.is_empty() {
            true => Verdict::Passed,
            false => Verdict::Failed(problems, said),
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

/// Reads to the end, and keeps what comes first. Says so as soon as `sign`, if it is not empty, is in that.
async fn read(stream: Option<impl AsyncRead + Unpin>, sign: Vec<u8>, signed: Arc<Notify>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else { return kept };
    let mut chunk = vec![0; 64 << 10];
    let mut waits = !sign.is_empty();
    while let Ok(length @ 1..) = stream.read(&mut chunk).await {
        let room = KEPT.saturating_sub(kept.len());
        kept.extend(chunk.iter().take(length.min(room)));
        if waits && kept.windows(sign.len()).any(|window| window == sign) {
            waits = false;
            signed.notify_one();
        }
    }
    kept
}

/// What came and must not, or must and did not come.
fn compare(case: &Case<'_>, report: &Report, killed: bool, stdout: &[u8], stderr: &[u8]) -> Vec<String> {
    let mut problems = Vec::new();
    let expected = case.expect;
    let ended = match (report.code, report.signal) {
        (Some(0), _) => Ok(Ended::Success),
        (Some(code), _) if code == i32::from(exit::TRAPPED) => Ok(Ended::Trap),
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
    let mut stream = |name: &str, expected: &Option<String>, came: &[u8]| {
        if let Some(expected) = expected.as_ref().filter(|expected| expected.as_bytes() != came) {
            let came = String::from_utf8_lossy(came);
            problems.push(format!("expected {expected:?} on {name}, and came {came:?}"));
        }
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
