//! Compiled guests and linkers, made once for all tests of a process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use childproof_host::{ProcessCtx, ProcessCtxView};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Cache, CacheConfig, Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// Which implementation of the interface a guest is run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// WASI 0.2, the host's functions suspend the guest.
    P2Async,
    /// WASI 0.2, the host's functions block the thread.
    P2Sync,
    /// WASI 0.3.
    P3,
}

impl Flavour {
    /// As the manifest has it.
    pub(crate) fn declared(self) -> childproof_suite::Flavour {
        match self {
            Flavour::P2Async | Flavour::P2Sync => childproof_suite::Flavour::P2,
            Flavour::P3 => childproof_suite::Flavour::P3,
        }
    }

    /// Where the guests are that were built for it.
    fn components(self) -> &'static str {
        match self {
            Flavour::P2Async | Flavour::P2Sync => crate::P2_COMPONENTS,
            Flavour::P3 => crate::P3_COMPONENTS,
        }
    }
}

/// What a store of the suite holds.
pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) process: ProcessCtx,
    pub(crate) table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

fn process(state: &mut State) -> ProcessCtxView<'_> {
    ProcessCtxView {
        ctx: &state.process,
        table: &mut state.table,
    }
}

pub(crate) static ENGINE: LazyLock<Engine> = LazyLock::new(|| engine().expect("an engine of the suite"));

fn engine() -> anyhow::Result<Engine> {
    // A thousand processes with two pipes each are more than the limit that a shell commonly sets.
    let descriptors = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: descriptors.maximum,
            ..descriptors
        },
    )?;
    let mut cache = CacheConfig::new();
    cache.with_directory(Path::new(env!("OUT_DIR")).join("wasmtime-cache"));
    let mut config = Config::new();
    config.epoch_interruption(true).cache(Some(Cache::new(cache)?));
    Ok(Engine::new(&config)?)
}

/// The component of a guest, compiled at most once.
pub(crate) fn component(guest: &str, flavour: Flavour) -> Component {
    type Slot = Arc<OnceLock<Component>>;
    static COMPONENTS: LazyLock<Mutex<HashMap<PathBuf, Slot>>> = LazyLock::new(Mutex::default);
    let path = Path::new(flavour.components()).join(format!("{guest}.wasm"));
    let slot = COMPONENTS
        .lock()
        .expect("nobody panics with it")
        .entry(path.clone())
        .or_default()
        .clone();
    // Whoever comes second waits for the first instead of compiling it once more.
    slot.get_or_init(|| {
        Component::from_file(&ENGINE, path).unwrap_or_else(|error| panic!("compile {guest}: {error:?}"))
    })
    .clone()
}

/// The names of what a guest imports.
pub fn imports(guest: &str, flavour: Flavour) -> Vec<String> {
    let component = component(guest, flavour);
    component
        .component_type()
        .imports(&ENGINE)
        .map(|(name, _)| name.to_owned())
        .collect()
}

static ASYNC: LazyLock<Linker<State>> = LazyLock::new(|| {
    let mut linker = Linker::new(&ENGINE);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("WASI can be linked");
    childproof_host::p2::add_to_linker_async(&mut linker, process).expect("childproof:process can be linked");
    linker
});

static SYNC: LazyLock<Linker<State>> = LazyLock::new(|| {
    let mut linker = Linker::new(&ENGINE);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker).expect("WASI can be linked");
    childproof_host::p2::add_to_linker_sync(&mut linker, process).expect("childproof:process can be linked");
    linker
});

/// Both flavours of everything: what Rust's own library does in a guest goes through WASI 0.2.
static P3: LazyLock<Linker<State>> = LazyLock::new(|| {
    let mut linker = ASYNC.clone();
    wasmtime_wasi::p3::add_to_linker(&mut linker).expect("WASI can be linked");
    childproof_host::p3::add_to_linker(&mut linker, process).expect("childproof:process can be linked");
    linker
});

/// Runs `wasi:cli/run` of WASI 0.3, or of WASI 0.2 where that is what the guest has, with both flavours of everything else.
/// To be polled inside of a tokio runtime.
pub(crate) async fn run_p3(store: &mut Store<State>, component: &Component) -> wasmtime::Result<Result<(), ()>> {
    use wasmtime_wasi::p3::bindings::Command;
    if component.get_export_index(None, "wasi:cli/run@0.3.0").is_none() {
        return run_p2(store, component, &P3).await;
    }
    let command = Command::instantiate_async(&mut *store, component, &P3).await?;
    store
        .run_concurrent(async |store| command.wasi_cli_run().call_run(store).await)
        .await?
}

/// Runs `wasi:cli/run` with the host's functions suspending. To be polled inside of a tokio runtime.
pub(crate) async fn run_async(store: &mut Store<State>, component: &Component) -> wasmtime::Result<Result<(), ()>> {
    run_p2(store, component, &ASYNC).await
}

async fn run_p2(
    store: &mut Store<State>,
    component: &Component,
    linker: &Linker<State>,
) -> wasmtime::Result<Result<(), ()>> {
    use wasmtime_wasi::p2::bindings::Command;
    let command = Command::instantiate_async(&mut *store, component, linker).await?;
    command.wasi_cli_run().call_run(store).await
}

/// Runs `wasi:cli/run` with the host's functions blocking. To be called outside of any tokio runtime.
pub(crate) fn run_sync(store: &mut Store<State>, component: &Component) -> wasmtime::Result<Result<(), ()>> {
    use wasmtime_wasi::p2::bindings::sync::Command;
    let command = Command::instantiate(&mut *store, component, &SYNC)?;
    command.wasi_cli_run().call_run(store)
}
