//! The policy as an embedder and an operator meet it. One program for all of it, because each test program links wasmtime.

mod bounds;
mod confine;
mod decide;
mod load;
mod narrow;
mod property;
mod support;
mod toml;
