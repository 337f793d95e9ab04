//! One run of one guest: what it is given, and what came of it.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use childproof_host::audit::AuditEvent;
use childproof_host::policy::{LoadOptions, Policy, Preopen as PolicyPreopen};
use childproof_host::{Preopen, ProcessCtx, Proposal, SpawnHook};
use childproof_suite::{Expect, Manifest, Setting, SettingError, Tier};
use tokio::sync::Notify;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx};

use crate::engine::{self, ENGINE, Flavour, State};
use crate::isolated::{isolated_by, killed_at};
use crate::outcome::{End, Outcome};
use crate::processes::Record;

/// After this, a run is taken to hang. Nothing takes a tenth of it.
const WATCHDOG: Duration = Duration::from_secs(120);

/// The most that a guest may print.
const PRINTED: usize = 16 << 20;

/// The name under which every guest knows its directory.
const DATA: &str = "/data";

/// The manifest as it is written.
pub const MANIFEST_TEXT: &str = include_str!("../suite.toml");

/// What every guest is given, and what must come of it.
pub static MANIFEST: LazyLock<Manifest> =
    LazyLock::new(|| Manifest::from_toml(MANIFEST_TEXT).unwrap_or_else(|error| panic!("tests/suite.toml:{error}")));

/// Whether an audit event is the one that a guest is to be stopped at.
type StopAt = Box<dyn Fn(&AuditEvent) -> bool + Send + Sync>;

/// One run of a guest, as the manifest has it, to which can be added what only this host can be asked.
pub struct Case {
    test: String,
    flavour: Flavour,
    given: childproof_suite::Case<'static>,
    setting: Setting,
    args: Vec<String>,
    before: Option<Box<dyn FnOnce() + Send>>,
    hook: Option<Box<dyn SpawnHook>>,
    stop_at: Option<StopAt>,
    processes_stdout: Option<File>,
}

impl Case {
    /// The first case that the manifest has of `guest`, for the test that is named `test` by the test harness.
    pub fn new(guest: &'static str, test: String, flavour: Flavour) -> Self {
        let mut cases = cases(guest, flavour);
        Self::of(cases.next().expect("a guest has a case"), test, flavour)
    }

    fn of(given: childproof_suite::Case<'static>, test: String, flavour: Flavour) -> Self {
        let setting = Setting::new(&MANIFEST, &given).unwrap_or_else(|error| match error {
            SettingError::MissingTool(_) => panic!("the suite needs it: {error}"),
            _ => panic!("{given}: {error}"),
        });
        Self {
            test,
            flavour,
            given,
            args: setting.args().to_vec(),
            setting,
            before: None,
            hook: None,
            stop_at: None,
            processes_stdout: None,
        }
    }

    /// Runs all cases that the manifest has of this guest, and asserts what it says must come of each.
    pub fn run_as_declared(self) {
        match self.given.expect {
            Expect::KilledAt(sign) => {
                for case in self.every() {
                    let (test, part) = (case.test.clone(), case.given.to_string());
                    killed_at(sign, &test, &part, || {
                        // The processes have the standard output that the host was started with.
                        let stdout = std::io::stdout().as_fd().try_clone_to_owned().expect("a descriptor");
                        case.processes_stdout(stdout).run();
                    });
                }
            }
            _ if self.given.given.alone || !self.setting.starter().is_empty() => {
                self.isolated(|case| case.every().into_iter().for_each(|case| drop(case.meets())));
            }
            _ => self.every().into_iter().for_each(|case| drop(case.meets())),
        }
    }

    /// Runs `body` in a process that runs nothing else, started as the manifest says.
    pub fn isolated(self, body: impl FnOnce(Self)) {
        let test = self.test.clone();
        let starter = self.setting.starter().to_vec();
        let starter: Vec<_> = starter.iter().map(AsRef::as_ref).collect();
        isolated_by(&starter, &test, || body(self));
    }

    /// All cases that the manifest has of this guest.
    pub fn every(&self) -> Vec<Self> {
        cases(self.given.guest, self.flavour)
            .map(|given| Self::of(given, self.test.clone(), self.flavour))
            .collect()
    }

    /// A new case of this guest and this tier, with these arguments in place of the manifest's.
    pub fn again(&self, args: &[&str]) -> Self {
        let mut case = Self::of(self.given, self.test.clone(), self.flavour);
        case.args = args.iter().copied().map(str::to_owned).collect();
        case
    }

    /// Which implementation it runs with.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// How its processes are confined.
    pub fn tier(&self) -> Tier {
        self.given.tier
    }

    /// How it must end.
    pub fn expect(&self) -> &'static Expect {
        self.given.expect
    }

    /// The host's path of the directory of its own programs.
    pub fn programs(&self) -> PathBuf {
        self.setting.programs()
    }

    /// Does something after the policy is loaded and before the guest runs.
    pub fn before(mut self, work: impl FnOnce() + Send + 'static) -> Self {
        self.before = Some(Box::new(work));
        self
    }

    /// Asks a hook before each spawn.
    pub fn hook(mut self, hook: impl SpawnHook + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// Stops the guest, wherever it is, once such an event was reported.
    pub fn stop_at(mut self, event: impl Fn(&AuditEvent) -> bool + Send + Sync + 'static) -> Self {
        self.stop_at = Some(Box::new(event));
        self
    }

    /// What the processes inherit as standard output. Without it, a file that ends up in the [`Outcome`].
    pub fn processes_stdout(mut self, file: impl Into<std::os::fd::OwnedFd>) -> Self {
        self.processes_stdout = Some(File::from(file.into()));
        self
    }

    /// Runs the guest and asserts what the manifest says must come of it.
    #[track_caller]
    pub fn meets(self) -> Outcome {
        let (given, looks) = (self.given, self.processes_stdout.is_none());
        let outcome = self.run();
        assert!(
            given.expect.is_met_by(outcome.end.declared()),
            "{given}: {} was expected\n{}",
            given.expect,
            outcome.report()
        );
        let written = |own: &[u8], processes: &[u8]| String::from_utf8_lossy(&[own, processes].concat()).into_owned();
        let stdout = written(&outcome.stdout, &outcome.inherited_stdout);
        let stderr = written(&outcome.stderr, &outcome.inherited_stderr);
        if let Some(expected) = given.given.stdout.as_ref().filter(|_| looks) {
            assert_eq!(stdout, *expected, "{given}: its standard output");
        }
        if let Some(expected) = &given.given.stderr {
            assert_eq!(stderr, *expected, "{given}: its standard error");
        }
        outcome
    }

    /// Runs the guest and asserts that it traps.
    #[track_caller]
    pub fn traps(self) -> Outcome {
        let outcome = self.run();
        assert!(matches!(outcome.end, End::Trap(_)), "{}", outcome.report());
        outcome
    }

    /// Runs the guest to its end, and asserts that nothing is left of the processes it started.
    #[track_caller]
    pub fn run(self) -> Outcome {
        let guest = self.given.guest;
        let stdout = MemoryOutputPipe::new(PRINTED);
        let stderr = MemoryOutputPipe::new(PRINTED);
        let (done, outcome) = mpsc::channel();
        let printed = (stdout.clone(), stderr.clone());
        // A thread of its own: the synchronous flavour must not find a runtime, and a guest that hangs is left behind.
        let thread = std::thread::spawn(move || {
            let outcome = self.run_here(stdout, stderr);
            // Nobody listens once the watchdog gave up.
            let _ = done.send(outcome);
        });
        match outcome.recv_timeout(WATCHDOG) {
            Ok(outcome) => outcome,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let text = |pipe: &MemoryOutputPipe| String::from_utf8_lossy(&pipe.contents()).into_owned();
                panic!("guest {guest} hangs\n{}\n{}", text(&printed.0), text(&printed.1));
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => unreachable!("the thread sends before it ends"),
            },
        }
    }

    fn run_here(mut self, stdout: MemoryOutputPipe, stderr: MemoryOutputPipe) -> Outcome {
        let component = engine::component(self.given.guest, self.flavour);
        let record = Record::new();
        let stop = Stop::default();
        let own_stdout = tempfile::tempfile().expect("a file for what processes print");
        let own_stderr = tempfile::tempfile().expect("a file for what processes print");
        let process = self.process_ctx(&record, &stop, &own_stdout, &own_stderr);
        let wasi = self.wasi_ctx(stdout.clone(), stderr.clone());
        if let Some(before) = self.before.take() {
            before();
        }

        let mut store = Store::new(
            &ENGINE,
            State {
                wasi,
                process,
                table: ResourceTable::new(),
            },
        );
        store.set_epoch_deadline(1);
        let stopped = stop.clone();
        store.epoch_deadline_callback(move |_| match stopped.was_called() {
            true => Err(wasmtime::Error::msg("stopped by the test")),
            false => Ok(UpdateDeadline::Continue(1)),
        });
        // It lives until all processes have ended: their ends are observed by its tasks.
        let runtime;
        let result = match self.flavour {
            Flavour::P2Async | Flavour::P3 => {
                runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build();
                let runtime = runtime.as_ref().expect("a runtime");
                runtime.block_on(async {
                    let run = async {
                        match self.flavour {
                            Flavour::P3 => engine::run_p3(&mut store, &component).await,
                            _ => engine::run_async(&mut store, &component).await,
                        }
                    };
                    let result = tokio::select! {
                        result = run => result,
                        () = stop.called() => Err(wasmtime::Error::msg("dropped by the test")),
                    };
                    drop(store);
                    result
                })
            }
            Flavour::P2Sync => {
                let result = engine::run_sync(&mut store, &component);
                drop(store);
                result
            }
        };
        record.assert_all_ended(self.given.guest);
        Outcome {
            guest: self.given.guest,
            end: end(result),
            stdout: stdout.contents().to_vec(),
            stderr: stderr.contents().to_vec(),
            inherited_stdout: contents(own_stdout),
            inherited_stderr: contents(own_stderr),
            events: record.events(),
        }
    }

    fn process_ctx(&mut self, record: &Record, stop: &Stop, stdout: &File, stderr: &File) -> ProcessCtx {
        let preopens = [PolicyPreopen {
            guest_path: DATA.to_owned(),
            host_path: self.setting.data(),
            writable: !self.given.given.read_only,
        }];
        let path = std::env::var_os("PATH");
        let options = LoadOptions {
            search_path: path.as_deref(),
            preopens: &preopens,
        };
        let policy = Policy::from_toml(self.setting.policy_text())
            .unwrap_or_else(|error| panic!("{}: policy:{error}", self.given));
        let policy = policy.load(&options).expect("the policy can be loaded");
        let preopen =
            Preopen::open(self.setting.data(), DATA, !self.given.given.read_only).expect("the guest's directory");
        let (record, stop, stop_at) = (record.clone(), stop.clone(), self.stop_at.take());
        let duplicate = |file: &File| file.try_clone().expect("a descriptor");
        let mut builder = ProcessCtx::builder(policy)
            .preopen(preopen)
            .expect("no program lies in the guest's directory")
            .stdin(File::open(self.setting.stdin()).expect("what is to be read"))
            .stdout(self.processes_stdout.take().unwrap_or_else(|| duplicate(stdout)))
            .stderr(duplicate(stderr))
            .audit(move |event: &AuditEvent| {
                record.note(event);
                if stop_at.as_ref().is_some_and(|is_it| is_it(event)) {
                    stop.call();
                }
            });
        if let Some(hook) = self.hook.take() {
            builder = builder.hook(move |proposal: &Proposal<'_>| hook.before_spawn(proposal));
        }
        builder.build()
    }

    fn wasi_ctx(&self, stdout: MemoryOutputPipe, stderr: MemoryOutputPipe) -> WasiCtx {
        let permissions = if self.given.given.read_only {
            FsPerms::ReadOnly
        } else {
            FsPerms::ReadWrite
        };
        let mut wasi = WasiCtx::builder();
        wasi.arg(self.given.guest).args(&self.args).env("RUST_BACKTRACE", "0");
        wasi.stdin(MemoryInputPipe::new(self.given.given.stdin.clone()))
            .stdout(stdout)
            .stderr(stderr);
        wasi.preopened_dir(self.setting.data(), DATA, permissions)
            .expect("the guest's directory");
        wasi.build()
    }
}

/// What the manifest has of a guest.
fn cases(guest: &'static str, flavour: Flavour) -> impl Iterator<Item = childproof_suite::Case<'static>> {
    let given = MANIFEST
        .guests
        .get(guest)
        .unwrap_or_else(|| panic!("tests/suite.toml says nothing of {guest}"));
    given.cases(guest, flavour.declared(), Tier::default())
}

/// A call to stop a guest, wherever it is: in its own code, where the epoch gets at it, or waiting in the host.
#[derive(Clone, Default)]
struct Stop(Arc<(AtomicBool, Notify)>);

impl Stop {
    fn call(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        self.0.1.notify_one();
        ENGINE.increment_epoch();
    }

    fn was_called(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    async fn called(&self) {
        self.0.1.notified().await;
    }
}

fn end(result: wasmtime::Result<Result<(), ()>>) -> End {
    match result {
        Ok(Ok(())) => End::Success,
        Ok(Err(())) => End::Exit(1),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(0)) => End::Success,
            Some(I32Exit(code)) => End::Exit(*code),
            None => End::Trap(format!("{error:?}")),
        },
    }
}

fn contents(mut file: File) -> Vec<u8> {
    let mut contents = Vec::new();
    file.rewind()
        .and_then(|()| file.read_to_end(&mut contents))
        .expect("what processes print can be read");
    contents
}
