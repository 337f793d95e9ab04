//! Running the tests in their guest, and what became of each.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::files::remove_directory;
use crate::root;

/// How many tests one guest runs. A guest that hangs, or traps, takes no others with it.
const BATCH: usize = 40;
/// How many guests run at the same time.
const WORKERS: usize = 4;
/// How long a guest may take: many times what any batch takes.
const TIMEOUT: &str = "3m";
/// What `childproof run` exits with when that is over.
const TIMED_OUT: i32 = 124;

/// A test as the guest lists it.
#[derive(Clone, Debug)]
pub(super) struct Test {
    /// Its whole name: `test.test_subprocess.ProcessTestCase.test_env`.
    pub(super) name: String,
    /// The function it is: classes that inherit it have it in common.
    pub(super) function: String,
}

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It passed.
    Passes,
    /// It was skipped, which it says why.
    Skipped(String),
    /// It failed, in whatever way. What there is to read about it.
    Fails(String),
}

/// The guest, and what it is given.
#[derive(Debug)]
pub(super) struct Guest {
    /// The command `childproof`.
    pub(super) childproof: PathBuf,
    /// The component.
    pub(super) component: PathBuf,
    /// The directory of the tests, and its name in the component.
    pub(super) tests: (PathBuf, &'static str),
    /// The directory of the runs.
    pub(super) directory: PathBuf,
    /// Where compiled components are kept.
    pub(super) cache: PathBuf,
    /// The Python that the tests start.
    pub(super) python: Python,
}

/// An interpreter of this machine.
#[derive(Debug)]
pub(super) struct Python {
    /// The directory that its program is in.
    bin: PathBuf,
    /// Where it has its library.
    prefix: PathBuf,
}

impl Python {
    /// The one behind `python3`, which may itself be a launcher that wants an environment of its own.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(super) fn of_this_machine() -> Result<Python> {
        let asked = Command::new("python3")
            .args(["-c", "import sys; print(sys.base_prefix)"])
            .output()
            .context("cannot run python3, which the tests start")?;
        ensure!(asked.status.success(), "python3 does not work ({})", asked.status);
        let prefix = PathBuf::from(String::from_utf8(asked.stdout)?.trim());
        let bin = prefix.join("bin");
        ensure!(bin.join("python3").exists(), "there is no {}/python3", bin.display());
        Ok(Python { bin, prefix })
    }
}

/// What the guest writes down. See `tests/cpython/recorder.py`.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Listed {
        test: String,
        function: String,
    },
    Began {
        test: String,
    },
    Ended {
        test: String,
        outcome: String,
        detail: String,
    },
    /// Something that is no test failed.
    Trouble {
        detail: String,
    },
}

/// One run of the guest.
struct Run {
    events: Vec<Event>,
    status: ExitStatus,
    /// What the guest and its children wrote.
    output: String,
}

impl Guest {
    /// All tests.
    ///
    /// # Errors
    ///
    /// When the guest cannot be run.
    pub(super) fn list(&self) -> Result<Vec<Test>> {
        let run = self.run(0, "list", &[])?;
        ensure!(
            run.status.success(),
            "the guest failed ({}):\n{}",
            run.status,
            run.output
        );
        let tests: Vec<Test> = run
            .events
            .into_iter()
            .filter_map(|event| match event {
                Event::Listed { test, function } => Some(Test { name: test, function }),
                _ => None,
            })
            .collect();
        ensure!(!tests.is_empty(), "the guest found no tests");
        Ok(tests)
    }

    /// Runs tests and answers what became of each. `told` is called with the name of each that has ended.
    ///
    /// # Errors
    ///
    /// When the guest cannot be run.
    pub(super) fn outcomes(
        &self,
        tests: &[String],
        told: impl Fn(&str, &Outcome) + Sync,
    ) -> Result<BTreeMap<String, Outcome>> {
        let batches = Mutex::new(tests.chunks(BATCH));
        let next = || lock(&batches).next();
        let outcomes = Mutex::new(BTreeMap::new());
        // The tests mostly wait, so there may be more guests than processors.
        thread::scope(|scope| {
            let work = |worker: usize| -> Result<()> {
                while let Some(batch) = next() {
                    let ended = self.batch(worker, batch, &told)?;
                    lock(&outcomes).extend(ended);
                }
                Ok(())
            };
            let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })?;
        Ok(outcomes.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn batch(
        &self,
        worker: usize,
        tests: &[String],
        told: &(impl Fn(&str, &Outcome) + Sync),
    ) -> Result<BTreeMap<String, Outcome>> {
        let mut outcomes = BTreeMap::new();
        let mut left = tests;
        while !left.is_empty() {
            let run = self.run(worker, "run", left)?;
            // At least one has: a guest that ends is the end of the test it was at.
            for (name, outcome) in endings(&run, left) {
                told(&name, &outcome);
                outcomes.insert(name, outcome);
            }
            let next = left.iter().position(|test| !outcomes.contains_key(test));
            left = next.and_then(|next| left.get(next..)).unwrap_or_default();
        }
        Ok(outcomes)
    }

    /// Runs the guest in a directory that is made anew, and that no other worker has.
    fn run(&self, worker: usize, command: &str, tests: &[String]) -> Result<Run> {
        let directory = self.directory.join(worker.to_string());
        remove_directory(&directory)?;
        let [work, results, programs] = ["work", "results", "programs"].map(|name| directory.join(name));
        for directory in [&work.join("tmp"), &results, &programs] {
            fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        }
        self.make_programs(&programs)?;
        let said = directory.join("output");
        let output = File::create(&said).with_context(|| format!("cannot write {}", said.display()))?;

        // The policy says `python3`, which is looked up in this.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(self.python.bin.clone()).chain(std::env::split_paths(&path)))?;
        // Whether the tests run out of files must not depend on the machine.
        let mut childproof = Command::new("sh");
        childproof.args(["-c", "ulimit -S -n 1024 && exec \"$0\" \"$@\""]);
        childproof
            .arg(&self.childproof)
            .args(["run", "--timeout", TIMEOUT])
            .arg("--policy");
        childproof.arg(root().join("tests/cpython/policy.toml"));
        let (tests_directory, as_seen) = &self.tests;
        let directories = [
            (&work, "/work"),
            (&results, "/results"),
            (&programs, "/programs:ro"),
            (tests_directory, &format!("{as_seen}:ro")),
        ];
        for (directory, place) in directories {
            let mut dir = directory.clone().into_os_string();
            dir.push(format!("::{place}"));
            childproof.arg("--dir").arg(dir);
        }
        if !self.python.prefix.starts_with("/usr") {
            childproof.arg("--read").arg(&self.python.prefix);
        }
        // Python finds its library by its own program, which it looks up there.
        let mut path_of_python = OsString::from("PATH_OF_PYTHON=");
        path_of_python.push(&self.python.bin);
        childproof.arg("--env").arg(path_of_python);
        childproof.arg(&self.component).arg(command).args(tests);
        let status = childproof
            .env("PATH", path)
            .env("XDG_CACHE_HOME", &self.cache)
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("cannot copy a descriptor")?)
            .stderr(output)
            .status()
            .with_context(|| format!("cannot run {}", self.childproof.display()))?;

        let output = String::from_utf8_lossy(&fs::read(&said).unwrap_or_default()).into_owned();
        let written = fs::read_to_string(results.join("events")).unwrap_or_default();
        let mut events = Vec::new();
        for line in written.lines() {
            match serde_json::from_str(line) {
                Ok(event) => events.push(event),
                Err(error) => bail!("the guest wrote {line:?} down, which is no event: {error}\n{output}"),
            }
        }
        Ok(Run { events, status, output })
    }
}

impl Guest {
    /// What the tests find when they look for programs, and a shell can run.
    fn make_programs(&self, directory: &Path) -> Result<()> {
        let system = Path::new("/usr/bin");
        for (name, bin) in [("ls", system), ("python3", &self.python.bin), ("true", system)] {
            let file = directory.join(name);
            let text = format!("#!/bin/sh\nexec {}/{name} \"$@\"\n", bin.display());
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
                .with_context(|| format!("cannot make {} executable", file.display()))?;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a run says about the tests that it was given: about some of them at least.
fn endings(run: &Run, tests: &[String]) -> Vec<(String, Outcome)> {
    let mut endings = Vec::new();
    let mut under_way = None;
    let mut trouble = String::new();
    for event in &run.events {
        match event {
            Event::Listed { .. } => {}
            Event::Began { test } => under_way = Some(test),
            Event::Trouble { detail } => trouble.push_str(detail),
            Event::Ended { test, outcome, detail } => {
                under_way = None;
                let outcome = match outcome.as_str() {
                    "passes" => Outcome::Passes,
                    "skipped" => Outcome::Skipped(detail.clone()),
                    _ => Outcome::Fails(detail.clone()),
                };
                endings.push((test.clone(), outcome));
            }
        }
    }
    let how = match run.status.code() {
        Some(TIMED_OUT) => format!("the guest was ended after {TIMEOUT}"),
        _ => format!("the guest ended ({})", run.status),
    };
    let output = &run.output;
    match under_way {
        Some(test) => endings.push((
            test.clone(),
            Outcome::Fails(format!("{how} in this test\n{trouble}{output}")),
        )),
        None if endings.len() < tests.len() => {
            let ended: Vec<&String> = endings.iter().map(|(test, _)| test).collect();
            let without = tests.iter().filter(|test| !ended.contains(test)).cloned();
            let outcome = Outcome::Fails(format!("{how} before this test began\n{trouble}{output}"));
            let without: Vec<_> = without.map(|test| (test, outcome.clone())).collect();
            endings.extend(without);
        }
        None => {}
    }
    endings
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn run(code: i32, events: &str) -> Run {
        Run {
            events: events.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            status: ExitStatus::from_raw(code << 8),
            output: "what it said".to_owned(),
        }
    }

    const ONE_AND_A_HALF: &str = r#"{"event": "began", "test": "a"}
{"event": "ended", "test": "a", "outcome": "passes", "detail": ""}
{"event": "began", "test": "b"}"#;

    fn tests() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_test_that_hangs_fails_and_the_others_are_left() {
        let endings = endings(&run(TIMED_OUT, ONE_AND_A_HALF), &tests());
        let [(a, Outcome::Passes), (b, Outcome::Fails(why))] = endings.as_slice() else {
            panic!("{endings:?}");
        };
        assert_eq!((a.as_str(), b.as_str()), ("a", "b"));
        assert!(why.contains("3m in this test") && why.contains("what it said"), "{why}");
    }

    #[test]
    fn tests_that_never_began_fail() {
        let one = ONE_AND_A_HALF.lines().take(2).collect::<Vec<_>>().join("\n");
        let trouble = format!("{one}\n{{\"event\": \"trouble\", \"detail\": \"no module\"}}");
        for code in [0, 1, 134] {
            let endings = endings(&run(code, &trouble), &tests());
            let names: Vec<&str> = endings.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["a", "b", "c"]);
            for (_, outcome) in endings.iter().skip(1) {
                assert!(
                    matches!(outcome, Outcome::Fails(why) if why.contains("no module")),
                    "{outcome:?}"
                );
            }
        }
    }
}
