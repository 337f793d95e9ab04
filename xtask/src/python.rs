//! Components made of programs in Python: `componentize-py`, in a virtual environment of its own.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::{root, target};

/// A component to be: a module and the directories that it and what it imports are in. The component sees them as `/0`,
/// `/1` and so on while it is built.
#[derive(Debug)]
pub struct Component<'a> {
    /// The name of the module that is the program.
    pub module: &'a str,
    /// The directories that Python searches, the first of them first.
    pub path: &'a [PathBuf],
}

impl Component<'_> {
    /// Builds the component as `file`, unless it was built of the same before.
    ///
    /// # Errors
    ///
    /// When something cannot be read, and when componentize-py cannot be had or fails, which it explains on standard error.
    pub fn build(&self, file: &Path) -> Result<()> {
        let inputs = self.inputs()?;
        let made_of = file.with_extension("inputs");
        if file.is_file() && fs::read_to_string(&made_of).is_ok_and(|before| before == inputs) {
            return Ok(());
        }
        let environment = environment()?;
        let mut command = Command::new(environment.join("bin/componentize-py"));
        command
            .args(["--quiet", "componentize", self.module, "--output"])
            .arg(file);
        for directory in self.path {
            command.arg("--python-path").arg(directory);
        }
        eprintln!("componentize-py: building {}", file.display());
        // What is installed for the caller is no part of the component.
        command
            .env("VIRTUAL_ENV", &environment)
            .env_remove("PYTHONPATH")
            .stdin(Stdio::null());
        remove(&made_of)?;
        run(&mut command)?;
        write(&made_of, &inputs)
    }

    /// What tells this component from others: the sum of all that it is made of.
    fn inputs(&self) -> Result<String> {
        let mut sum = Sha256::new();
        sum.update(requirements()?);
        sum.update(self.module);
        for directory in self.path {
            sum.update([0]);
            for file in files(directory)? {
                let contents = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                let name = file.strip_prefix(directory).unwrap_or(&file);
                sum.update(name.as_os_str().as_encoded_bytes());
                sum.update([0]);
                sum.update(Sha256::digest(contents));
            }
        }
        Ok(hex(&sum.finalize()))
    }
}

/// The virtual environment with componentize-py. It is made when it is not there, or was made with another version.
fn environment() -> Result<PathBuf> {
    let directory = target()?.join("python");
    let requirements = requirements()?;
    let installed = directory.join("installed");
    if fs::read_to_string(&installed).is_ok_and(|before| before == requirements) {
        return Ok(directory);
    }
    eprintln!("python3: installing componentize-py in {}", directory.display());
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", directory.display()));
        }
        _ => {}
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
    let pip = [
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--requirement",
    ];
    run(Command::new(directory.join("bin/pip"))
        .args(pip)
        .arg(root().join(REQUIREMENTS)))?;
    write(&installed, &requirements)?;
    Ok(directory)
}

const REQUIREMENTS: &str = "xtask/componentize-py.txt";

fn requirements() -> Result<String> {
    fs::read_to_string(root().join(REQUIREMENTS)).with_context(|| format!("cannot read {REQUIREMENTS}"))
}

/// All files below a directory, sorted, but what Python puts there itself.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut rest = vec![directory.to_owned()];
    while let Some(directory) = rest.pop() {
        let listed = || format!("cannot list {}", directory.display());
        for entry in fs::read_dir(&directory).with_context(listed)? {
            let path = entry.with_context(listed)?.path();
            if !path.is_dir() {
                found.push(path);
            } else if !path.ends_with("__pycache__") {
                rest.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Runs a program that explains a failure itself.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) => ensure!(status.success(), "{program} failed ({status}): see above"),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("{program} is not installed"),
        Err(error) => return Err(error).with_context(|| format!("cannot run {program}")),
    }
    Ok(())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn write(file: &Path, contents: &str) -> Result<()> {
    fs::write(file, contents).with_context(|| format!("cannot write {}", file.display()))
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}
