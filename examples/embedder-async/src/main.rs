use childproof_host::policy::{LoadOptions, Policy};
use childproof_host::{ProcessCtx, ProcessCtxView};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p3::bindings::Command;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

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

fn process(state: &mut State) -> ProcessCtxView<'_> {
    ProcessCtxView {
        ctx: &state.process,
        table: &mut state.table,
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, policy, guest] = arguments.as_slice() else {
        anyhow::bail!("usage: embedder-async POLICY.toml GUEST.wasm")
    };
    let policy = Policy::from_toml(&std::fs::read_to_string(policy)?)?.load(&LoadOptions {
        search_path: std::env::var_os("PATH").as_deref(),
        ..LoadOptions::default()
    })?;
    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    childproof_host::p3::add_to_linker(&mut linker, process)?;
    // What the guest's standard library imports, and the other flavour for a guest that imports that, too.
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    childproof_host::p2::add_to_linker_async(&mut linker, process)?;
    let state = State {
        wasi: WasiCtx::builder().inherit_stdio().build(),
        process: ProcessCtx::builder(policy).inherit_stdio().build(),
        table: ResourceTable::new(),
    };
    let mut store = Store::new(&engine, state);
    let component = Component::from_file(&engine, guest)?;
    let run = Command::instantiate_async(&mut store, &component, &linker).await?;
    let ended = store
        .run_concurrent(async |store| run.wasi_cli_run().call_run(store).await)
        .await??;
    ended.map_err(|()| anyhow::anyhow!("the guest failed"))
}
