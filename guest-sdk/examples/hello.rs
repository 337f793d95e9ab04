//! Runs the granted program `cat` on a line of text and shows what came back.
//!
//! Build it with `cargo build -p childproof --example hello --target wasm32-wasip2`.

use childproof::{Command, Error, Stdio};

fn main() -> std::io::Result<()> {
    let mut command = Command::new("cat");
    let mut child = match command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        Err(error) if matches!(Error::of(&error), Some(Error::UnknownGrant(_))) => {
            eprintln!("{error}: the policy has to grant it");
            return Err(error);
        }
        started => started?,
    };
    let answer = child.communicate("Hello from a sandbox.\n")?;
    print!("{}", String::from_utf8_lossy(&answer.stdout.unwrap_or_default()));
    println!("cat ended with {}", answer.status);
    Ok(())
}
