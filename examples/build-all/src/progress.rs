//! What the user sees of a build.
//!
//! Standard output has a line for each file that is compiled, standard error has what gcc says. On a terminal, a line below
//! them says how many are being compiled.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result};

/// How far a build is.
pub(crate) struct Progress {
    compiled: usize,
    files: usize,
    /// Whether there is a line that is written anew and anew.
    live: bool,
}

impl Progress {
    /// Nothing is compiled yet.
    pub(crate) fn new(files: usize) -> Progress {
        Progress {
            compiled: 0,
            files,
            live: io::stdout().is_terminal(),
        }
    }

    /// How many files are compiled.
    pub(crate) fn compiled(&self) -> usize {
        self.compiled
    }

    /// Some are being compiled now.
    pub(crate) fn running(&self, count: usize) -> Result<()> {
        match self.live {
            true => say(&format!(
                "{CLEAR}{}/{} compiled, {count} running",
                self.compiled, self.files
            )),
            false => Ok(()),
        }
    }

    /// One more is compiled.
    pub(crate) fn file(&mut self, source: &str, took: Duration) -> Result<()> {
        self.compiled += 1;
        self.clear()?;
        let (compiled, files) = (self.compiled, self.files);
        let width = files.to_string().len();
        let source = printable(source);
        say(&format!(
            "[{compiled:>width$}/{files}] {source} {} ms\n",
            took.as_millis()
        ))
    }

    /// What gcc says of one file, or of the program.
    pub(crate) fn diagnostics(&self, text: &[u8]) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.clear()?;
        let text = printable(&String::from_utf8_lossy(text));
        io::stderr()
            .write_all(text.as_bytes())
            .context("cannot write to standard error")
    }

    /// Takes the live line away.
    pub(crate) fn clear(&self) -> Result<()> {
        match self.live {
            true => say(CLEAR),
            false => Ok(()),
        }
    }
}

/// To the beginning of the line, which is emptied.
const CLEAR: &str = "\r\u{1b}[K";

/// Writes to standard output, all at once.
pub(crate) fn say(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.context("cannot write to standard output")
}

/// `text` with characters that could control the terminal written out as escapes. Gcc quotes files that others wrote.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !matches!(character, '\n' | '\t') {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gcc_quotes_does_not_control_the_terminal() {
        assert_eq!(printable("a.c:1:\t\u{1b}[2J\r\n é"), "a.c:1:\t\\u{1b}[2J\\r\n é");
    }
}
