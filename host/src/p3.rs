//! `childproof:process@0.3`, for guests of WASI 0.3.
//!
//! It translates between WIT and [`process`](crate::process) and holds no behaviour of its own.
//!
//! **This is experimental**, as `wasmtime-wasi`'s own [`p3`](wasmtime_wasi::p3) is that it stands upon: it may change in any
//! release. It is there with the cargo feature `p3`.

pub mod bindings;
mod host;
mod stream;

use wasmtime::component::Linker;

use crate::ctx::{ProcessCtxView, Processes};

/// Adds `childproof:process@0.3` to `linker`.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> ProcessCtxView<'_>,
) -> wasmtime::Result<()> {
    bindings::types::add_to_linker::<T, Processes>(linker, get)
}
