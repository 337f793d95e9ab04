//! The report: aligned columns and bars.

use std::fmt::Display;

use crate::History;
use crate::git::Tally;
use crate::refusal::Refusal;
use crate::text::{column, plural, printable, thousands};

/// How many entries a list shows.
const SHOWN: usize = 8;
/// The columns of a name.
const NAME: usize = 36;
/// The columns of the longest bar.
const BAR: u64 = 24;

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Whether headings and bars are coloured.
    pub color: bool,
}

impl Style {
    fn heading(self, text: impl Display) -> String {
        self.wrapped("1", text)
    }

    fn bar(self, text: impl Display) -> String {
        self.wrapped("36", text)
    }

    fn wrapped(self, code: &str, text: impl Display) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_string()
        }
    }
}

/// An entry of a list.
struct Row {
    name: String,
    count: u64,
    /// What stands behind the bar's number.
    note: String,
}

/// The report on a repository that has commits.
pub(crate) fn history(name: &str, history: &History, style: Style) -> String {
    let lines = history.languages.iter().map(|(_, lines)| lines.lines).sum();
    let files = history.languages.iter().map(|(_, lines)| lines.files).sum();
    let mut report = format!(
        "{}\n{} by {}, {} in {}\n",
        style.heading(printable(name)),
        plural(history.commits, "commit"),
        plural(history.authors.len() as u64, "author"),
        plural(lines, "line"),
        plural(files, "text file"),
    );
    if history.shallow {
        report.push_str("A shallow clone: commits before its beginning are not counted.\n");
    }
    let tallies = |tallies: &[Tally]| {
        let row = |tally: &Tally| Row {
            name: printable(&tally.name),
            count: tally.count,
            note: String::new(),
        };
        tallies.iter().map(row).collect::<Vec<_>>()
    };
    report += &list("Authors", "commits", &tallies(&history.authors), style);
    report += &list("Busiest files", "commits", &tallies(&history.changed), style);
    let languages: Vec<_> = history
        .languages
        .iter()
        .map(|(language, lines)| Row {
            name: (*language).to_owned(),
            count: lines.lines,
            note: plural(lines.files, "file"),
        })
        .collect();
    report + &list("Languages", "lines", &languages, style)
}

/// The report on a repository that has no commit.
pub(crate) fn nothing(name: &str, style: Style) -> String {
    format!(
        "{}\nThere is no commit yet, so there is nothing to report.\n",
        style.heading(printable(name))
    )
}

/// What was refused, and why.
pub(crate) fn refusal(refusal: &Refusal, style: Style) -> String {
    format!(
        "\n{}\n  the guest asked for   {}\n  the host refused      {}: {}\n\n  \
         The policy lists what git may be asked. Nothing in it allows this, so no process was started.\n",
        style.heading("One thing it may not do"),
        printable(&refusal.asked),
        printable(&refusal.field),
        printable(&refusal.message),
    )
}

fn list(title: &str, unit: &str, rows: &[Row], style: Style) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let most = rows.iter().map(|row| row.count).max().unwrap_or(1).max(1);
    let mut list = format!("\n{}{unit:>10}\n", style.heading(column(title, NAME + 2)));
    for row in rows.iter().take(SHOWN) {
        // The least there is still shows.
        let length = (row.count * BAR).div_ceil(most);
        let bar = "█".repeat(usize::try_from(length).unwrap_or_default());
        let bar = if row.note.is_empty() {
            style.bar(bar)
        } else {
            format!("{}  {}", style.bar(column(&bar, BAR as usize)), row.note)
        };
        list += &format!("  {}{:>10}  {bar}\n", column(&row.name, NAME), thousands(row.count));
    }
    if let Some(more) = rows.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        list += &format!("  and {} more\n", thousands(more as u64));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Lines;

    const PLAIN: Style = Style { color: false };

    fn tally(name: &str, count: u64) -> Tally {
        Tally {
            name: name.to_owned(),
            count,
        }
    }

    fn sample() -> History {
        History {
            shallow: true,
            commits: 1_200,
            authors: vec![tally("Ada", 1_000), tally("漢字", 200)],
            changed: (1..=10)
                .rev()
                .map(|count| tally(&format!("src/{count}.rs"), count))
                .collect(),
            languages: vec![
                (
                    "Rust",
                    Lines {
                        lines: 12_345,
                        files: 10,
                    },
                ),
                ("Text", Lines { lines: 1, files: 1 }),
            ],
        }
    }

    #[test]
    fn columns_are_aligned_and_the_rest_is_counted() {
        let report = history("a name", &sample(), PLAIN);
        let expected = "\
a name
1,200 commits by 2 authors, 12,346 lines in 11 text files
A shallow clone: commits before its beginning are not counted.

Authors                                  commits
  Ada                                      1,000  ████████████████████████
  漢字                                       200  █████
";
        assert!(report.starts_with(expected), "{report}");
        assert!(
            report.contains("  src/3.rs                                     3  ████████\n  and 2 more\n"),
            "{report}"
        );
        assert!(
            report.ends_with(
                "  Rust                                    12,345  ████████████████████████  10 files\n  \
                 Text                                         1  █                         1 file\n"
            ),
            "{report}"
        );
    }

    #[test]
    fn there_are_no_colours_but_where_they_are_wanted() {
        assert!(!history("a", &sample(), PLAIN).contains('\u{1b}'));
        assert!(history("a", &sample(), Style { color: true }).contains("\u{1b}[1ma\u{1b}[0m"));
    }

    #[test]
    fn a_name_cannot_control_the_terminal() {
        let mut sample = sample();
        sample.authors = vec![tally("Eve\u{1b}[2J", 1)];
        sample.changed = vec![tally("a\nb", 1)];
        let report = history("\u{1b}c", &sample, PLAIN);
        assert!(!report.contains('\u{1b}'), "{report}");
        assert!(report.contains("  a\\nb  "), "{report}");
    }
}
