//! What the README says: its blocks, and running its commands.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// A fenced block of a Markdown text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line its fence begins in, counted from one.
    pub line: usize,
    /// What stands behind the opening fence: `sh`, `rust,no_run`.
    pub info: String,
    /// The lines between the fences, each with its newline.
    pub text: String,
}

/// The fenced blocks of a Markdown text, in order.
///
/// # Errors
///
/// When a fence is not closed.
pub fn blocks(markdown: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in markdown.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                open = Some(Block {
                    line: index + 1,
                    info: info.trim().to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    if let Some(block) = open {
        bail!("the block that begins in line {} has no end", block.line);
    }
    Ok(blocks)
}

/// The blocks of the project's README.
///
/// # Errors
///
/// When it cannot be read, or one of its blocks has no end.
pub fn of_project() -> Result<Vec<Block>> {
    blocks(&fs::read_to_string(crate::root().join("README.md")).context("cannot read README.md")?)
}

/// Runs the `sh` blocks of a document in its directory, in order, and stops at the first that fails.
///
/// # Errors
///
/// When a block fails, or there is none, and when the document cannot be read.
pub fn run_commands(document: &Path) -> Result<()> {
    let name = document.display();
    let text = fs::read_to_string(document).with_context(|| format!("cannot read {name}"))?;
    let blocks: Vec<_> = blocks(&text)?.into_iter().filter(|block| block.info == "sh").collect();
    ensure!(!blocks.is_empty(), "{name} has no sh block");
    for block in &blocks {
        println!("\n--- {name}, line {}\n{}", block.line, block.text);
        let status = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &block.text])
            .current_dir(document.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .status()
            .context("cannot run bash")?;
        ensure!(
            status.success(),
            "the commands of {name}, line {}, failed ({status})",
            block.line
        );
    }
    println!("\n{} blocks of commands of {name} ran", blocks.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_their_line_and_kind() {
        let found = blocks("# A\n```sh\ncargo a\n\ncargo b\n```\ntext\n```rust,no_run\nfn a() {}\n```\n").unwrap();
        let block = |line, info: &str, text: &str| Block {
            line,
            info: info.into(),
            text: text.into(),
        };
        assert_eq!(
            found,
            [
                block(2, "sh", "cargo a\n\ncargo b\n"),
                block(8, "rust,no_run", "fn a() {}\n")
            ]
        );
    }

    #[test]
    fn a_block_without_an_end_is_an_error() {
        assert!(blocks("```sh\ncargo a\n").unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn commands_run_in_the_documents_directory_until_one_fails() {
        let directory = tempfile::tempdir().unwrap();
        let document = directory.path().join("README.md");
        fs::write(
            &document,
            "```sh\necho a >one\nfalse | true\n```\n```sh\necho b >two\n```\n",
        )
        .unwrap();
        assert!(
            run_commands(&document)
                .unwrap_err()
                .to_string()
                .contains("line 1, failed")
        );
        assert!(directory.path().join("one").exists());
        assert!(!directory.path().join("two").exists());

        fs::write(&document, "```sh\ncat one >two\n```\n").unwrap();
        run_commands(&document).unwrap();
        assert_eq!(fs::read(directory.path().join("two")).unwrap(), b"a\n");

        fs::write(&document, "```text\ncat one >two\n```\n").unwrap();
        assert!(run_commands(&document).unwrap_err().to_string().contains("no sh block"));
    }
}
