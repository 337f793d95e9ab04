//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

/// What `--help` says.
pub(crate) const USAGE: &str = "\
usage: build-all [--jobs N] [--break FILE] [DIR]

Compiles each .c file in and below DIR with gcc and links the objects to DIR/build/program. If there is no .c file, a
sample project is written there first.

  --jobs N      compile up to N files at the same time; 4 if not given
  --break FILE  put an error into this file of the sample project
  DIR           a directory inside one that this guest was given; /work if not given
";

/// What the user asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// How many files are compiled at the same time, at most.
    pub jobs: usize,
    /// The file of the sample project to break.
    pub broken: Option<String>,
    /// Where the project is.
    pub directory: PathBuf,
}

impl Arguments {
    /// Reads the arguments, without the program's name; none if they ask for help.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>> {
        let (mut jobs, mut broken, mut directory) = (4, None, None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--help" => return Ok(None),
                "--jobs" => {
                    let number = words.next().context("--jobs takes a number, and there is none")?;
                    jobs = number
                        .parse::<NonZeroUsize>()
                        .with_context(|| format!("--jobs takes a number from 1 on, not {number:?}"))?
                        .get();
                }
                "--break" => broken = Some(words.next().context("--break takes a file, and there is none")?),
                option if option.starts_with('-') => bail!("there is no option {option}; --help says which there are"),
                _ => {
                    ensure!(
                        directory.is_none(),
                        "one directory is built, and {word:?} is a second one"
                    );
                    directory = Some(PathBuf::from(word));
                }
            }
        }
        Ok(Some(Arguments {
            jobs,
            broken,
            directory: directory.unwrap_or_else(|| PathBuf::from("/work")),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Arguments>> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_and_the_directory_come_in_any_order() {
        let arguments = |jobs, broken: Option<&str>, directory: &str| Arguments {
            jobs,
            broken: broken.map(str::to_owned),
            directory: directory.into(),
        };
        for (line, expected) in [
            ("", arguments(4, None, "/work")),
            ("--jobs 2 here", arguments(2, None, "here")),
            ("here --break a.c --jobs 64", arguments(64, Some("a.c"), "here")),
        ] {
            assert_eq!(parse(line).unwrap(), Some(expected), "{line}");
        }
        assert_eq!(parse("--jobs 2 --help").unwrap(), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, expected) in [
            ("--jobs", "--jobs takes a number, and there is none"),
            ("--jobs 0", "--jobs takes a number from 1 on, not \"0\""),
            ("--jobs many", "not \"many\""),
            ("--break", "--break takes a file"),
            ("--job 3", "there is no option --job;"),
            ("a b", "\"b\" is a second one"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
