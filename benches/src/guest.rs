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
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

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

/// The guest, ready to be instantiated.
pub(crate) struct Guests {
    pub(crate) runtime: Runtime,
    engine: Engine,
    guest: CommandPre<State>,
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
        let file = xtask::build::guest("bench-guest")?;
        let component = Component::from_file(&engine, &file).map_err(anyhow::Error::from)?;
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        childproof_host::p2::add_to_linker_async(&mut linker, |state| ProcessCtxView {
            ctx: &state.process,
            table: &mut state.table,
        })?;
        let guest = CommandPre::new(linker.instantiate_pre(&component)?)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, engine, guest })
    }

    /// Runs the guest once, and confines nothing; the answer is the time it took for the work, in nanoseconds.
    pub(crate) fn run(&self, work: &str, times: usize, size: usize) -> Result<f64> {
        self.run_in(&Setting::new(Tier::None)?, work, times, size)
    }

    /// The same in a setting, which may serve one guest after the other.
    pub(crate) fn run_in(&self, setting: &Setting, work: &str, times: usize, size: usize) -> Result<f64> {
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
            let guest = self.guest.instantiate_async(&mut store).await?;
            guest.wasi_cli_run().call_run(&mut store).await
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
