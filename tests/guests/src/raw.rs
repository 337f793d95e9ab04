//! The interface itself, for what the SDK keeps its users from doing.
//!
//! The types are those that are generated from the WIT of the flavour that the guests are built for. What waits, and what a
//! guest does with the streams of a process, differs between the two; here both have the same names for it.

#[cfg(feature = "p2")]
mod p2;
#[cfg(feature = "p3")]
mod p3;

#[cfg(feature = "p2")]
pub use p2::*;
#[cfg(feature = "p3")]
pub use p3::*;

/// The shell, running `script`. Its streams are nothing until something else is said.
pub fn sh(script: &str) -> Command {
    let command = Command::new("sh");
    command.args(&["-c".to_owned(), script.to_owned()]);
    command
}

/// Options of `communicate` that leave everything to the policy.
pub const DEFAULTS: CommunicateOptions = CommunicateOptions {
    timeout: None,
    output_limit: None,
    drain: None,
};
