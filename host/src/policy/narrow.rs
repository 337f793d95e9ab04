//! A policy for a guest of a guest: it can only narrow.

use std::collections::HashMap;
use std::path::PathBuf;

use super::compile::{self, ArgumentRules, Invalid, Room, Rules};
use super::matching::{Matcher, Paths, Shape, Tail};
use super::{Confine, Grant, Limits, Policy, StdStream, Tier, confine};

/// A policy is not, or not provably, narrower than another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
#[non_exhaustive]
pub struct NarrowError {
    /// The place in the narrower policy, such as `grants.git.forms[1]`.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl From<Invalid> for NarrowError {
    fn from(invalid: Invalid) -> NarrowError {
        NarrowError {
            field: invalid.field,
            message: invalid.message,
        }
    }
}

fn wider<T>(field: impl Into<String>, message: impl Into<String>) -> Result<T, NarrowError> {
    Err(NarrowError {
        field: field.into(),
        message: message.into(),
    })
}

impl Policy {
    /// The policy `narrower`, after making sure that it allows nothing that this one refuses.
    ///
    /// What `narrower` leaves out (a digest, fixed variables, working directories, signals, streams, limits, the tier, the
    /// size of `/tmp`, hidden paths) is this policy's; a grant, a path to read, a network, or Unix sockets that it leaves out
    /// are not granted.
    ///
    /// Paths of the host are compared as they are written: one to read is within another if that is the beginning of it. A
    /// symbolic link below a path to read leads where it leads, so name below it only what you know to be none.
    ///
    /// ```
    /// use childproof_host::policy::{Grant, Policy, Word};
    ///
    /// let app = Policy::new().grant("git", Grant::program("git").form(["log".into(), Word::any().repeat(0, None)]));
    /// let plugin = Policy::new().grant("git", Grant::program("git").form(["log", "HEAD"]));
    /// assert!(app.narrow(&plugin).is_ok());
    ///
    /// let greedy = Policy::new().grant("git", Grant::program("git").form(["push"]));
    /// assert_eq!(app.narrow(&greedy).unwrap_err().field, "grants.git.forms[0]");
    /// ```
    ///
    /// # Errors
    ///
    /// The first place where `narrower` is wider, or where it cannot be proven not to be: one regular expression is within
    /// another only if they are the same text, and a form must be within one form, not within several together. A policy
    /// that cannot be loaded for what it says is an error, too.
    pub fn narrow(&self, narrower: &Policy) -> Result<Policy, NarrowError> {
        compile::policy(self)?;
        let defaults = Limits::defaults();
        limits("limits", &narrower.limits, &self.limits.or(&defaults))?;
        let mut grants = std::collections::BTreeMap::new();
        for (name, grant) in &narrower.grants {
            let at = format!("grants.{name}");
            let Some(own) = self.grants.get(name) else {
                return wider(at, "the wider policy has no such grant");
            };
            limits(
                &format!("{at}.limits"),
                &grant.limits,
                &own.limits.or(&self.limits).or(&defaults),
            )?;
            let mut narrowed = narrow_grant(name, &at, own, grant)?;
            self.narrow_sight(&at, own, &narrower.confine.hide, &mut narrowed)?;
            grants.insert(name.clone(), narrowed);
        }
        let narrowed = Policy {
            grants,
            limits: narrower.limits.stricter(&self.limits),
            confine: self.narrow_confine(&narrower.confine)?,
        };
        // Together they may say what neither says alone: the tier of one has no use for the paths of the other.
        confine::check(&narrowed)?;
        Ok(narrowed)
    }

    fn narrow_confine(&self, narrower: &Confine) -> Result<Confine, NarrowError> {
        let own = &self.confine;
        if let Some(tier) = narrower.tier
            && tier < own.tier_in_effect()
        {
            let message = format!(
                "the wider policy has the tier {:?}, which is stronger",
                own.tier_in_effect().name()
            );
            return wider("confine.tier", message);
        }
        if let Some(tmp) = narrower.tmp
            && self.confines()
            && tmp > own.tmp.unwrap_or(Confine::DEFAULT_TMP)
        {
            return wider("confine.tmp", "it is more than the wider policy's");
        }
        self.reads_within("confine", &narrower.read, &[])?;
        Ok(Confine {
            tier: narrower.tier.or(own.tier),
            read: narrower.read.clone(),
            hide: hidden("confine", &own.hide, &narrower.hide, &[])?,
            tmp: narrower.tmp.or(own.tmp),
        })
    }

    /// Narrows what a child of a grant sees and reaches. `hidden_for_all` is what the narrower policy hides from each.
    fn narrow_sight(
        &self,
        at: &str,
        own: &Grant,
        hidden_for_all: &[PathBuf],
        grant: &mut Grant,
    ) -> Result<(), NarrowError> {
        if !grant.network.within(&own.network) {
            return wider(format!("{at}.network"), "it reaches more than the wider policy's");
        }
        if grant.unix_sockets && !own.unix_sockets {
            return wider(
                format!("{at}.unix_sockets"),
                "the wider policy does not let a child use them",
            );
        }
        self.reads_within(at, &grant.read, &own.read)?;
        grant.hide = hidden(at, &own.hide, &grant.hide, hidden_for_all)?;
        Ok(())
    }

    /// Refuses a path to read that no path of this policy, or of a grant of it, covers.
    fn reads_within(&self, at: &str, read: &[PathBuf], of_grant: &[PathBuf]) -> Result<(), NarrowError> {
        // Without a confinement a child sees everything, and the policy could not say less.
        let position = read
            .iter()
            .position(|path| self.confines() && !confine::covered(path, self.confine.read.iter().chain(of_grant)));
        match position {
            Some(index) => wider(
                format!("{at}.read[{index}]"),
                "the wider policy does not let a child see this path",
            ),
            None => Ok(()),
        }
    }

    fn confines(&self) -> bool {
        self.confine.tier_in_effect() > Tier::None
    }
}

/// What the narrower policy hides, and what the wider one does. It is an error to name some and not all, because then it is
/// not clear what is meant.
fn hidden(
    at: &str,
    own: &[PathBuf],
    hide: &[PathBuf],
    hidden_for_all: &[PathBuf],
) -> Result<Vec<PathBuf>, NarrowError> {
    let is_missing = |path: &&PathBuf| !confine::covered(path, hide.iter().chain(hidden_for_all));
    if let (false, Some(path)) = (hide.is_empty(), own.iter().find(is_missing)) {
        let message = format!(
            "the wider policy hides {}, too; hide it here, or a directory above it",
            path.display()
        );
        return wider(format!("{at}.hide"), message);
    }
    // Where symbolic links are on the way, what lies below a path by its name need not be hidden with it.
    let rest = own.iter().filter(|path| !hide.contains(path));
    Ok(hide.iter().chain(rest).cloned().collect())
}

fn narrow_grant(name: &str, at: &str, own: &Grant, grant: &Grant) -> Result<Grant, NarrowError> {
    if grant.program != own.program {
        return wider(format!("{at}.program"), "it is another program than the wider policy's");
    }
    if grant.sha256.is_some() && own.sha256.is_some() && grant.sha256 != own.sha256 {
        return wider(format!("{at}.sha256"), "it is another digest than the wider policy's");
    }
    if grant.argv0 && !own.argv0 {
        return wider(format!("{at}.argv0"), "the wider policy does not let a guest set it");
    }
    let compiled = |grant| compile::rules(name, grant, &mut Room::default());
    let (own_rules, rules) = (compiled(own)?, compiled(grant)?);
    arguments(at, &own_rules, &rules)?;
    if let Err((place, message)) = rules.env.within(&own_rules.env) {
        return wider(format!("{at}.{place}"), message);
    }
    let cwd = subset(grant.cwd.clone(), &own.cwd, own.cwd.is_empty()).or_else(|index| {
        wider(
            format!("{at}.cwd[{index}]"),
            "the wider policy does not have this preopen",
        )
    })?;
    let signals = grant.signals.clone().or_else(|| own.signals.clone());
    let own_signals = own.signals.as_deref().unwrap_or(Grant::default_signals());
    for (index, signal) in signals.iter().flatten().enumerate() {
        if !own_signals.contains(signal) && *signal != childproof_launch::Signal::Kill {
            return wider(
                format!("{at}.signals[{index}]"),
                "the wider policy does not allow this signal",
            );
        }
    }
    let inherit = grant.inherit.clone().or_else(|| own.inherit.clone());
    let own_inherit = own.inherit.as_deref().unwrap_or(&StdStream::ALL);
    if let Some(index) = inherit
        .iter()
        .flatten()
        .position(|stream| !own_inherit.contains(stream))
    {
        return wider(
            format!("{at}.inherit[{index}]"),
            "the wider policy does not let a child inherit this stream",
        );
    }
    let mut env_set = own.env_set.clone();
    env_set.extend(grant.env_set.clone());
    Ok(Grant {
        sha256: grant.sha256.or(own.sha256),
        env_set,
        cwd: if cwd.is_empty() { own.cwd.clone() } else { cwd },
        signals,
        inherit,
        limits: grant.limits.stricter(&own.limits),
        ..grant.clone()
    })
}

/// The list, or the place of the first entry that `allowed` does not have.
fn subset(list: Vec<String>, allowed: &[String], all: bool) -> Result<Vec<String>, usize> {
    match list.iter().position(|entry| !all && !allowed.contains(entry)) {
        Some(index) => Err(index),
        None => Ok(list),
    }
}

fn limits(at: &str, limits: &Limits, bound: &Limits) -> Result<(), NarrowError> {
    for ((name, value), (_, bound)) in limits.fields().into_iter().zip(bound.fields()) {
        if let (Some(value), Some(bound)) = (value, bound)
            && value > bound
        {
            return wider(format!("{at}.{name}"), "it is more than the wider policy's");
        }
    }
    Ok(())
}

fn arguments(at: &str, own: &Rules, rules: &Rules) -> Result<(), NarrowError> {
    // Nothing that depends on where a path leads is ever proven: here, no path leads inside.
    let nowhere = |_: &str| false;
    let paths = Paths::new(&nowhere);
    match (&rules.args, &own.args) {
        (_, ArgumentRules::Any) | (ArgumentRules::None, ArgumentRules::None) => Ok(()),
        (ArgumentRules::Any, _) => wider(format!("{at}.args"), "the wider policy does not allow all arguments"),
        (ArgumentRules::None, ArgumentRules::Forms(wide)) if wide.iter().any(|form| form.matches(&[], &paths)) => {
            Ok(())
        }
        (ArgumentRules::None, ArgumentRules::Forms(_)) => wider(
            format!("{at}.args"),
            "the wider policy does not allow to run the program without arguments",
        ),
        (ArgumentRules::Forms(forms), wide) => {
            let nothing = [Shape {
                rule: String::new(),
                items: Vec::new(),
                tail: None,
            }];
            let wide = match wide {
                ArgumentRules::Forms(wide) => wide.as_slice(),
                _ => &nothing,
            };
            for (index, form) in forms.iter().enumerate() {
                if !wide.iter().any(|wide| form_within(form, wide, &paths)) {
                    let message =
                        "no form of the wider policy allows, on its own and provably, all that this form does";
                    return wider(format!("{at}.forms[{index}]"), message);
                }
            }
            Ok(())
        }
    }
}

/// Whether it is certain that `wide` matches all that `narrow` does.
fn form_within(narrow: &Shape, wide: &Shape, paths: &Paths<'_>) -> bool {
    Containment {
        narrow,
        wide,
        paths,
        known: HashMap::new(),
    }
    .holds(Place::default(), Place::default())
}

/// A place in a form: so many items passed, and so many arguments taken by the tail.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Place {
    item: usize,
    tail: usize,
}

/// Shows containment by walking both forms side by side: whatever the narrow form takes next, the wide one must take.
/// Each pair of places is looked at once.
struct Containment<'a> {
    narrow: &'a Shape,
    wide: &'a Shape,
    paths: &'a Paths<'a>,
    known: HashMap<(Place, Place), bool>,
}

impl Containment<'_> {
    fn holds(&mut self, narrow: Place, wide: Place) -> bool {
        if let Some(known) = self.known.get(&(narrow, wide)) {
            return *known;
        }
        let holds = self.look(narrow, wide);
        self.known.insert((narrow, wide), holds);
        holds
    }

    fn look(&mut self, narrow: Place, wide: Place) -> bool {
        let (form, wide_form) = (self.narrow, self.wide);
        if let Some(item) = form.items.get(narrow.item) {
            let next = Place {
                item: narrow.item + 1,
                tail: 0,
            };
            return self.takes(&item.word, next, wide) && (!item.optional || self.holds(next, wide));
        }
        let Some(tail) = &form.tail else {
            return self.may_end(wide);
        };
        let (min, max) = (tail.min.saturating_sub(narrow.tail), left(tail.max, narrow.tail));
        if let (Some(wide_tail), true) = (&wide_form.tail, self.at_tail(wide)) {
            let wide_min = wide_tail.min.saturating_sub(wide.tail);
            let wide_max = left(wide_tail.max, wide.tail);
            if min >= wide_min && max <= wide_max && (max == 0 || within(&tail.word, &wide_tail.word, self.paths)) {
                return true;
            }
        }
        if wide.item == wide_form.items.len() {
            return max == 0 && self.may_end(wide);
        }
        let next = Place {
            item: narrow.item,
            tail: narrow.tail + 1,
        };
        (min > 0 || self.may_end(wide)) && (max == 0 || self.takes(&tail.word, next, wide))
    }

    /// Whether the wide form takes every argument that `word` matches, and then all that the narrow form does from `next`.
    fn takes(&mut self, word: &Matcher, next: Place, wide: Place) -> bool {
        let form = self.wide;
        if let Some(item) = form.items.get(wide.item) {
            let behind = Place {
                item: wide.item + 1,
                tail: 0,
            };
            return within(word, &item.word, self.paths) && self.holds(next, behind)
                || item.optional && self.takes(word, next, behind);
        }
        let behind = Place {
            tail: wide.tail + 1,
            ..wide
        };
        form.tail
            .as_ref()
            .is_some_and(|tail| wide.tail < tail.max && within(word, &tail.word, self.paths))
            && self.holds(next, behind)
    }

    /// Whether the wide form has only optional words left before its tail.
    fn at_tail(&self, wide: Place) -> bool {
        self.wide.items.iter().skip(wide.item).all(|item| item.optional)
    }

    fn may_end(&self, wide: Place) -> bool {
        self.at_tail(wide) && self.wide.tail.as_ref().is_none_or(|tail| tail.min <= wide.tail)
    }
}

/// How many more arguments a tail takes.
fn left(max: usize, taken: usize) -> usize {
    if max == Tail::UNBOUNDED {
        max
    } else {
        max.saturating_sub(taken)
    }
}

/// Whether it is certain that `wide` matches every argument that `narrow` does.
fn within(narrow: &Matcher, wide: &Matcher, paths: &Paths<'_>) -> bool {
    match (narrow, wide) {
        (Matcher::Exact(word), wide) => wide.matches(word, paths),
        (Matcher::OneOf(words), wide) => words.iter().all(|word| wide.matches(word, paths)),
        (Matcher::Regex { text, .. }, Matcher::Regex { text: wide, .. }) => text == wide,
        (Matcher::Path { prefix }, Matcher::Path { prefix: wide }) => prefix == wide,
        (Matcher::Path { prefix }, Matcher::Any) => !prefix.starts_with('-'),
        (Matcher::Any, Matcher::Any) => true,
        _ => false,
    }
}
