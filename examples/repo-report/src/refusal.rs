//! Something that the policy does not allow.

use anyhow::{Result, bail};
use childproof::{Command, Error};

/// What was asked for, and the answer.
pub(crate) struct Refusal {
    /// The command line.
    pub asked: String,
    /// The field of the request that was refused.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// Asks for `git push` and answers how that was refused.
///
/// It is a dry run, so that nothing is pushed under a policy that allows it, either. Being allowed is an error: the policy is
/// not the one of this example.
pub(crate) fn provoke() -> Result<Refusal> {
    let args = ["push", "--dry-run"];
    let asked = format!("git {}", args.join(" "));
    match Command::new("git").args(args).spawn() {
        Ok(mut child) => {
            child.kill()?;
            bail!("the policy allows `{asked}`: it is not the one of this example")
        }
        Err(error) => match Error::of(&error) {
            Some(Error::Refused(problem)) => Ok(Refusal {
                asked,
                field: problem.field.clone(),
                message: problem.message.clone(),
            }),
            _ => Err(error.into()),
        },
    }
}
