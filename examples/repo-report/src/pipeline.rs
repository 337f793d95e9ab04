//! Programs joined by pipes: `a | b | c`.

use anyhow::{Context, Result, bail};
use childproof::{Child, Command, Stdio};

/// One program of a pipeline.
pub(crate) struct Stage {
    program: &'static str,
    args: &'static [&'static str],
    /// An exit code beside 0 that is no failure.
    accepted: Option<i32>,
}

/// A program that fails unless it exits with 0.
pub(crate) const fn stage(program: &'static str, args: &'static [&'static str]) -> Stage {
    Stage {
        program,
        args,
        accepted: None,
    }
}

impl Stage {
    /// The same, but for one more exit code.
    pub(crate) const fn or_exit(mut self, code: i32) -> Stage {
        self.accepted = Some(code);
        self
    }

    fn start(&self, stdin: Stdio) -> Result<Child> {
        Command::new(self.program)
            .args(self.args)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot run {self}"))
    }

    fn judge(&self, status: childproof::ExitStatus) -> Result<()> {
        if status.success() || (status.code().is_some() && status.code() == self.accepted) {
            return Ok(());
        }
        bail!("{self} ended with {status}")
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{} {}`", self.program, self.args.join(" "))
    }
}

/// Runs the stages at the same time, each reading what the one before it writes, and answers what the last one wrote.
pub(crate) fn run(stages: &[Stage]) -> Result<Vec<u8>> {
    let mut running: Vec<(&Stage, Child)> = Vec::new();
    for stage in stages {
        let stdin = match running.last_mut().and_then(|(_, before)| before.stdout.take()) {
            Some(stdout) => Stdio::from(stdout),
            None => Stdio::null(),
        };
        running.push((stage, stage.start(stdin)?));
    }
    let Some((last, child)) = running.pop() else {
        bail!("a pipeline of no programs")
    };
    let output = child
        .wait_with_output()
        .with_context(|| format!("cannot read what {last} writes"))?;
    for (stage, mut child) in running {
        stage.judge(child.wait().with_context(|| format!("cannot wait for {stage}"))?)?;
    }
    last.judge(output.status)?;
    Ok(output.stdout)
}
