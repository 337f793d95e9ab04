//! Processes of WASI 0.3.

mod bindings;
mod child;
mod command;
pub use command::Command;
mod communicate;
#[doc(hidden)]
pub mod main;
mod stream;

pub use child::Child;
#[doc(hidden)]
pub use main::{exported, report};
pub use stream::{ChildStderr, ChildStdin, ChildStdout};
