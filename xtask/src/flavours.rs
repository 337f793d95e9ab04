//! The two flavours of `childproof:process` agree: what one declares and says of it, the other does, too, unless
//! `wit/differences.toml` has a reason.
//!
//! An entry of that list names an item and what of it differs, and it holds what either flavour has there and the other has
//! not: the declaration, or the sentences of the documentation. So it excuses these words and no others: the name alone
//! would excuse whatever is changed there later. A sentence added to one flavour needs an entry, or a change of one, and a
//! sentence added to both needs none. An entry for what does not differ is an error. Where an item is in one flavour alone,
//! nothing is asked of its documentation and its members: there is nothing that they could agree with.
//!
//! Types of WASI are compared by their names, the version left out. Lines and paragraphs of the documentation are not
//! compared, only what they say.

mod items;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use similar::{Algorithm, DiffTag, capture_diff_slices};

use items::Item;

use crate::wit::diff;

/// What of an item differs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Aspect {
    /// How it is declared; or it is in one flavour alone.
    Signature,
    /// What its documentation says.
    Docs,
    /// In which order its members are declared, those of one flavour alone left out.
    Order,
}

impl fmt::Display for Aspect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Signature => "signature",
            Self::Docs => "docs",
            Self::Order => "order",
        })
    }
}

/// What either flavour has that the other has not.
#[derive(Debug, PartialEq)]
struct Texts {
    old: Vec<String>,
    new: Vec<String>,
}

impl Texts {
    fn lines(&self) -> String {
        let line = |flavour, text| format!("{flavour}: {text}\n");
        let old = self.old.iter().map(|text| line("0.2", text));
        old.chain(self.new.iter().map(|text| line("0.3", text))).collect()
    }
}

/// By the name of the item and what of it differs.
type Differences = BTreeMap<(String, Aspect), Texts>;

/// `wit/differences.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reasons {
    #[serde(default)]
    difference: Vec<Reason>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    item: String,
    differs: Aspect,
    reason: String,
    #[serde(rename = "0.2", default)]
    old: Vec<String>,
    #[serde(rename = "0.3", default)]
    new: Vec<String>,
}

/// Fails if the flavours differ in what `wit/differences.toml` does not list, and if it lists what does not differ.
///
/// # Errors
///
/// When they do, or something cannot be read or parsed. The message shows what differs.
pub fn check() -> Result<()> {
    let wit = crate::root().join("wit");
    let list = wit.join("differences.toml");
    let text = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let report = disagreement(&wit.join("0.2"), &wit.join("0.3"), &text)?;
    if !report.is_empty() {
        bail!("wit/0.2, wit/0.3 and the reasons in wit/differences.toml do not agree\n\n{report}");
    }
    println!("wit/0.2 and wit/0.3 differ in what wit/differences.toml lists, and in nothing else");
    Ok(())
}

/// What is wrong between the packages in `old` and `new` and the text of a list of reasons, for a person to read; empty if
/// nothing is.
///
/// # Errors
///
/// When a package or the list cannot be read or parsed.
pub fn disagreement(old: &Path, new: &Path, list: &str) -> Result<String> {
    let mut found = Differences::new();
    compare(&items::read(old)?, &items::read(new)?, &mut found);
    let reasons: Reasons = toml::from_str(list).context("the list of reasons cannot be read")?;

    let mut report = String::new();
    let mut listed = BTreeSet::new();
    for Reason {
        item,
        differs,
        reason,
        old,
        new,
    } in reasons.difference
    {
        if reason.trim().is_empty() {
            writeln!(report, "{item}, {differs}: the reason is empty")?;
        }
        let wanted = Texts { old, new };
        let key = (item, differs);
        let (item, differs) = &key;
        if listed.contains(&key) {
            writeln!(report, "{item}, {differs}: listed twice")?;
        } else if let Some(found) = found.get(&key) {
            if *found != wanted {
                writeln!(report, "{item}, {differs}: differs otherwise than listed")?;
                write!(report, "{}", diff("listed", &wanted.lines(), "found", &found.lines()))?;
            }
        } else {
            writeln!(report, "{item}, {differs}: listed, but does not differ")?;
        }
        listed.insert(key);
    }
    for ((item, differs), texts) in found.iter().filter(|(key, _)| !listed.contains(*key)) {
        writeln!(report, "{item}, {differs}: differs, and no reason is listed")?;
        let lines = |texts: &[String]| -> String { texts.iter().map(|text| format!("{text}\n")).collect() };
        write!(report, "{}", diff("0.2", &lines(&texts.old), "0.3", &lines(&texts.new)))?;
    }
    Ok(report)
}

/// Adds what differs between two items of one name, and between their members.
fn compare(old: &Item, new: &Item, found: &mut Differences) {
    let mut differ = |item: &Item, aspect, old, new| {
        found.insert((item.name.clone(), aspect), Texts { old, new });
    };
    if old.signature != new.signature {
        let (left, right) = (vec![old.signature.clone()], vec![new.signature.clone()]);
        differ(old, Aspect::Signature, left, right);
    }
    let (left, right) = only_in_one(&old.sentences, &new.sentences);
    if !(left.is_empty() && right.is_empty()) {
        differ(old, Aspect::Docs, left, right);
    }

    let member = |item: &Item, name: &str| item.members.iter().position(|member| member.name == name);
    let (mut pairs, mut positions) = (Vec::new(), Vec::new());
    for left in &old.members {
        match member(new, &left.name) {
            Some(position) => {
                pairs.push((left, &new.members[position]));
                positions.push(position);
            }
            None => differ(left, Aspect::Signature, vec![left.signature.clone()], Vec::new()),
        }
    }
    for right in new.members.iter().filter(|right| member(old, &right.name).is_none()) {
        differ(right, Aspect::Signature, Vec::new(), vec![right.signature.clone()]);
    }
    if !positions.is_sorted() {
        let left = pairs.iter().map(|(left, _)| left.name.clone()).collect();
        positions.sort_unstable();
        let right = positions
            .iter()
            .map(|position| new.members[*position].name.clone())
            .collect();
        differ(old, Aspect::Order, left, right);
    }
    for (left, right) in pairs {
        compare(left, right, found);
    }
}

/// The sentences that either has and the other has not, or has elsewhere.
fn only_in_one(old: &[String], new: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for change in capture_diff_slices(Algorithm::Myers, old, new) {
        if change.tag() != DiffTag::Equal {
            left.extend_from_slice(&old[change.old_range()]);
            right.extend_from_slice(&new[change.new_range()]);
        }
    }
    (left, right)
}

#[cfg(test)]
mod tests;
