//! For stores whose functions are called asynchronously: what waits is awaited, inside of the embedder's runtime.

crate::p2::host::interface! {
    types: crate::p2::bindings::types,
    waiting: [async],
    run: |future| future.await,
    enter: |work| work(),
}
