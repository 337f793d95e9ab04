//! Why a request was refused, in words for the guest and for the operator.

use std::fmt;

use childproof_launch::Signal;

use super::StdStream;

/// How many characters of a guest's text a message repeats.
const READABLE: usize = 64;

/// A field of a request. `Display` gives the name under which the interface `childproof:process` reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// The name of the grant: `program`.
    Program,
    /// The program's own name: `argv0`.
    Argv0,
    /// One argument, counted from zero: `args[2]`.
    Arg(usize),
    /// The arguments as a whole, where none of them alone is wrong: `args`.
    Args,
    /// An environment variable: `env LANG`.
    Env(String),
    /// The working directory: `cwd`.
    Cwd,
    /// A standard stream: `stdin`, `stdout` or `stderr`.
    Stdio(StdStream),
    /// A signal: `signal`.
    Signal(Signal),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Program => f.write_str("program"),
            Field::Argv0 => f.write_str("argv0"),
            Field::Arg(index) => write!(f, "args[{index}]"),
            Field::Args => f.write_str("args"),
            Field::Env(key) => write!(f, "env {}", bare(key)),
            Field::Cwd => f.write_str("cwd"),
            Field::Stdio(stream) => write!(f, "{stream}"),
            Field::Signal(_) => f.write_str("signal"),
        }
    }
}

/// What kind of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The policy has no grant of that name.
    UnknownGrant,
    /// The policy does not allow it.
    NotAllowed,
    /// No process can be given it, whatever the policy says: a NUL, an `=` in a key, an empty key.
    Invalid,
    /// It is longer than what a process can be given: 128 KiB in one argument or variable, its NUL counted, and 6 MiB in all
    /// arguments.
    TooLong,
}

/// A request that was refused: which field, by which rule, and what would allow it.
///
/// `Display` is `field: message`, which is safe to show to a guest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
#[non_exhaustive]
pub struct Refusal {
    /// What kind of refusal it is.
    pub kind: RefusalKind,
    /// The field that is refused.
    pub field: Field,
    /// The rule that refused it: a place in the policy, such as `grants.git.forms`, or a rule that always holds, such as
    /// `default environment rule`.
    pub rule: String,
    /// What is wrong, for the guest and its author. It holds no path of the host. What it repeats of the request is cut
    /// to a readable length, with control characters escaped.
    pub message: String,
    /// What would allow it, for the operator: it may tell what the policy says.
    pub remedy: Option<String>,
}

impl Refusal {
    pub(super) fn not_allowed(field: Field, rule: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal {
            kind: RefusalKind::NotAllowed,
            field,
            rule: rule.into(),
            message: message.into(),
            remedy: None,
        }
    }

    pub(super) fn invalid(field: Field, message: impl Into<String>) -> Refusal {
        let rule = "what a process can be given".to_owned();
        Refusal {
            kind: RefusalKind::Invalid,
            field,
            rule,
            message: message.into(),
            remedy: None,
        }
    }

    pub(super) fn too_long(field: Field, bytes: usize, most: usize) -> Refusal {
        Refusal {
            kind: RefusalKind::TooLong,
            message: format!("it has {bytes} bytes, and a process can be given {most} at most"),
            ..Refusal::invalid(field, "")
        }
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Refusal {
        self.remedy = Some(remedy.into());
        self
    }
}

/// `text` in quotes, cut to a readable length, with control characters escaped.
pub(super) fn quote(text: &str) -> String {
    match cut(text) {
        Some(start) => format!("\"{}…\" ({} bytes)", start.escape_debug(), text.len()),
        None => format!("{text:?}"),
    }
}

/// The same without quotes.
pub(super) fn bare(text: &str) -> String {
    match cut(text) {
        Some(start) => format!("{}…", start.escape_debug()),
        None => text.escape_debug().to_string(),
    }
}

fn cut(text: &str) -> Option<&str> {
    text.char_indices().nth(READABLE).and_then(|(end, _)| text.get(..end))
}

/// The nearest of `names` to `name`, if one is near enough to be meant.
pub(super) fn near_miss<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if name.len() > 4 * READABLE {
        return None;
    }
    names
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .map(|(_, candidate)| candidate)
}
