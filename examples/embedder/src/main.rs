use childproof_host::policy::{LoadOptions, Policy};
use childproof_host::{ProcessCtx, ProcessCtxView};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::{add_to_linker_sync, bindings::sync::Command};
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

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, policy, guest] = arguments.as_slice() else {
        anyhow::bail!("usage: embedder POLICY.toml GUEST.wasm")
    };

    let search_path = std::env::var_os("PATH");
    let options = LoadOptions {
        search_path: search_path.as_deref(),
        ..LoadOptions::default()
    };
    let policy = Policy::from_toml(&std::fs::read_to_string(policy)?)?.load(&options)?;

    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);
    add_to_linker_sync(&mut linker)?;
    childproof_host::p2::add_to_linker_sync(&mut linker, |state| ProcessCtxView {
        ctx: &state.process,
        table: &mut state.table,
    })?;

    let wasi = WasiCtx::builder().inherit_stdio().build();
    let process = ProcessCtx::builder(policy).inherit_stdio().build();
    let mut store = Store::new(
        &engine,
        State {
            wasi,
            process,
            table: ResourceTable::new(),
        },
    );
    let guest = Component::from_file(&engine, guest)?;
    let run = Command::instantiate(&mut store, &guest, &linker)?;
    run.wasi_cli_run()
        .call_run(&mut store)?
        .map_err(|()| anyhow::anyhow!("the guest failed"))
}
