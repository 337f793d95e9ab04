//! Runs the guest programs of the component test suite under a policy, and says how they fared.
//!
//! A guest program stands for one behaviour and asserts it; it fails by panicking. What a guest cannot see is asserted by
//! the row of `tests/suite` that runs it, on the [`Outcome`]. After every run, whatever it was about, the harness asserts
//! what must always hold: each process that was started has ended, was reported as ended, and is no zombie.

#![forbid(unsafe_code)]

mod case;
mod engine;
mod isolated;
mod kernel;
mod outcome;
mod pack;
mod processes;
mod programs;

pub use case::{Case, MANIFEST, MANIFEST_TEXT};
pub use engine::{Flavour, imports};
pub use kernel::{forget_collected_children, refuse_processes, refuse_user_namespaces};
pub use outcome::{End, Outcome};
pub use pack::pack;
pub use programs::program;

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
