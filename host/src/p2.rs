//! `childproof:process@0.2`, for guests of WASI 0.2.
//!
//! It translates between WIT and [`process`](crate::process) and holds no behaviour of its own.
//!
//! # Blocking
//!
//! `wait`, `communicate` and `stop` wait on the host. With [`add_to_linker_async`] the guest is suspended meanwhile and
//! the host's thread goes on with other work; with [`add_to_linker_sync`] the thread waits. Either way the whole store
//! stands still: a guest that wants to do something else meanwhile uses `subscribe` and `wasi:io/poll`.
//!
//! # Memory
//!
//! `communicate` passes its input and its outputs through the host in one piece each. glibc's allocator gives pieces of
//! more than 32 MiB back to the kernel at once, and each call pays for its pages again; an application whose guests send
//! that much in one call is nearly three times as fast with an allocator that keeps them for a moment, as the command
//! `childproof` does. Streams hold at most 64 KiB and do not care.

mod asynchronous;
pub mod bindings;
mod host;
mod resources;
mod stream;
mod synchronous;

use wasmtime::component::Linker;

pub use stream::{PipeInputStream, PipeOutputStream};

pub(crate) use stream::Streams;

use crate::ctx::{ProcessCtxView, Processes};

/// Adds `childproof:process` to `linker`, for stores whose functions are called asynchronously.
///
/// `get` finds the context and the resource table in the store's data. WASI's own interfaces are added by
/// [`wasmtime_wasi::p2::add_to_linker_async`]; both work on the same table.
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
/// wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
/// childproof_host::p2::add_to_linker_async(&mut linker, |state| ProcessCtxView {
///     ctx: &state.process,
///     table: &mut state.table,
/// })?;
/// # Ok(())
/// # }
/// ```
pub fn add_to_linker_async<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> ProcessCtxView<'_>,
) -> wasmtime::Result<()> {
    bindings::types::add_to_linker::<T, Processes>(linker, get)
}

/// Adds `childproof:process` to `linker`, for stores whose functions are called synchronously, beside
/// [`wasmtime_wasi::p2::add_to_linker_sync`].
///
/// # Errors
///
/// When `linker` defines an interface of that name already.
pub fn add_to_linker_sync<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> ProcessCtxView<'_>,
) -> wasmtime::Result<()> {
    bindings::sync::types::add_to_linker::<T, Processes>(linker, get)
}
