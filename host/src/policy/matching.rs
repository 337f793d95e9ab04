//! Whether an argument list has a form.
//!
//! The work is bounded by the words of the form times the arguments they can reach: optional words are followed all at
//! once, never by trying again, and a repeated tail is checked once from its end.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use regex::Regex;

use super::decide::PathCheck;
use super::refusal::quote;

/// How many different paths of one request are looked up.
pub(super) const MOST_PATHS: usize = 4096;
/// Linux looks up no path that is longer, in bytes.
const LONGEST_PATH: usize = 4096;

/// A form, compiled: plain and optional words, then perhaps a repeated one.
#[derive(Debug)]
pub(super) struct Shape {
    /// What this form is called in audit and messages.
    pub(super) rule: String,
    pub(super) items: Vec<Item>,
    pub(super) tail: Option<Tail>,
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) word: Matcher,
    pub(super) optional: bool,
}

#[derive(Debug)]
pub(super) struct Tail {
    pub(super) word: Matcher,
    pub(super) min: usize,
    pub(super) max: usize,
}

impl Tail {
    /// The `max` of a tail that may go on for ever.
    pub(super) const UNBOUNDED: usize = usize::MAX;
}

/// A word, compiled.
#[derive(Debug)]
pub(super) enum Matcher {
    Exact(String),
    OneOf(Vec<String>),
    Regex { text: String, regex: Regex },
    Path { prefix: String },
    Any,
}

/// What the host says about paths, asked once for each path of a request, and not without end: each answer is a few system
/// calls of the host.
pub(super) struct Paths<'a> {
    check: &'a dyn PathCheck,
    known: RefCell<HashMap<String, bool>>,
    too_many: Cell<bool>,
}

impl<'a> Paths<'a> {
    pub(super) fn new(check: &'a dyn PathCheck) -> Paths<'a> {
        Paths {
            check,
            known: RefCell::default(),
            too_many: Cell::new(false),
        }
    }

    /// Whether a path was not looked up because there were too many before it.
    pub(super) fn too_many(&self) -> bool {
        self.too_many.get()
    }

    fn inside(&self, path: &str) -> bool {
        if path.len() > LONGEST_PATH {
            return false;
        }
        if let Some(known) = self.known.borrow().get(path) {
            return *known;
        }
        if self.known.borrow().len() >= MOST_PATHS {
            self.too_many.set(true);
            return false;
        }
        let inside = self.check.is_inside_preopen(path);
        self.known.borrow_mut().insert(path.to_owned(), inside);
        inside
    }
}

impl Matcher {
    pub(super) fn matches(&self, argument: &str, paths: &Paths<'_>) -> bool {
        match self {
            Matcher::Exact(word) => word == argument,
            Matcher::OneOf(words) => words.iter().any(|word| word == argument),
            Matcher::Regex { regex, .. } => regex.is_match(argument),
            Matcher::Path { prefix } => {
                path_after(prefix, argument).is_some_and(|path| is_plain(path) && paths.inside(path))
            }
            Matcher::Any => !argument.starts_with('-'),
        }
    }

    /// Why an argument that does not match fails, where it is all but the path that this word asks for.
    fn near(&self, argument: &str) -> Option<Why> {
        let Matcher::Path { prefix } = self else { return None };
        let path = path_after(prefix, argument)?;
        match is_plain(path) {
            true => Some(Why::Outside),
            false if path.is_empty() || path.starts_with('-') => None,
            false => Some(Why::Ambiguous),
        }
    }

    /// What it matches, for the operator.
    pub(super) fn describe(&self) -> String {
        match self {
            Matcher::Exact(word) => quote(word),
            Matcher::OneOf(words) => {
                let shown: Vec<_> = words.iter().take(6).map(|word| quote(word)).collect();
                let more = if words.len() > shown.len() { ", ..." } else { "" };
                format!("one of {}{more}", shown.join(", "))
            }
            Matcher::Regex { text, .. } => format!("a word that matches {}", quote(text)),
            Matcher::Path { prefix } if prefix.is_empty() => "a path inside a preopen".to_owned(),
            Matcher::Path { prefix } => format!("{} and a path inside a preopen", quote(prefix)),
            Matcher::Any => "a word that does not begin with \"-\"".to_owned(),
        }
    }
}

fn path_after<'t>(prefix: &str, argument: &'t str) -> Option<&'t str> {
    argument.strip_prefix(prefix)
}

/// Whether every program takes the text for a path, before anyone looks where it leads.
///
/// Each name can be one of a file, so that a file is or could be there says nothing about how a program reads it. What begins
/// with `-` may be an option, with `@` a list of arguments, with `~` a home directory, with `|` or `!` a command, with `//`
/// another machine's share; and with a `:` before the first `/` it may be a URL, a host's path or a Windows drive.
fn is_plain(path: &str) -> bool {
    if path.starts_with('/') {
        return !path.starts_with("//");
    }
    let begins_plain = path.starts_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_');
    begins_plain && !path.split('/').next().is_some_and(|first| first.contains(':'))
}

/// How far an argument list got in a form that does not match it.
#[derive(Debug)]
pub(super) struct Stop {
    /// How many arguments fit.
    pub(super) after: usize,
    pub(super) why: Why,
    /// What could follow, for the operator.
    pub(super) expected: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The next argument is none of what could follow.
    Unexpected,
    /// The same, but it would be if its path led inside a preopen.
    Outside,
    /// The same, but it could be if it were written so that no program takes it for something else than a path.
    Ambiguous,
    /// The form ends here.
    TooMany,
    /// There is no argument left.
    Missing,
}

/// Places in a form that the first arguments lead to.
struct Reach {
    /// For each item, whether it may be next; the last entry stands for the tail, or the end.
    next: Vec<bool>,
}

impl Reach {
    fn start(shape: &Shape) -> Reach {
        let mut next = vec![false; shape.items.len() + 1];
        next[0] = true;
        Reach { next }.skip_optional(shape)
    }

    /// Adds the places behind optional words that are left out.
    fn skip_optional(mut self, shape: &Shape) -> Reach {
        for (index, item) in shape.items.iter().enumerate() {
            if self.next[index] && item.optional {
                self.next[index + 1] = true;
            }
        }
        self
    }

    fn step(&self, shape: &Shape, argument: &str, paths: &Paths<'_>) -> Reach {
        let mut next = vec![false; self.next.len()];
        for (index, item) in shape.items.iter().enumerate() {
            if self.next[index] && item.word.matches(argument, paths) {
                next[index + 1] = true;
            }
        }
        Reach { next }.skip_optional(shape)
    }

    fn at_tail(&self) -> bool {
        self.next.last() == Some(&true)
    }

    fn is_empty(&self) -> bool {
        !self.next.contains(&true)
    }

    fn expected<'s>(&'s self, shape: &'s Shape) -> impl Iterator<Item = &'s Matcher> {
        shape
            .items
            .iter()
            .zip(&self.next)
            .filter(|(_, next)| **next)
            .map(|(item, _)| &item.word)
    }
}

impl Shape {
    /// Whether the form matches the whole argument list.
    pub(super) fn matches(&self, args: &[String], paths: &Paths<'_>) -> bool {
        let mut entries = Vec::new();
        let mut reach = Reach::start(self);
        for used in 0..=args.len() {
            if reach.at_tail() {
                entries.push(used);
            }
            match args.get(used) {
                Some(argument) => reach = reach.step(self, argument, paths),
                None => break,
            }
            if reach.is_empty() {
                break;
            }
        }
        let Some(tail) = &self.tail else {
            return entries.last() == Some(&args.len());
        };
        let fits = |entry: &usize| (tail.min..=tail.max).contains(&(args.len() - entry));
        let entries: Vec<usize> = entries.into_iter().filter(fits).collect();
        let Some(last) = entries.last() else { return false };
        // The latest entry leaves the fewest arguments to the tail: if those do not match, no earlier entry can do better.
        args.iter()
            .skip(*last)
            .all(|argument| tail.word.matches(argument, paths))
    }

    /// Where an argument list that this form does not match stops.
    pub(super) fn stop(&self, args: &[String], paths: &Paths<'_>) -> Stop {
        let mut reach = Reach::start(self);
        let mut entries = Vec::new();
        let mut used = 0;
        loop {
            if reach.at_tail() {
                entries.push(used);
            }
            let Some(argument) = args.get(used) else { break };
            let next = reach.step(self, argument, paths);
            if next.is_empty() {
                break;
            }
            reach = next;
            used += 1;
        }
        let mut stop = self.explain(used, reach.expected(self).collect(), args);
        let Some(tail) = &self.tail else { return stop };
        // The tail's argument runs end at the same place for all entries they share, so one pass serves.
        let mut run: Option<usize> = None;
        for entry in entries {
            let run_end = run.filter(|end| *end >= entry).unwrap_or_else(|| {
                entry
                    + args
                        .iter()
                        .skip(entry)
                        .take_while(|argument| tail.word.matches(argument, paths))
                        .count()
            });
            run = Some(run_end);
            let used = run_end.min(entry.saturating_add(tail.max));
            let full = used - entry == tail.max;
            if used > stop.after || (used == stop.after && matches!(stop.why, Why::TooMany | Why::Missing)) {
                let expected = if full { Vec::new() } else { vec![&tail.word] };
                stop = self.explain(used, expected, args);
            } else if used == stop.after && !full {
                let all = reach.expected(self).chain([&tail.word]).collect();
                stop = self.explain(used, all, args);
            }
        }
        stop
    }

    fn explain(&self, after: usize, expected: Vec<&Matcher>, args: &[String]) -> Stop {
        let why = match args.get(after) {
            None => Why::Missing,
            Some(_) if expected.is_empty() => Why::TooMany,
            Some(argument) => expected
                .iter()
                .find_map(|word| word.near(argument))
                .unwrap_or(Why::Unexpected),
        };
        let expected = expected.iter().map(|word| word.describe()).collect();
        Stop { after, why, expected }
    }
}
