//! The placeholders in the texts of a manifest: `${data}`, `${programs}` and `${path}`.

use toml::{Table, Value};

/// What stands for something of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placeholder {
    /// The host's path of the guest's directory.
    Data,
    /// The host's path of the directory of its own programs.
    Programs,
    /// The `PATH` of who runs the suite.
    Path,
}

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// What stands there as it is.
    Plain(&'t str),
    /// What is to be filled in.
    Placeholder(Placeholder),
}

/// The pieces of a text, in their order; or what is wrong with it.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| format!("{text:?} has a placeholder without an end"))?;
        let placeholder = match name {
            "data" => Placeholder::Data,
            "programs" => Placeholder::Programs,
            "path" => Placeholder::Path,
            _ => return Err(format!("{text:?} has an unknown placeholder, ${{{name}}}")),
        };
        pieces.extend([Piece::Plain(before), Piece::Placeholder(placeholder)]);
        rest = after;
    }
    pieces.push(Piece::Plain(rest));
    Ok(pieces)
}

/// What is wrong with the first of these texts that has a placeholder that means nothing.
pub(crate) fn problem<'t>(texts: impl IntoIterator<Item = &'t String>) -> Option<String> {
    texts.into_iter().find_map(|text| pieces(text).err())
}

/// The same of all texts of a policy.
pub(crate) fn problem_of_policy(policy: &Table) -> Option<String> {
    policy.values().find_map(problem_of_value)
}

fn problem_of_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => pieces(text).err(),
        Value::Array(values) => values.iter().find_map(problem_of_value),
        Value::Table(table) => problem_of_policy(table),
        _ => None,
    }
}
