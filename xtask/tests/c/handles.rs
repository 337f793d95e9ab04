//! That the library gives back each handle it gets: run by a host whose table has room for few.

use childproof_host::policy::{LoadOptions, Policy, Preopen as PolicyPreopen};
use childproof_host::{Preopen, ProcessCtx, ProcessCtxView};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::bindings::sync::Command;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

use super::{TESTS, c};

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

#[test]
fn no_handle_is_left() {
    let data = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(c::directory().join("tests/policy.toml")).unwrap();
    let path = std::env::var_os("PATH");
    let options = LoadOptions {
        search_path: path.as_deref(),
        preopens: &[PolicyPreopen {
            guest_path: "/data".to_owned(),
            host_path: data.path().to_owned(),
            writable: true,
        }],
    };
    let policy = Policy::from_toml(&text).unwrap().load(&options).unwrap();
    let preopen = Preopen::open(data.path(), "/data", true).unwrap();
    let process = ProcessCtx::builder(policy).preopen(preopen).unwrap().build();

    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
    childproof_host::p2::add_to_linker_sync(&mut linker, |state| ProcessCtxView {
        ctx: &state.process,
        table: &mut state.table,
    })
    .unwrap();

    let stderr = MemoryOutputPipe::new(1 << 20);
    let mut wasi = WasiCtx::builder();
    wasi.args(&["guest", "nothing_is_left"]).stderr(stderr.clone());
    wasi.preopened_dir(data.path(), "/data", FsPerms::ReadWrite).unwrap();
    let mut table = ResourceTable::new();
    // Fewer than there would be if one were left in each of the hundred rounds of that test.
    table.set_max_capacity(40);
    let mut store = Store::new(
        &engine,
        State {
            wasi: wasi.build(),
            process,
            table,
        },
    );
    let component = Component::from_file(&engine, &*TESTS).unwrap();
    let command = Command::instantiate(&mut store, &component, &linker).unwrap();
    let ended = command.wasi_cli_run().call_run(&mut store);
    let said = String::from_utf8(stderr.contents().to_vec()).unwrap();
    assert!(matches!(ended, Ok(Ok(()))), "{ended:?}\n{said}");
}
