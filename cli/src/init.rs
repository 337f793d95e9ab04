//! `childproof init`: a policy to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::args::InitArgs;
use crate::report;

/// Some of its policy is switched off with a "#"; a test switches it on.
const STARTER: &str = include_str!("starter.toml");

pub(crate) fn init(args: &InitArgs) -> Result<ExitCode> {
    if args.file == Path::new("-") {
        return report::print(STARTER.as_bytes());
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
    report::print(format!("wrote {shown}; ask it with: childproof explain --policy {shown} -- echo hello\n").as_bytes())
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
        let is_switched_off = |line: &str| {
            let policy = line.strip_prefix('#').filter(|rest| !rest.is_empty());
            policy.is_some_and(|rest| !rest.starts_with(' ') || rest.starts_with("  [") || rest.starts_with("  {"))
        };
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
