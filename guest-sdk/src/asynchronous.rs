//! Processes of WASI 0.3.

mod bindings;
