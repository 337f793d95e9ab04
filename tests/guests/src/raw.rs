//! The interface itself, for what the SDK keeps its users from doing.

/// Generated from `wit/0.2`.
#[allow(missing_docs, unsafe_code, unreachable_pub, dead_code)]
mod generated {
    wit_bindgen::generate!({
        inline: r#"
            package childproof:test-guests;

            world guest {
                include childproof:process/imports@0.2.0;
                import wasi:filesystem/preopens@0.2.12;
            }
        "#,
        path: "../../wit/0.2",
        world: "childproof:test-guests/guest",
        generate_all,
    });
}

pub use generated::childproof::process::types::*;
pub use generated::wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
pub use generated::wasi::filesystem::preopens;
pub use generated::wasi::io::poll::{Pollable, poll};
pub use generated::wasi::io::streams::{InputStream, OutputStream, StreamError};

/// The shell, running `script`. Its streams are nothing until something else is said.
pub fn sh(script: &str) -> Command {
    let command = Command::new("sh");
    command.args(&["-c".to_owned(), script.to_owned()]);
    command
}

/// Options of `communicate` that leave everything to the policy.
pub const DEFAULTS: CommunicateOptions = CommunicateOptions { timeout: None, output_limit: None, drain: None };
