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
//! # What differs from std
//!
//! - [`Command`]: it names a grant and not a path, its environment starts empty, its working directory is the policy's
//!   unless one is set, and its text has to be UTF-8. `CommandExt` is not here, but for [`Command::arg0`].
//! - [`Child`]: dropping it kills the process and its tree, and so does [`Child::kill`]. [`Child::id`] is a number for logs,
//!   not that of the operating system, and 64 bits wide.
//! - [`Stdio`]: made from a [`File`] of this crate, not from that of std nor from a descriptor, for std has no safe way to
//!   what the host needs. One file that does not append cannot be both outputs. Nor is it made from `std::io::Stdout` or
//!   `Stderr`: [`Stdio::inherit`] gives a process the guest's stream of the same name, [`Command::stderr_to_stdout`] sends
//!   one output where the other goes, and nothing sends standard output to the guest's standard error.
//! - A stream of another process serves one spawn that succeeds. In std, too, it is given away, but to a command that may
//!   use it again and again.
//! - [`ChildStdin`]: a write returns once the host has accepted the bytes, and the host writes them by itself. `flush`
//!   waits until they are in the pipe.
//! - [`ExitStatus`]: a [`Signal`] is a name and not a number, and there is no `from_raw`. Each status says who ended the
//!   process.
//! - An [`std::io::Error`] has the kind that std's would have, but no `raw_os_error`; [`Error::of`] gets at the cause.
//! - `exit`, `abort`, `id` and `ExitCode` are std's own, and stay. What WASI 0.2 passes on of an exit code is whether it is 0.
//! - A guest of WASI 0.2 has no threads: where a native program feeds a process from a thread of its own,
//!   [`Child::communicate`] does.
//!
//! Beyond std there are [`Child::communicate`], [`Child::wait_timeout`], [`Child::send_signal`], [`Child::terminate`],
//! [`Child::stop`] and [`Child::usage`]; [`Command::timeout`], [`Command::output_limit`], [`Command::stderr_to_stdout`] and
//! [`Command::spawn_hosted`].
//!
//! All of this blocks. [`asynchronous`] has the same for `async` guests, shaped like `tokio::process`.
//!
//! # Where it runs
//!
//! In a component built for `wasm32-wasip2`, on a host that links `childproof:process@0.2`. The crate compiles for other
//! targets, so that code using it can be checked and tested there, but what would reach the host panics: to spawn a process,
//! and to open a file.

#![deny(missing_docs, unsafe_code)]

pub mod asynchronous;
mod bindings;
mod child;
mod choice;
mod clock;
mod command;
mod communicate;
mod error;
mod file;
mod hosted;
mod open;
mod path;
mod request;
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

/// Panics outside of a component, where the generated code would abort the whole program without a word of why.
#[track_caller]
fn assert_in_component() {
    if !cfg!(target_family = "wasm") {
        panic!(
            "there is no host to start processes here: build for wasm32-wasip2, and run it where childproof:process is linked"
        );
    }
}

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
