//! Runs native processes for WebAssembly components, under a policy.
//!
//! This crate implements the WIT package `childproof:process` for [wasmtime], in both of its flavours: 0.2 for guests of WASI
//! 0.2, and 0.3 for those of WASI 0.3, with the cargo feature `p3`. A component that imports it names a *grant*
//! of a [policy]; the host resolves that to a program, checks arguments, environment, working directory and quotas, and
//! starts a real process whose standard streams are the component's.
//!
//! # Layers
//!
//! | module | owns | must not touch |
//! |---|---|---|
//! | [`policy`] | what may be started, and how | the operating system, except to load a policy |
//! | [`process`] | live processes, their pipes, their quotas, [`audit`] | WIT, the component model |
//! | [`doctor`] | what the machine enforces, found by trying | policies, guests |
//! | [`p2`] | the translation to and from WASI 0.2 | behaviour of its own |
//! | `p3` | the translation to and from WASI 0.3 | behaviour of its own |
//!
//! # Embedding
//!
//! ```no_run
//! use childproof_host::policy::{Grant, LoadOptions, Policy};
//! use childproof_host::{ProcessCtx, ProcessCtxView};
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State {
//!     process: ProcessCtx,
//!     table: ResourceTable,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = wasmtime::Engine::default();
//! let mut linker = Linker::<State>::new(&engine);
//! childproof_host::p2::add_to_linker_async(&mut linker, |state: &mut State| ProcessCtxView {
//!     ctx: &state.process,
//!     table: &mut state.table,
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! # Directories
//!
//! A directory that the guest gets is named three times, because three things need it:
//!
//! ```no_run
//! use childproof_host::policy::{LoadOptions, Policy, Preopen as PolicyPreopen};
//! use childproof_host::{Preopen, ProcessCtx};
//! use wasmtime_wasi::{FsPerms, WasiCtx};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The guest sees it.
//! let wasi = WasiCtx::builder().preopened_dir("/srv/data", "/data", FsPerms::ReadWrite)?.build();
//! // The policy refuses a program that the guest could replace through it, and knows it as a grant's `cwd`.
//! let preopens = [PolicyPreopen { host_path: "/srv/data".into(), guest_path: "/data".into(), writable: true }];
//! let options = LoadOptions { preopens: &preopens, ..LoadOptions::default() };
//! let policy = Policy::new().load(&options)?;
//! // Processes see it and work in it.
//! let process = ProcessCtx::builder(policy).preopen(Preopen::open("/srv/data", "/data", true)?)?.build();
//! # Ok(())
//! # }
//! ```
//!
//! **A writable directory that the policy is not told of is not looked at**: the guest may then replace a program in it
//! that a grant names. Nor does the policy look for hard links from such a directory to a program.
//!
//! # Confinement
//!
//! Processes are confined by the operating system, in the tier that the policy names ([`policy::Tier`]), which is the full one
//! where it names none. Such a process sees the system's programs and libraries, the directories above by the guest's names
//! ([`Preopen`]), what the policy adds ([`policy::Confine`]), and nothing else; it has no network unless its grant says so; and
//! what it started ends with it. [`policy::Policy::load`] refuses a tier that the machine cannot give.
//!
//! The first process of a grant takes some milliseconds more than the following ones, for its confinement is made then, once
//! for a [`ProcessCtx`] and all grants that show the same.
//!
//! # Runtime
//!
//! Processes are watched through a tokio runtime with its I/O and time drivers on. [`p2::add_to_linker_async`] and
//! `p3::add_to_linker` expect the store to run inside of one, as `wasmtime-wasi` does; [`p2::add_to_linker_sync`] uses the one
//! `wasmtime-wasi` brings.
//!
//! Timers and the ends of processes are seen by that runtime: where it has a single thread, a guest that computes without
//! end keeps it from both, wall-time limits included. Such an embedder yields at epochs
//! ([`wasmtime::Store::epoch_deadline_async_yield_and_update`]), as the command `childproof` does.
//!
//! # Platforms
//!
//! Linux, for now. The launcher has its place for others and refuses there.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod audit;
mod command;
mod convert;
mod ctx;
pub mod doctor;
mod error;
mod interface;
pub mod p2;
#[cfg(feature = "p3")]
pub mod p3;
pub mod policy;
mod preopen;
pub mod process;
mod resources;

pub use ctx::{GuestStdio, ProcessCtx, ProcessCtxBuilder, ProcessCtxView, Processes, Proposal, SpawnHook};
pub use error::{Captured, Error, Problem, Quota};
pub use preopen::{OpenPreopenError, Preopen};
