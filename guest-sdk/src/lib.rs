//! Starts and drives native processes from a WebAssembly component, under the policy of its host.
//!
//! The types are shaped like those of [`std::process`]: for most programs, porting is a change of import.
//!
//! ```no_run
//! use childproof::Command;
//!
//! fn main() -> std::io::Result<()> {
//!     let output = Command::new("git").args(["log", "--oneline", "-5"]).current_dir("/repo").output()?;
//!     print!("{}", String::from_utf8_lossy(&output.stdout));
//!     println!("git ended with {}", output.status);
//!     Ok(())
//! }
//! ```
//!
//! What a guest may start is not its own choice. It names a *grant* of the policy that its host was given, and the policy
//! says which program that is and which arguments, environment, directories and signals go with it. What it does not allow
//! is an [`Error::Refused`] that names the field. A process never holds more authority than the guest that started it.
//!
//! The differences from std are few, and each is told where it is: at [`Command`] (grants, an empty environment), at
//! [`Child`] (dropping it kills), at [`File`] (files as standard streams). Beyond std there are [`Child::communicate`],
//! [`Child::wait_timeout`], [`Child::send_signal`], [`Child::terminate`], [`Child::stop`] and [`Child::usage`].
//!
//! # Where it runs
//!
//! In a component built for `wasm32-wasip2`, on a host that links `childproof:process@0.2`. The crate compiles for other
//! targets, so that code using it can be checked and tested there, but each call that would reach the host panics.

#![deny(missing_docs, unsafe_code)]

mod bindings;
mod child;
mod clock;
mod command;
mod communicate;
mod error;
mod file;
mod hosted;
mod path;
mod status;
mod stdio;
mod stream;

pub use child::{Child, Output};
pub use command::Command;
pub use communicate::{CommunicateOptions, Communicated};
pub use error::{Captured, Error, Problem, Quota};
pub use file::{File, FileOptions};
pub use hosted::HostedChild;
pub use status::{EndedBy, ExitStatus, Limit, Signal, Stopped, StoppedBy, Usage};
pub use stdio::Stdio;
pub use stream::{ChildStderr, ChildStdin, ChildStdout};

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
