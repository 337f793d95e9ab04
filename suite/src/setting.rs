//! The files and the policy of a case, made on this machine.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use toml::{Table, Value};

use crate::case::Case;
use crate::manifest::{Entry, Manifest, Tier};
use crate::placeholder::{self, Piece, Placeholder};
use crate::tools;

/// Why a case cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// The machine has no such program. Whether that is an error is for the caller to say.
    #[error("there is no {0} in PATH")]
    MissingTool(String),
    /// The manifest asks for what makes no sense.
    #[error("{0}")]
    Nonsense(String),
    /// The system refuses.
    #[error("cannot prepare {0}: {1}")]
    System(PathBuf, io::Error),
}

/// What a case needs, in a directory of its own that goes when this is dropped.
#[derive(Debug)]
pub struct Setting {
    directory: TempDir,
    policy: String,
    args: Vec<String>,
    starter: Vec<String>,
    /// Open for as long as the case runs, so that they stay busy.
    busy: Vec<File>,
}

type Made<T> = Result<T, SettingError>;

impl Setting {
    /// Makes what `case` of `manifest` needs.
    ///
    /// # Ambient authority
    ///
    /// It makes a directory where the system keeps temporary files, looks for programs in `PATH`, and asks Python, where the
    /// case needs that, for its library.
    ///
    /// # Errors
    ///
    /// When the machine lacks a program, when the policy of the manifest is none, and when the system refuses.
    pub fn new(manifest: &Manifest, case: &Case<'_>) -> Made<Self> {
        let directory = TempDir::new().map_err(|error| SettingError::System(std::env::temp_dir(), error))?;
        let mut setting = Self {
            directory,
            policy: String::new(),
            args: Vec::new(),
            starter: Vec::new(),
            busy: Vec::new(),
        };
        let given = case.given;
        setting.args = setting.fill_all(case.args)?;
        setting.starter = setting.fill_all(&given.starter)?;
        // What is a path may be a program of the case itself.
        let starter = setting.starter.first().filter(|program| !program.contains('/'));
        for tool in given.tools.iter().chain(starter) {
            find(tool)?;
        }
        for (parent, entries) in [(setting.data(), &given.data), (setting.programs(), &given.programs)] {
            system(&parent, fs::create_dir(&parent))?;
            for (name, entry) in entries {
                setting.make(&parent.join(name), entry)?;
            }
        }
        setting.policy = setting.policy(manifest, case)?;
        let write = |path: PathBuf, text: &str| system(&path, fs::write(&path, text));
        write(setting.policy_file(), &setting.policy)?;
        write(setting.stdin(), &given.stdin)?;
        Ok(setting)
    }

    /// The directory that the guest knows as `/data`.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The directory of the case's own programs.
    pub fn programs(&self) -> PathBuf {
        self.directory.path().join("programs")
    }

    /// The file with what is to be read from the standard input.
    pub fn stdin(&self) -> PathBuf {
        self.directory.path().join("stdin")
    }

    /// The file with the [policy](Self::policy_text).
    pub fn policy_file(&self) -> PathBuf {
        self.directory.path().join("policy.toml")
    }

    /// Where something more can be put that goes with the case: a directory that neither guest nor processes see.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The policy, with its tier, and the absolute paths of the programs.
    pub fn policy_text(&self) -> &str {
        &self.policy
    }

    /// The arguments of the guest.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// The command that is to become the host; empty if the host is to be started as it is.
    pub fn starter(&self) -> &[String] {
        &self.starter
    }

    fn make(&mut self, path: &Path, entry: &Entry) -> Made<()> {
        let executable = |contents: &[u8]| {
            fs::write(path, contents)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        };
        let made = match entry {
            Entry::Text(text) => fs::write(path, text),
            Entry::Executable(text) => executable(text.as_bytes()),
            Entry::Link(target) => symlink(target, path),
            Entry::Busy(program) => {
                let program = find(program)?;
                let copied = fs::read(program).and_then(|contents| executable(&contents));
                let opened = copied.and_then(|()| OpenOptions::new().write(true).open(path));
                opened.map(|file| self.busy.push(file))
            }
        };
        system(path, made)
    }

    fn policy(&self, manifest: &Manifest, case: &Case<'_>) -> Made<String> {
        let mut policy = manifest.policy.clone();
        for (section, more) in &case.given.policy {
            match (policy.get_mut(section), more) {
                // A grant, or a limit, of the guest takes the place of one of the same name.
                (Some(Value::Table(table)), Value::Table(more)) => table.extend(more.clone()),
                _ => {
                    policy.insert(section.clone(), more.clone());
                }
            }
        }
        let mut policy = self.fill_table(&policy)?;
        let tier = Value::String(case.tier.name().to_owned());
        let confine = policy.entry("confine").or_insert_with(|| Table::new().into());
        table(confine, "confine")?.insert("tier".to_owned(), tier);
        if let Some(grants) = policy.get_mut("grants") {
            for (name, grant) in table(grants, "grants")?.iter_mut() {
                locate(table(grant, name)?, case.tier)?;
            }
        }
        toml::to_string(&policy)
            .map_err(|error| SettingError::Nonsense(format!("its policy cannot be written: {error}")))
    }

    fn fill_table(&self, table: &Table) -> Made<Table> {
        let filled = table
            .iter()
            .map(|(key, value)| Ok((key.clone(), self.fill_value(value)?)));
        filled.collect()
    }

    fn fill_value(&self, value: &Value) -> Made<Value> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(values) => {
                Value::Array(values.iter().map(|value| self.fill_value(value)).collect::<Made<_>>()?)
            }
            Value::Table(table) => Value::Table(self.fill_table(table)?),
            other => other.clone(),
        })
    }

    fn fill_all(&self, texts: &[String]) -> Made<Vec<String>> {
        texts.iter().map(|text| self.fill(text)).collect()
    }

    /// The text with its placeholders filled in.
    fn fill(&self, text: &str) -> Made<String> {
        let utf8 = |path: PathBuf| {
            let path = path.into_os_string().into_string();
            path.map_err(|path| SettingError::Nonsense(format!("{} is not UTF-8", path.display())))
        };
        let mut filled = String::new();
        for piece in placeholder::pieces(text).map_err(SettingError::Nonsense)? {
            match piece {
                Piece::Plain(plain) => filled.push_str(plain),
                Piece::Placeholder(Placeholder::Data) => filled.push_str(&utf8(self.data())?),
                Piece::Placeholder(Placeholder::Programs) => filled.push_str(&utf8(self.programs())?),
                Piece::Placeholder(Placeholder::Path) => {
                    filled.push_str(&utf8(std::env::var_os("PATH").unwrap_or_default().into())?);
                }
            }
        }
        Ok(filled)
    }
}

/// Puts the path of the program into a grant that has its name, and what else it needs to read.
fn locate(grant: &mut Table, tier: Tier) -> Made<()> {
    let Some(Value::String(name)) = grant.get("program") else {
        return Ok(());
    };
    if name.contains('/') {
        return Ok(());
    }
    let utf8 = |path: &Path| Value::String(path.to_string_lossy().into_owned());
    // Without a confinement it sees all there is, and to say more would be refused.
    let belongings = match tier {
        Tier::None => &[],
        Tier::Full | Tier::Reduced => tools::belongings(name),
    };
    let program = find(name)?;
    if !belongings.is_empty() {
        let read = grant.entry("read").or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(read) = read {
            read.extend(belongings.iter().map(|path| utf8(path)));
        }
    }
    grant.insert("program".to_owned(), utf8(&program));
    Ok(())
}

fn find(tool: &str) -> Made<PathBuf> {
    tools::find(tool).ok_or_else(|| SettingError::MissingTool(tool.to_owned()))
}

fn table<'v>(value: &'v mut Value, name: &str) -> Made<&'v mut Table> {
    match value {
        Value::Table(table) => Ok(table),
        _ => Err(SettingError::Nonsense(format!("{name} of its policy is no table"))),
    }
}

fn system<T>(path: &Path, result: io::Result<T>) -> Made<T> {
    result.map_err(|error| SettingError::System(path.to_owned(), error))
}
