//! Processes for `async` guests, over WASI 0.3. The types are shaped like those of `tokio::process`.
//!
//! ```no_run
//! use childproof::asynchronous::{Command, Stdio};
//!
//! async fn words(text: &[u8]) -> std::io::Result<Vec<u8>> {
//!     let mut wc = Command::new("wc").arg("-w").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//!     let counted = wc.communicate(text).await?;
//!     Ok(counted.stdout.unwrap_or_default())
//! }
//! ```
//!
//! It is the rest of this crate with `async` where something waits, and only there: [`Command::spawn`],
//! [`Child::try_wait`], [`Child::send_signal`] and [`Child::terminate`] answer at once. The grants, the errors and the
//! statuses are the same, as are their types, which are here, too. [`Stdio`], [`File`] and the streams are of their own
//! flavour: those of this module cannot be given to a [`childproof::Command`](crate::Command), nor the other way round.
//!
//! [`main!`](crate::main) makes an `async fn` the main function of a program.
//!
//! # What differs from tokio
//!
//! - Dropping a [`Child`] kills the process and its tree: there is no `kill_on_drop`. It does not wait until the process is
//!   gone, which is a moment later; [`Child::kill`] does.
//! - A command names a *grant*, its environment starts empty, and text has to be UTF-8; see
//!   [`childproof::Command`](crate::Command).
//! - A read or a write hands its buffer to the host, which moves the bytes between that and the pipe and keeps none.
//!
//! # No runtime
//!
//! The executor is the one that `wit-bindgen` makes for each `async` function that a component exports, and the host does
//! the waiting. Nothing has to be set up, and nothing of this module needs one runtime or another: `join!`, `select!` and
//! what else the `futures` crates have work as anywhere. What needs tokio's reactor, its timers and sockets, does not.
//!
//! What waits has to run inside an exported `async` function. Elsewhere the host traps it, for a function that is not
//! `async` may not wait for one that is. [`Command::spawn`] and the other functions that are not `async` can be called
//! anywhere.
//!
//! # What blocks
//!
//! A function of WASI 0.2 that blocks, called from an `async` function, stalls the whole store: all other tasks of the
//! component, and what the host does for them. The functions of the other flavour in this crate are such, and so are most
//! of std's: `std::fs`, `std::thread::sleep`, `std::io::stdin`, and `println!` when nobody reads what it writes.
//!
//! # Cancel safety
//!
//! To cancel is to drop a future, as `select!` and a timeout do. Each `async` function says what that does. In short:
//!
//! - [`Child::wait`], [`Child::communicate`], [`HostedChild::communicate`] and the reads lose nothing: a further call goes
//!   on where the dropped one was.
//! - [`Command::output`], [`Command::status`] and [`Child::wait_with_output`] hold the child, so dropping them kills it.
//! - [`Command::spawn`] cannot be cancelled half-way: it is not `async`.
//!
//! # Where it runs
//!
//! In a component built for `wasm32-wasip2`, on a host that links `childproof:process@0.3` and WASI 0.3 beside WASI 0.2,
//! which std goes on to use. WASI 0.3 is experimental in the hosts that have it, wasmtime among them, and so is this module.
//! A component that uses nothing of it does not import it.

mod bindings;
mod child;
mod command;
mod communicate;
mod file;
mod hosted;
mod main;
mod stdio;
mod stream;

pub use child::Child;
pub use command::Command;
pub use file::{File, FileOptions};
pub use hosted::HostedChild;
#[doc(hidden)]
pub use main::{exported, report};
pub use stdio::Stdio;
pub use stream::{ChildStderr, ChildStdin, ChildStdout};

pub use crate::{CommunicateOptions, Communicated, Error, ExitStatus, Output};
