//! `childproof init`: a policy to start from.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::args::InitArgs;

/// Lines that begin with "#" and no space are policy that is switched off; a test switches them on.
const STARTER: &str = include_str!("starter.toml");

pub(crate) fn init(args: &InitArgs) -> Result<ExitCode> {
    if args.file == Path::new("-") {
        return print(STARTER.as_bytes());
    }
    let shown = args.file.display();
    let mut file = match OpenOptions::new().write(true).create_new(true).open(&args.file) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{shown} is there already and is left as it is; name another file, or \"-\" to print the policy")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot write {shown}")),
    };
    file.write_all(STARTER.as_bytes())
        .with_context(|| format!("cannot write {shown}"))?;
    println!("wrote {shown}; ask it with: childproof explain --policy {shown} -- echo hello");
    Ok(ExitCode::SUCCESS)
}

/// Prints to stdout. That the reader wants no more of it is no error.
pub(crate) fn print(text: &[u8]) -> Result<ExitCode> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to stdout"),
        _ => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::STARTER;
    use childproof_host::policy::Policy;

    #[test]
    fn the_starter_is_a_policy() {
        let policy = Policy::from_toml(STARTER).unwrap();
        assert!(policy.grants.contains_key("echo"));
    }

    #[test]
    fn all_that_the_starter_shows_is_a_policy() {
        let is_switched_off = |line: &str| line.starts_with('#') && !line.starts_with("# ") && line != "#";
        let all: Vec<&str> = STARTER
            .lines()
            .map(|line| if is_switched_off(line) { &line[1..] } else { line })
            .collect();
        assert!(
            STARTER.lines().any(is_switched_off),
            "nothing is switched off in the starter"
        );
        let policy = Policy::from_toml(&all.join("\n")).unwrap();
        assert!(policy.grants.contains_key("git"));
    }
}
