//! A host that stands in for the real one: each grant fails, or ends, as its name says.

use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, Resource, ResourceAny, ResourceTable, ResourceType, Val};
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi::p2::add_to_linker_sync;
use wasmtime_wasi::p2::bindings::sync::Command;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

const TYPES: &str = "childproof:process/types@0.2.0";

/// The resource of a command and of a process: both are the place of the grant's name.
struct Named;

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    names: Vec<String>,
    /// How many commands and processes there are.
    alive: usize,
    answer: Answer,
    signals: Arc<Mutex<Vec<Val>>>,
}

/// What a function answers for a grant: the error of `spawn`, the status of `wait`, what `stop` says.
pub(crate) type Answer = Arc<dyn Fn(&str, &str) -> Option<Val> + Send + Sync>;

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// Runs a guest with such a host, and answers what it printed and the signals that it sent.
pub(crate) fn run(guest: &Path, arguments: &[String], answer: Answer) -> Result<(String, Vec<Val>)> {
    let engine = Engine::default();
    let component = Component::from_file(&engine, guest)?;
    let mut linker = Linker::new(&engine);
    add_to_linker_sync(&mut linker)?;
    stand_in(&engine, &component, &mut linker)?;

    let stdout = MemoryOutputPipe::new(1 << 20);
    let stderr = MemoryOutputPipe::new(1 << 20);
    let signals = Arc::default();
    let mut wasi = WasiCtx::builder();
    wasi.arg("guest")
        .args(arguments)
        .stdout(stdout.clone())
        .stderr(stderr.clone());
    let state = State {
        wasi: wasi.build(),
        table: ResourceTable::new(),
        names: Vec::new(),
        alive: 0,
        answer,
        signals: Arc::clone(&signals),
    };
    let mut store = Store::new(&engine, state);
    let command = Command::instantiate(&mut store, &component, &linker)?;
    let ended = command.wasi_cli_run().call_run(&mut store);
    let said = String::from_utf8(stderr.contents().to_vec())?;
    if !matches!(ended, Ok(Ok(()))) {
        bail!("the guest failed: {ended:?}\n{said}");
    }
    assert_eq!(store.data().alive, 0, "commands or processes that nobody freed");
    let sent = signals.lock().unwrap().clone();
    Ok((String::from_utf8(stdout.contents().to_vec())?, sent))
}

/// Defines all functions of the interface that the guest imports.
fn stand_in(engine: &Engine, component: &Component, linker: &mut Linker<State>) -> Result<()> {
    let component = component.component_type();
    let item = component.get_import(engine, TYPES);
    let Some(ComponentItem::ComponentInstance(interface)) = item.map(|item| item.ty) else {
        bail!("the guest does not import {TYPES}");
    };
    let mut instance = linker.instance(TYPES)?;
    for resource in ["command", "process"] {
        instance.resource(
            resource,
            ResourceType::host::<Named>(),
            |mut store: StoreContextMut<'_, State>, _| {
                store.data_mut().alive -= 1;
                Ok(())
            },
        )?;
    }
    for (name, item) in interface.exports(engine) {
        if matches!(item.ty, ComponentItem::ComponentFunc(_)) {
            let function = name.to_owned();
            instance.func_new(name, move |mut store, _, arguments, results| {
                let answer = call(&mut store, &function, arguments).map_err(wasmtime::Error::from_anyhow)?;
                if let (Some(result), Some(answer)) = (results.first_mut(), answer) {
                    *result = answer;
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn call(store: &mut StoreContextMut<'_, State>, function: &str, arguments: &[Val]) -> Result<Option<Val>> {
    if function == "[constructor]command" {
        let Some(Val::String(name)) = arguments.first() else {
            bail!("a command has a name")
        };
        return resource(store, name.clone()).map(Some);
    }
    let Some(Val::Resource(this)) = arguments.first() else {
        bail!("{function} is no method")
    };
    let index = Resource::<Named>::try_from_resource_any(*this, &mut *store)?.rep();
    let name = store.data().names[usize::try_from(index)?].clone();
    let method = function.rsplit('.').next().unwrap_or(function);
    let answer = (store.data().answer.clone())(method, &name);
    Ok(Some(match (method, answer) {
        ("spawn", Some(error)) => Val::Result(Err(Some(Box::new(error)))),
        ("spawn", None) => Val::Result(Ok(Some(Box::new(resource(store, name)?)))),
        ("send-signal", _) => {
            let signal = arguments.get(1).context("a signal")?.clone();
            store.data().signals.lock().unwrap().push(signal);
            Val::Result(Ok(None))
        }
        (_, Some(answer)) => Val::Result(Ok(Some(Box::new(answer)))),
        (_, None) => bail!("no answer for {function} of {name}"),
    }))
}

/// A command or a process of this name.
fn resource(store: &mut StoreContextMut<'_, State>, name: String) -> Result<Val> {
    let state = store.data_mut();
    let index = u32::try_from(state.names.len())?;
    state.names.push(name);
    state.alive += 1;
    let any: ResourceAny = Resource::<Named>::new_own(index).try_into_resource_any(store)?;
    Ok(Val::Resource(any))
}
