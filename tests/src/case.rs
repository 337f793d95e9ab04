//! One run of one guest: what it is given, and what came of it.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use childproof_host::audit::AuditEvent;
use childproof_host::policy::{Grant, Limits, LoadOptions, Policy, Preopen as PolicyPreopen, Tier};
use childproof_host::{Preopen, ProcessCtx, Proposal, SpawnHook};
use tempfile::TempDir;
use tokio::sync::Notify;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx};

use crate::engine::{self, ENGINE, Flavour, State};
use crate::outcome::{End, Outcome};
use crate::processes::Record;
use crate::programs;

/// After this, a run is taken to hang. Nothing takes a tenth of it.
const WATCHDOG: Duration = Duration::from_secs(120);

/// The most that a guest may print.
const PRINTED: usize = 16 << 20;

/// The name under which every guest knows its directory.
const DATA: &str = "/data";

/// Whether an audit event is the one that a guest is to be stopped at.
type StopAt = Box<dyn Fn(&AuditEvent) -> bool + Send + Sync>;

/// A guest and what it is given. Without more it has the grants of `sh`, `cat`, `sleep` and `true`, with all arguments,
/// and a writable directory `/data`; its processes are confined in the full tier.
pub struct Case {
    guest: &'static str,
    test: String,
    flavour: Flavour,
    policy: Policy,
    args: Vec<String>,
    stdin: Vec<u8>,
    data: TempDir,
    read_only: bool,
    before: Option<Box<dyn FnOnce() + Send>>,
    hook: Option<Box<dyn SpawnHook>>,
    stop_at: Option<StopAt>,
    processes_stdin: Option<File>,
    processes_stdout: Option<File>,
}

impl Case {
    /// A case of `guest`, for the test that is named `test` by the test harness.
    pub fn new(guest: &'static str, test: String, flavour: Flavour) -> Self {
        let policy = ["sh", "cat", "sleep", "true"]
            .into_iter()
            .fold(Policy::new(), |policy, name| policy.grant(name, programs::grant(name)));
        Self {
            guest,
            test,
            flavour,
            policy,
            args: Vec::new(),
            stdin: Vec::new(),
            data: TempDir::new().expect("a directory for the guest"),
            read_only: false,
            before: None,
            hook: None,
            stop_at: None,
            processes_stdin: None,
            processes_stdout: None,
        }
    }

    /// The test's own name.
    pub fn test(&self) -> &str {
        &self.test
    }

    /// A new case of the same guest, with nothing of what this one was given.
    pub fn again(&self) -> Self {
        Self::new(self.guest, self.test.clone(), self.flavour)
    }

    /// Which implementation it runs with.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// The host's path of the guest's directory.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Adds a grant, or replaces one.
    pub fn grant(mut self, name: &str, grant: Grant) -> Self {
        self.policy = self.policy.grant(name, grant);
        self
    }

    /// Adds the grants of programs by their own names, with all arguments.
    pub fn grants(self, names: &[&str]) -> Self {
        names
            .iter()
            .fold(self, |case, name| case.grant(name, programs::grant(name)))
    }

    /// Sets the limits of the guest.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.policy = self.policy.limits(limits);
        self
    }

    /// Confines the guest's processes less, or not.
    pub fn tier(mut self, tier: Tier) -> Self {
        self.policy.confine.tier = Some(tier);
        self
    }

    /// Adds an argument of the guest.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Sets what the guest reads from its standard input.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Gives the guest its directory to read only.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
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

    /// What the processes inherit as standard input. Without it, nothing can be inherited.
    pub fn processes_stdin(mut self, file: impl Into<std::os::fd::OwnedFd>) -> Self {
        self.processes_stdin = Some(File::from(file.into()));
        self
    }

    /// What the processes inherit as standard output. Without it, a file that ends up in the [`Outcome`].
    pub fn processes_stdout(mut self, file: impl Into<std::os::fd::OwnedFd>) -> Self {
        self.processes_stdout = Some(File::from(file.into()));
        self
    }

    /// Runs the guest and asserts that it succeeds.
    #[track_caller]
    pub fn succeeds(self) -> Outcome {
        let outcome = self.run();
        assert!(matches!(outcome.end, End::Success), "{}", outcome.report());
        outcome
    }

    /// Runs the guest and asserts that it traps.
    #[track_caller]
    pub fn traps(self) -> Outcome {
        let outcome = self.run();
        assert!(matches!(outcome.end, End::Trap(_)), "{}", outcome.report());
        outcome
    }

    /// Runs the guest and asserts that it exits with `code`.
    #[track_caller]
    pub fn exits(self, code: i32) -> Outcome {
        let outcome = self.run();
        assert!(
            matches!(outcome.end, End::Exit(actual) if actual == code),
            "{}",
            outcome.report()
        );
        outcome
    }

    /// Runs the guest to its end, and asserts that nothing is left of the processes it started.
    #[track_caller]
    pub fn run(self) -> Outcome {
        let guest = self.guest;
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
        let component = engine::component(self.guest, self.flavour);
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
        record.assert_all_ended(self.guest);
        Outcome {
            guest: self.guest,
            end: end(result),
            stdout: stdout.contents().to_vec(),
            stderr: stderr.contents().to_vec(),
            inherited_stdout: contents(own_stdout),
            inherited_stderr: contents(own_stderr),
            events: record.events(),
            data: self.data,
        }
    }

    fn process_ctx(&mut self, record: &Record, stop: &Stop, stdout: &File, stderr: &File) -> ProcessCtx {
        let preopens = [PolicyPreopen {
            guest_path: DATA.to_owned(),
            host_path: self.data.path().to_owned(),
            writable: !self.read_only,
        }];
        if self.policy.confine.tier == Some(Tier::None) {
            // What programs of such a guest would be given to see, they see.
            self.policy.grants.values_mut().for_each(|grant| grant.read.clear());
        }
        let path = std::env::var_os("PATH");
        let options = LoadOptions {
            search_path: path.as_deref(),
            preopens: &preopens,
        };
        let policy = self.policy.load(&options).expect("the policy can be loaded");
        let preopen = Preopen::open(self.data.path(), DATA, !self.read_only).expect("the guest's directory");
        let (record, stop, stop_at) = (record.clone(), stop.clone(), self.stop_at.take());
        let duplicate = |file: &File| file.try_clone().expect("a descriptor");
        let mut builder = ProcessCtx::builder(policy)
            .preopen(preopen)
            .expect("no program lies in the guest's directory")
            .stdout(self.processes_stdout.take().unwrap_or_else(|| duplicate(stdout)))
            .stderr(duplicate(stderr))
            .audit(move |event: &AuditEvent| {
                record.note(event);
                if stop_at.as_ref().is_some_and(|is_it| is_it(event)) {
                    stop.call();
                }
            });
        if let Some(stdin) = self.processes_stdin.take() {
            builder = builder.stdin(stdin);
        }
        if let Some(hook) = self.hook.take() {
            builder = builder.hook(move |proposal: &Proposal<'_>| hook.before_spawn(proposal));
        }
        builder.build()
    }

    fn wasi_ctx(&mut self, stdout: MemoryOutputPipe, stderr: MemoryOutputPipe) -> WasiCtx {
        let permissions = if self.read_only {
            FsPerms::ReadOnly
        } else {
            FsPerms::ReadWrite
        };
        let mut wasi = WasiCtx::builder();
        wasi.arg(self.guest).args(&self.args).env("RUST_BACKTRACE", "0");
        wasi.stdin(MemoryInputPipe::new(std::mem::take(&mut self.stdin)))
            .stdout(stdout)
            .stderr(stderr);
        wasi.preopened_dir(self.data.path(), DATA, permissions)
            .expect("the guest's directory");
        wasi.build()
    }
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
