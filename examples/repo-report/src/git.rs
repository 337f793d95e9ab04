//! What is asked of git, and what its answers mean.
//!
//! Each command line here has its form in `policy.toml`: a new question needs a new form there.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use childproof::Command;

use crate::language;
use crate::pipeline::{self, stage};

/// A name and how often it was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// The name, as git gave it.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// The lines of one language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    /// How many.
    pub lines: u64,
    /// In how many files.
    pub files: u64,
}

/// What git knows of the current branch.
#[derive(Debug)]
pub(crate) struct History {
    /// Whether older commits are missing.
    pub shallow: bool,
    /// How many commits there are.
    pub commits: u64,
    /// Who wrote how many, most first.
    pub authors: Vec<Tally>,
    /// Which file was changed in how many, most first; merges do not count.
    pub changed: Vec<Tally>,
    /// The languages of the current files, most lines first. Binary files are left out.
    pub languages: Vec<(&'static str, Lines)>,
}

/// Asks git for the history; none if there is no commit yet.
pub(crate) fn history() -> Result<Option<History>> {
    if !has_commit()? {
        return Ok(None);
    }
    let count_and_rank = || {
        [
            stage("sort", &["-z"]),
            stage("uniq", &["-z", "-c"]),
            stage("sort", &["-z", "-k1,1nr", "-k2"]),
        ]
    };
    let ranked = |source| -> Result<Vec<Tally>> {
        let stages: Vec<_> = [source].into_iter().chain(count_and_rank()).collect();
        tallies(&pipeline::run(&stages)?)
    };
    let shallow = pipeline::run(&[stage("git", &["rev-parse", "--is-shallow-repository"])])?;
    let commits = pipeline::run(&[stage("git", &["rev-list", "HEAD"]), stage("wc", &["-l"])])?;
    // An exit code of 1 says that no file has a line.
    let grep = stage(
        "git",
        &["grep", "-z", "-I", "--count", "--no-textconv", "-e", "", "HEAD"],
    )
    .or_exit(1);
    Ok(Some(History {
        shallow: shallow.trim_ascii() == b"true",
        commits: number(&commits)?,
        authors: ranked(stage("git", &["log", "-z", "--format=%aN", "HEAD"]))?,
        changed: ranked(stage(
            "git",
            &["log", "-z", "--format=", "--name-only", "--no-renames", "HEAD"],
        ))?,
        languages: languages(&pipeline::run(&[grep])?)?,
    }))
}

/// Whether there is a commit. That there is no repository is an error.
fn has_commit() -> Result<bool> {
    let output = Command::new("git")
        .args(["rev-parse", "--quiet", "--verify", "HEAD^{commit}"])
        .output()
        .context("cannot run git")?;
    match output.status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!(
                "there is no git repository to report on; git says: {}",
                crate::text::printable(said.trim())
            )
        }
    }
}

/// The output of `wc -l`.
fn number(answer: &[u8]) -> Result<u64> {
    let text = str::from_utf8(answer)?.trim();
    text.parse().with_context(|| format!("wc counted {text:?}"))
}

/// The output of `uniq -z -c`: a count, a space, a name, a NUL, again and again.
fn tallies(answer: &[u8]) -> Result<Vec<Tally>> {
    let mut tallies = Vec::new();
    for record in String::from_utf8_lossy(answer).split_terminator('\0') {
        let (count, name) = record
            .trim_start_matches(' ')
            .split_once(' ')
            .with_context(|| odd("uniq", record))?;
        // Between commits that changed no file, git writes an empty name.
        if !name.is_empty() {
            tallies.push(Tally {
                name: name.to_owned(),
                count: count.parse().with_context(|| odd("uniq", record))?,
            });
        }
    }
    Ok(tallies)
}

/// The output of `git grep -z --count`: `HEAD:`, a path, a NUL, a count, a newline, again and again.
fn languages(answer: &[u8]) -> Result<Vec<(&'static str, Lines)>> {
    let answer = String::from_utf8_lossy(answer);
    let mut rest = answer.as_ref();
    let mut languages = BTreeMap::<_, Lines>::new();
    while !rest.is_empty() {
        let (path, behind) = rest.split_once('\0').with_context(|| odd("git grep", rest))?;
        let (count, behind) = behind.split_once('\n').with_context(|| odd("git grep", rest))?;
        let path = path.strip_prefix("HEAD:").with_context(|| odd("git grep", path))?;
        let language = languages.entry(language::of(path)).or_default();
        language.lines += count.parse::<u64>().with_context(|| odd("git grep", count))?;
        language.files += 1;
        rest = behind;
    }
    let mut languages: Vec<_> = languages.into_iter().collect();
    languages.sort_by_key(|(_, lines)| std::cmp::Reverse(lines.lines));
    Ok(languages)
}

fn odd(program: &str, text: &str) -> String {
    let start: String = text.chars().take(60).collect();
    format!("{program} answered {start:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(name: &str, count: u64) -> Tally {
        Tally {
            name: name.to_owned(),
            count,
        }
    }

    #[test]
    fn names_keep_their_spaces_and_newlines() {
        let answer = b"     12 a b.rs\0      3  leading\0      2 n\nl\0      1 \0";
        assert_eq!(
            tallies(answer).unwrap(),
            [tally("a b.rs", 12), tally(" leading", 3), tally("n\nl", 2)]
        );
        assert_eq!(tallies(b"").unwrap(), []);
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_an_error() {
        assert!(tallies(b"many a.rs\0").unwrap_err().to_string().contains("many a.rs"));
        assert!(languages(b"HEAD:a.rs\0").unwrap_err().to_string().contains("HEAD:a.rs"));
        assert!(number(b"\n").is_err());
    }

    #[test]
    fn lines_add_up_by_language() {
        let answer = b"HEAD:a.rs\x002\nHEAD:n\n1.py\x0010\nHEAD:b/c.rs\x005\n";
        let lines = |lines, files| Lines { lines, files };
        assert_eq!(
            languages(answer).unwrap(),
            [("Python", lines(10, 1)), ("Rust", lines(7, 2))]
        );
        assert_eq!(languages(b"").unwrap(), []);
    }
}
