//! `childproof:process@0.3`, for guests of WASI 0.3.
//!
//! It translates between WIT and [`process`](crate::process) and holds no behaviour of its own.
//!
//! **Experimental**, as wasmtime's own support of WASI 0.3 is, which it stands on: it may change in any release, and is there
//! with the cargo feature `p3` alone.
//!
//! # Concurrency
//!
//! What waits is an `async func`: any number of such calls of a guest are under way at once, and the store goes on. All else
//! answers at once, so that a guest may call it from anywhere, a plain `main` included. That goes for dropping a process, too,
//! which kills it: it is gone a moment later. Only when more of a guest's processes are being killed than it may have alive does
//! a drop wait, and the store with it. In 0.2 it always does.
//!
//! # Data
//!
//! A guest reads a process's output by a `stream<u8>` whose reads are read(2) of the pipe into the guest's own memory, and
//! writes to its input by one whose writes are write(2) out of it. There is no buffer, no task and no channel between, so a
//! process that writes faster than the guest reads is stopped by its pipe. A stream of one process that is given to another as
//! its standard input is recognised: the other process gets the pipe, and no byte passes the host.
//!
//! Any other stream that is given to a process as its standard input is read for it, from its start to its end. If that stream
//! is the host's own, WASI's standard input or a file's, the store carries the bytes from the one to the other, 64 KiB at a
//! time at most; so it does for the output of a running process that a guest feeds to another. `wasmtime-wasi` does not say
//! which file is behind a stream; a file is passed on by its descriptor, as `file-stream` has it.
//!
//! # Cancellation
//!
//! | cancelled | what holds |
//! |---|---|
//! | `wait` | nothing happened, and other waiters go on waiting |
//! | `communicate` | a further call goes on where it was: input that was not sent, output that was not answered |
//! | `stop` | the process was asked to end, and is not killed later |
//! | a read | nothing more is taken out of the pipe; the guest has what was |
//! | a write | nothing more is put into it; the guest is told how much was |
//! | `command.spawn` | is no async function: either there is a process, which the guest holds, or there is none |
//!
//! The processes of a guest that ends, in whatever way and with whatever under way, end once its store is dropped.

pub mod bindings;
mod host;
mod stream;

use wasmtime::component::Linker;

use crate::ctx::{ProcessCtxView, Processes};

/// Adds `childproof:process@0.3` to `linker`.
///
/// `get` finds the context and the resource table in the store's data. WASI's own interfaces are added by
/// [`wasmtime_wasi::p3::add_to_linker`]; both work on the same table. So does the other flavour
/// ([`p2`](crate::p2::add_to_linker_async)): a guest may import both, and a linker may have both.
///
/// # Errors
///
/// When `linker` defines an interface of that name already.
///
/// # Examples
///
/// ```
/// use childproof_host::{ProcessCtx, ProcessCtxView};
/// use wasmtime::component::{Linker, ResourceTable};
/// use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
///
/// struct State {
///     wasi: WasiCtx,
///     process: ProcessCtx,
///     table: ResourceTable,
/// }
///
/// impl WasiView for State {
///     fn ctx(&mut self) -> WasiCtxView<'_> {
///         WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
///     }
/// }
///
/// # fn main() -> wasmtime::Result<()> {
/// let engine = wasmtime::Engine::default();
/// let mut linker = Linker::<State>::new(&engine);
/// wasmtime_wasi::p3::add_to_linker(&mut linker)?;
/// childproof_host::p3::add_to_linker(&mut linker, |state| ProcessCtxView {
///     ctx: &state.process,
///     table: &mut state.table,
/// })?;
/// // A component that Rust built imports WASI 0.2, too, by way of the standard library.
/// wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
/// childproof_host::p2::add_to_linker_async(&mut linker, |state| ProcessCtxView {
///     ctx: &state.process,
///     table: &mut state.table,
/// })?;
/// # Ok(())
/// # }
/// ```
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> ProcessCtxView<'_>,
) -> wasmtime::Result<()> {
    bindings::types::add_to_linker::<T, Processes>(linker, get)
}
