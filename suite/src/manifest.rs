//! What a manifest may say.
//!
//! A manifest is TOML. The comments of the project's own, `tests/suite.toml`, say what its keys mean to who writes one; the
//! documentation of the types here says it to who reads one.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use toml::{Spanned, Table};

use crate::case::Expect;
use crate::placeholder;

/// The format of the manifests that this version reads.
pub const FORMAT: u32 = 1;

/// A text is no manifest: where, and why. `Display` is `line:column: message`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct ManifestError {
    line: usize,
    column: usize,
    message: String,
}

/// How much of a message is shown, in characters: it may repeat a text of the manifest.
const READABLE: usize = 400;

impl ManifestError {
    fn new(text: &str, place: Option<Range<usize>>, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(READABLE) {
            message.truncate(end);
            message.push('…');
        }
        let before = text.get(..place.unwrap_or_default().start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
            message,
        }
    }
}

/// A flavour of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Flavour {
    /// `childproof:process@0.2`, for guests of WASI 0.2.
    #[serde(rename = "0.2")]
    P2,
    /// `childproof:process@0.3`, for guests of WASI 0.3.
    #[serde(rename = "0.3")]
    P3,
}

impl Flavour {
    /// Both.
    pub const ALL: [Self; 2] = [Self::P2, Self::P3];

    /// The version of WASI and of the interface.
    pub fn version(self) -> &'static str {
        match self {
            Self::P2 => "0.2",
            Self::P3 => "0.3",
        }
    }

    /// The directory of its components, which is also the feature that the guests are built with.
    pub fn directory(self) -> &'static str {
        match self {
            Self::P2 => "p2",
            Self::P3 => "p3",
        }
    }
}

/// How the processes of a guest are confined, by the names of the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The default: a root, a network and a tree of processes of their own.
    #[default]
    Full,
    /// What holds without user namespaces.
    Reduced,
    /// Not at all.
    None,
}

impl Tier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Full, Self::Reduced, Self::None];

    /// The name in a policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Reduced => "reduced",
            Self::None => "none",
        }
    }
}

/// A manifest: all guests of the suite, and what each is given.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The version of the suite.
    pub suite: String,
    /// The packages of the interface that the guests import.
    pub packages: Vec<String>,
    /// The policy of every guest, to which that of the guest itself is added.
    pub policy: Table,
    /// The guests, by name.
    pub guests: BTreeMap<String, Guest>,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "format")]
    _format: u32,
    suite: String,
    packages: Vec<String>,
    policy: Spanned<Table>,
    guests: BTreeMap<Spanned<String>, Guest>,
}

/// A guest, what it is given, and what must come of it. In all texts `${data}` is the host's path of the guest's directory,
/// `${programs}` that of the directory of its own programs, and `${path}` the `PATH` of who runs the suite.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guest {
    /// The one flavour that can have it; without this, both do.
    pub only: Option<Only>,
    /// Why only the project's own host can be asked. Such a guest is in no archive, and what is said of it is for that host.
    pub host_only: Option<String>,
    /// What the project's own run asserts beside, which nobody can from outside of a host.
    pub beside: Option<String>,
    /// The tiers that it is about: it is run once in each of these, and in no other. Without this it is about none, and is run
    /// in the one that is asked for.
    pub tiers: Option<Vec<Tier>>,
    /// The tier that does not give what it takes, though it is about none: where that is asked for, it is run in the full one.
    pub not_in: Option<NotIn>,
    /// What is added to the policy of every guest: grants by their names, limits by theirs.
    pub policy: Table,
    /// The files of its directory before it runs.
    pub data: BTreeMap<String, Entry>,
    /// Whether the guest may only read in its directory.
    pub read_only: bool,
    /// The programs that only this guest starts. Those of a name without a slash are looked up.
    pub programs: BTreeMap<String, Entry>,
    /// What its programs start and not every system has.
    pub tools: Vec<String>,
    /// A command that becomes the host: the host's own command line follows it.
    pub starter: Vec<String>,
    /// Whether the host may run nothing else beside, because the guest measures the host as a process.
    pub alone: bool,
    /// What the guest, and what inherits its standard input, reads from there.
    pub stdin: String,
    /// What the guest and its processes together must write to the standard output; without this, anything.
    pub stdout: Option<String>,
    /// The same of the standard error.
    pub stderr: Option<String>,
    /// Its arguments, where it is run in one way.
    pub args: Vec<String>,
    /// How it must end, where it is run in one way.
    pub expect: Expect,
    /// The ways in which it is run, by their names, where there is more than one.
    pub runs: BTreeMap<String, Run>,
}

/// The one flavour of a guest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    /// Which.
    pub flavour: Flavour,
    /// Why it is not in the other.
    pub because: String,
}

/// A tier that a guest is not run in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotIn {
    /// Which.
    pub tier: Tier,
    /// What it does not give.
    pub because: String,
}

/// One way in which a guest is run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// Its arguments.
    pub args: Vec<String>,
    /// How it must end.
    pub expect: Expect,
}

/// A file that a guest finds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Entry {
    /// A file with this text, which nobody executes.
    Text(String),
    /// A file with this text, which can be executed.
    Executable(String),
    /// A symbolic link to there.
    Link(String),
    /// A copy of the program of this name, that somebody has open to write to it for as long as the guest runs.
    Busy(String),
}

impl Guest {
    /// The flavours that it is built for.
    pub fn flavours(&self) -> impl Iterator<Item = Flavour> {
        let only = self.only.as_ref().map(|only| only.flavour);
        Flavour::ALL
            .into_iter()
            .filter(move |flavour| only.is_none_or(|only| only == *flavour))
    }

    fn problem(&self) -> Option<String> {
        let named = |names: &BTreeMap<String, Entry>| names.keys().find(|name| !is_file_name(name)).cloned();
        if self.tiers.as_ref().is_some_and(Vec::is_empty) {
            return Some("`tiers` is empty, so it would not be run; leave it out if it is about none".to_owned());
        }
        let tiers = || self.tiers.iter().flatten();
        if let Some(tier) = tiers().find(|tier| tiers().filter(|other| other == tier).count() > 1) {
            return Some(format!("`tiers` has {tier} twice"));
        }
        if let Some(not_in) = &self.not_in
            && (self.tiers.is_some() || not_in.tier == Tier::Full)
        {
            return Some("`not_in` is for what has no `tiers`, and the full tier is for all".to_owned());
        }
        if !self.runs.is_empty() && (!self.args.is_empty() || self.expect != Expect::Success) {
            return Some(
                "it has `runs`, which have arguments and ends of their own; take `args` and `expect` away".to_owned(),
            );
        }
        if let Some(name) = self.runs.keys().find(|name| !is_name(name)) {
            return Some(format!(
                "the run {name:?} needs a name of lower-case letters, digits and _"
            ));
        }
        if let Some(name) = named(&self.data).or_else(|| named(&self.programs)) {
            return Some(format!("{name:?} is no name of a file"));
        }
        let runs = self.runs.values();
        let mut ends = [&self.expect].into_iter().chain(runs.clone().map(|run| &run.expect));
        if let Some(code) = ends.find_map(Expect::ambiguous) {
            return Some(format!(
                "it is to end with the exit code {code}, which says something else"
            ));
        }
        let args = self.args.iter().chain(runs.flat_map(|run| &run.args));
        placeholder::problem(args.chain(&self.starter)).or_else(|| placeholder::problem_of_policy(&self.policy))
    }
}

/// Whether it can name a guest or a run: it becomes part of paths.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its line and column: a text that is no TOML, a format that this version does not
    /// know, a key that nothing reads, a value that makes no sense. The policies are not looked into; they are for a host.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Head {
            format: Spanned<u32>,
        }
        let error = |error: toml::de::Error| ManifestError::new(text, error.span(), error.message());
        let Head { format } = toml::from_str(text).map_err(error)?;
        if *format.get_ref() != FORMAT {
            let advice = match *format.get_ref() > FORMAT {
                true => "use a newer one",
                false => "get a newer manifest",
            };
            let message = format!(
                "the manifest has the format {}, and this version of childproof reads the format {FORMAT}; {advice}",
                format.get_ref()
            );
            return Err(ManifestError::new(text, Some(format.span()), message));
        }
        let written: Written = toml::from_str(text).map_err(error)?;
        if let Some(problem) = placeholder::problem_of_policy(written.policy.get_ref()) {
            let message = format!("policy: {problem}");
            return Err(ManifestError::new(text, Some(written.policy.span()), message));
        }
        let mut guests = BTreeMap::new();
        for (name, guest) in written.guests {
            let problem = match is_name(name.get_ref()) {
                true => guest.problem(),
                false => Some("the name of a guest has lower-case letters, digits and _".to_owned()),
            };
            if let Some(problem) = problem {
                let message = format!("guests.{}: {problem}", name.get_ref());
                return Err(ManifestError::new(text, Some(name.span()), message));
            }
            guests.insert(name.into_inner(), guest);
        }
        Ok(Self {
            suite: written.suite,
            packages: written.packages,
            policy: written.policy.into_inner(),
            guests,
        })
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.version())
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
