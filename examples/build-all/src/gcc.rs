//! The command lines of gcc. Each has its form in `policy.toml`.

use anyhow::{Context, Result, ensure};
use childproof::asynchronous::{Child, Command, Stdio};

use crate::progress::Progress;
use crate::project::{BUILD, Project, make_parent};

/// What is linked, in the project's directory.
pub(crate) const PROGRAM: &str = "build/program";

/// Starts to compile a file. Answers gcc, and where the object will be.
pub(crate) fn compile(project: &Project, source: &str) -> Result<(Child, String)> {
    let object = format!("{BUILD}/{}.o", source.strip_suffix(".c").unwrap_or(source));
    make_parent(&project.directory.join(&object))?;
    let child = command(
        project,
        &["-std=c11", "-O2", "-Wall", "-Wextra", "-I", "include", "-c", "-o"],
    )
    .args([&object, source])
    .spawn()
    .with_context(|| format!("cannot start gcc for {source}"))?;
    Ok((child, object))
}

/// Links the program.
pub(crate) async fn link(project: &Project, objects: &[String], progress: &mut Progress) -> Result<()> {
    let output = command(project, &["-o", PROGRAM])
        .args(objects)
        .output()
        .await
        .context("cannot link with gcc")?;
    progress.diagnostics(&output.stderr)?;
    ensure!(output.status.success(), "gcc cannot link {PROGRAM} ({})", output.status);
    Ok(())
}

/// A gcc whose warnings and errors are kept, so that those of two files do not mix.
fn command(project: &Project, arguments: &[&str]) -> Command {
    let mut gcc = Command::new("gcc");
    gcc.args(arguments)
        .current_dir(&project.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    gcc
}
