//! Components made of programs in Python, and the types of those programs: `componentize-py` and `mypy`, each in a virtual
//! environment of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::files::{lock, remove_directory};
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
        let _lock = lock(&file.with_extension("lock"))?;
        let inputs = self.inputs()?;
        let made_of = file.with_extension("inputs");
        if file.is_file() && fs::read_to_string(&made_of).is_ok_and(|before| before == inputs) {
            return Ok(());
        }
        let environment = COMPONENTIZE_PY.have()?;
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
        sum.update(COMPONENTIZE_PY.requirements()?);
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

/// Where there is Python code: programs, each with the modules beside it, and the SDK.
const CODE: [&str; 3] = ["guest-sdk/python", "examples/agent", "tests/cpython"];

/// Checks the types of all Python code here, as strictly as mypy can.
///
/// # Errors
///
/// When a type is wrong, which mypy explains on standard output, and when the tools cannot be had.
pub fn check_types() -> Result<()> {
    let bindings = tempfile::tempdir().context("cannot make a directory for bindings")?;
    write_bindings(bindings.path())?;
    let search_path = std::env::join_paths([bindings.path(), &root().join("guest-sdk/python")])?;
    for directory in CODE {
        let mut mypy = Command::new(MYPY.have()?.join("bin/mypy"));
        mypy.args(["--strict", "--python-version", "3.14", "--cache-dir"])
            .arg(target()?.join("mypy-cache"))
            .current_dir(root())
            .env("MYPYPATH", &search_path)
            .stdin(Stdio::null());
        let files = files(&root().join(directory))?;
        mypy.args(files.iter().filter(|file| file.extension() == Some("py".as_ref())));
        println!("the types of {directory}");
        run(&mut mypy)?;
    }
    Ok(())
}

/// Writes the bindings that the SDK imports, as a type checker reads them.
fn write_bindings(into: &Path) -> Result<()> {
    let package = root().join("guest-sdk/python/childproof");
    let settings = fs::read_to_string(package.join("componentize-py.toml")).context("componentize-py.toml")?;
    let settings: Settings = toml::from_str(&settings).context("componentize-py.toml")?;
    let mut command = Command::new(COMPONENTIZE_PY.have()?.join("bin/componentize-py"));
    command
        .args(["--quiet", "--world", "childproof:python/command", "--wit-path"])
        .arg(package.join(settings.wit_directory))
        .stdin(Stdio::null());
    for (interface, module) in &settings.import_interface_names {
        command
            .arg("--import-interface-name")
            .arg(format!("{interface}={module}"));
    }
    run(command.arg("bindings").arg(into))
}

/// The part of the SDK's `componentize-py.toml` that its command line has to be told when it writes bindings.
#[derive(Deserialize)]
struct Settings {
    wit_directory: PathBuf,
    import_interface_names: BTreeMap<String, String>,
}

/// A virtual environment.
struct Environment {
    /// Its directory, below that for what is built and downloaded.
    name: &'static str,
    /// What pip installs in it.
    requirements: &'static str,
}

const COMPONENTIZE_PY: Environment = Environment {
    name: "python",
    requirements: "xtask/componentize-py.txt",
};

const MYPY: Environment = Environment {
    name: "mypy",
    requirements: "xtask/mypy.txt",
};

impl Environment {
    fn requirements(&self) -> Result<String> {
        fs::read_to_string(root().join(self.requirements)).with_context(|| format!("cannot read {}", self.requirements))
    }

    /// Makes it, unless it is there and was made of the same, and answers where it is.
    fn have(&self) -> Result<PathBuf> {
        let directory = target()?.join(self.name);
        let requirements = self.requirements()?;
        let installed = directory.join("installed");
        let _lock = lock(&directory.with_extension("lock"))?;
        if fs::read_to_string(&installed).is_ok_and(|before| before == requirements) {
            return Ok(directory);
        }
        eprintln!("python3: installing {} in {}", self.requirements, directory.display());
        remove_directory(&directory)?;
        run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
        let pip = [
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary=:all:",
            "--requirement",
        ];
        // Where the file has sums, pip demands that all agree.
        run(Command::new(directory.join("bin/pip"))
            .args(pip)
            .arg(root().join(self.requirements)))?;
        write(&installed, &requirements)?;
        Ok(directory)
    }
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
