//! For stores whose functions are called synchronously: what waits blocks the thread, in the runtime of `wasmtime-wasi`.

use wasmtime_wasi::runtime::{in_tokio, with_ambient_tokio_runtime};

crate::p2::host::interface! {
    types: crate::p2::bindings::sync::types,
    waiting: [],
    run: |future| in_tokio(future),
    enter: |work| with_ambient_tokio_runtime(work),
}
