//! One guest: its store, its life and its end.

use std::fmt::Write;

use anyhow::{Result, anyhow};
use childproof_host::{ProcessCtx, ProcessCtxView};
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, WasmBacktrace};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::args::SandboxArgs;
use crate::command::Command;
use crate::exit;
use crate::output::Output;
use crate::report;

/// What the store of a guest holds.
pub(crate) struct State {
    wasi: WasiCtx,
    process: ProcessCtx,
    table: ResourceTable,
}

impl State {
    pub(crate) fn process(&mut self) -> ProcessCtxView<'_> {
        ProcessCtxView {
            ctx: &self.process,
            table: &mut self.table,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// A guest's standard output and error.
pub(crate) struct Outputs {
    stdout: Output,
    stderr: Output,
}

impl Outputs {
    pub(crate) fn new() -> Result<Self> {
        let open =
            |output: std::io::Result<Output>| output.map_err(|error| anyhow!("cannot use stdout and stderr: {error}"));
        Ok(Self {
            stdout: open(Output::stdout())?,
            stderr: open(Output::stderr())?,
        })
    }

    /// Waits until all that the guest wrote was taken.
    pub(crate) async fn drained(&self) {
        self.stdout.drained().await;
        self.stderr.drained().await;
    }
}

/// WASI as the command line describes it. `argv` begins with the guest's own name.
pub(crate) fn wasi(args: &SandboxArgs, argv: &[&str], outputs: &Outputs) -> Result<WasiCtx> {
    let mut builder = WasiCtxBuilder::new();
    builder
        .inherit_stdin()
        .stdout(outputs.stdout.clone())
        .stderr(outputs.stderr.clone())
        .args(argv);
    for variable in &args.env {
        builder.env(&variable.key, &variable.value);
    }
    for dir in &args.dir {
        let permissions = if dir.writable {
            FsPerms::ReadWrite
        } else {
            FsPerms::ReadOnly
        };
        builder
            .preopened_dir(&dir.host, &dir.guest, permissions)
            .map_err(|error| anyhow!("--dir {}: {error:#}", dir.host.display()))?;
    }
    Ok(builder.build())
}

/// A store for one guest.
pub(crate) fn store(engine: &Engine, wasi: WasiCtx, process: ProcessCtx) -> Store<State> {
    let mut store = Store::new(
        engine,
        State {
            wasi,
            process,
            table: ResourceTable::new(),
        },
    );
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    store
}

/// Runs the guest to its end and answers its exit code.
///
/// # Cancel safety
///
/// Dropped, it leaves the guest half-way; the end of the store ends its processes.
pub(crate) async fn run(command: &Command, store: &mut Store<State>, name: &str) -> u8 {
    match command.run(store).await {
        Ok(Ok(())) => 0,
        Ok(Err(())) => exit::ERROR,
        Err(error) => match error.downcast_ref::<I32Exit>() {
            // The low eight bits are what a parent sees of any exit code.
            Some(I32Exit(code)) => code.to_le_bytes()[0],
            None => {
                report::write(&trap(name, &error));
                exit::TRAPPED
            }
        },
    }
}

/// What a trap was, and where.
fn trap(name: &str, error: &wasmtime::Error) -> String {
    let mut text = format!(
        "childproof: {} trapped: {}\n",
        report::escape(name),
        report::escape(&error.root_cause().to_string())
    );
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        for line in backtrace.to_string().lines().skip(1) {
            let _ = writeln!(text, "{}", report::escape(line));
        }
    }
    text
}
