//! Our side: the guest component, run by wasmtime with the host crate, as an embedder would.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use childproof_host::policy::{Arguments, Confine, Grant, Limits, LoadOptions, LoadedPolicy, Policy, Tier};
use childproof_host::{Preopen, ProcessCtx, ProcessCtxView, Proposal};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Cache, CacheConfig, Config, Engine, Store};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi::{p2, p3};

/// Where processes that are confined in the full tier see their guest's directory.
pub(crate) const WORK: &str = "/work";

/// What the guest may run. `mark` is the moment at which the memory is looked at.
const PROGRAMS: [(&str, &str); 5] = [
    ("true", "true"),
    ("cat", "cat"),
    ("head", "head"),
    ("wc", "wc"),
    ("mark", "true"),
];

struct State {
    wasi: WasiCtx,
    process: ProcessCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl State {
    fn process(&mut self) -> ProcessCtxView<'_> {
        ProcessCtxView {
            ctx: &self.process,
            table: &mut self.table,
        }
    }
}

/// The guests, ready to be instantiated.
pub(crate) struct Guests {
    pub(crate) runtime: Runtime,
    engine: Engine,
    p2: p2::bindings::CommandPre<State>,
    p3: p3::bindings::CommandPre<State>,
}

/// Which guest does the work: that of WASI 0.2 or that of 0.3.
#[derive(Clone, Copy)]
pub(crate) enum Flavour {
    P2,
    P3,
}

impl Guests {
    /// Builds and compiles the guest.
    pub(crate) fn build() -> Result<Self> {
        Self::for_engine(Engine::default())
    }

    /// The same, but a guest that was compiled before with this directory is not compiled again.
    pub(crate) fn cached_in(directory: &Path) -> Result<Self> {
        let mut cache = CacheConfig::new();
        cache.with_directory(directory);
        let mut config = Config::new();
        config.cache(Some(Cache::new(cache)?));
        Self::for_engine(Engine::new(&config)?)
    }

    fn for_engine(engine: Engine) -> Result<Self> {
        let mut linker = Linker::<State>::new(&engine);
        p2::add_to_linker_async(&mut linker)?;
        p3::add_to_linker(&mut linker)?;
        childproof_host::p2::add_to_linker_async(&mut linker, State::process)?;
        childproof_host::p3::add_to_linker(&mut linker, State::process)?;
        let component = |file| Component::from_file(&engine, file).map_err(anyhow::Error::from);
        let p2 = component(xtask::build::guest_program("bench-guest", "bench-guest")?)?;
        let p3 = component(xtask::build::guest_program("bench-guest", "bench-guest-p3")?)?;
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            p2: p2::bindings::CommandPre::new(linker.instantiate_pre(&p2)?)?,
            p3: p3::bindings::CommandPre::new(linker.instantiate_pre(&p3)?)?,
            engine,
        })
    }

    /// Runs the guest once, and confines nothing; the answer is the time it took for the work, in nanoseconds.
    pub(crate) fn run(&self, flavour: Flavour, work: &str, times: usize, size: usize) -> Result<f64> {
        self.run_flavour(flavour, &Setting::new(Tier::None)?, work, times, size)
    }

    /// The same for the guest of WASI 0.2, in a setting, which may serve one guest after the other.
    pub(crate) fn run_in(&self, setting: &Setting, work: &str, times: usize, size: usize) -> Result<f64> {
        self.run_flavour(Flavour::P2, setting, work, times, size)
    }

    fn run_flavour(&self, flavour: Flavour, setting: &Setting, work: &str, times: usize, size: usize) -> Result<f64> {
        let stdout = MemoryOutputPipe::new(1024);
        let wasi = WasiCtx::builder()
            .args(&["bench-guest", work, &times.to_string(), &size.to_string()])
            .stdout(stdout.clone())
            .inherit_stderr()
            .build();
        let mut store = Store::new(
            &self.engine,
            State {
                wasi,
                process: setting.context.clone(),
                table: ResourceTable::new(),
            },
        );
        let ended = self.runtime.block_on(async {
            match flavour {
                Flavour::P2 => {
                    let guest = self.p2.instantiate_async(&mut store).await?;
                    guest.wasi_cli_run().call_run(&mut store).await
                }
                Flavour::P3 => {
                    let guest = self.p3.instantiate_async(&mut store).await?;
                    store
                        .run_concurrent(async |store| guest.wasi_cli_run().call_run(store).await)
                        .await?
                }
            }
        })?;
        if ended.is_err() {
            bail!("the guest failed at {work}");
        }
        let printed = String::from_utf8(stdout.contents().to_vec())?;
        printed
            .trim()
            .parse()
            .with_context(|| format!("the guest printed {printed:?}"))
    }

    /// Runs the guest once, confined in `tier`, and answers what `look` saw at the two moments at which the guest asked for it.
    pub(crate) fn look_twice<T: Send + 'static>(
        &self,
        tier: Tier,
        look: fn() -> Result<T>,
        work: &str,
        times: usize,
    ) -> Result<(T, T)> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let marks = seen.clone();
        let mark = move || marks.lock().unwrap_or_else(PoisonError::into_inner).push(look());
        self.run_in(&Setting::marked(tier, mark)?, work, times, 0)?;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        match (seen.pop(), seen.pop()) {
            (Some(after), Some(before)) => Ok((before?, after?)),
            _ => bail!("the guest did not ask for two looks"),
        }
    }
}

/// What the processes of a guest live under. The profile of its confinement is built for the first process, and kept.
pub(crate) struct Setting {
    context: ProcessCtx,
    directory: TempDir,
}

impl Setting {
    /// A guest with one directory, whose processes are confined in this tier.
    pub(crate) fn new(tier: Tier) -> Result<Self> {
        Self::marked(tier, || {})
    }

    /// The same; `mark` is called whenever the guest asks for it.
    fn marked(tier: Tier, mark: impl Fn() + Send + Sync + 'static) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let context = ProcessCtx::builder(policy(tier)?)
            .preopen(Preopen::open(directory.path(), WORK, true)?)?
            .hook(move |proposal: &Proposal<'_>| {
                if proposal.grant == "mark" {
                    mark();
                }
                Ok(())
            })
            .build();
        Ok(Self { context, directory })
    }

    /// The host's path of the directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

fn policy(tier: Tier) -> Result<LoadedPolicy> {
    let limits = Limits {
        live: Some(2_000),
        capture: Some(1 << 30),
        ..Limits::default()
    };
    let confine = Confine {
        tier: Some(tier),
        ..Confine::default()
    };
    let policy = PROGRAMS.into_iter().fold(
        Policy::new().limits(limits).confine(confine),
        |policy, (name, program)| policy.grant(name, Grant::program(program).args(Arguments::Any)),
    );
    let path = std::env::var_os("PATH");
    Ok(policy.load(&LoadOptions {
        search_path: path.as_deref(),
        ..LoadOptions::default()
    })?)
}
