//! The child's environment: what the policy fixes and what a guest may set.

use std::collections::{BTreeMap, HashMap};

use regex::Regex;

use super::compile::{Invalid, Room, pattern};
use super::refusal::{bare, quote};
use super::{EnvValue, Field, Grant, Refusal, dangerous};

/// The environment rules of a grant, compiled.
#[derive(Debug)]
pub(super) struct Environment {
    /// The grant, as `grants.git`.
    at: String,
    set: BTreeMap<String, String>,
    exact: BTreeMap<String, ValueRule>,
    /// Patterns by their beginning, the longest first.
    patterns: Vec<(String, ValueRule)>,
}

/// What a value may be.
#[derive(Debug)]
pub(super) enum ValueRule {
    Any,
    Regex { text: String, regex: Regex },
}

impl ValueRule {
    fn compile(at: &str, value: &EnvValue, room: &mut Room) -> Result<ValueRule, Invalid> {
        match value {
            EnvValue::Any => Ok(ValueRule::Any),
            EnvValue::Regex(text) => match pattern(text, room) {
                Ok(regex) => Ok(ValueRule::Regex {
                    text: text.clone(),
                    regex,
                }),
                Err(message) => Err(Invalid::new(at, message)),
            },
        }
    }

    fn allows(&self, value: &str) -> bool {
        match self {
            ValueRule::Any => true,
            ValueRule::Regex { regex, .. } => regex.is_match(value),
        }
    }

    /// Whether it is certain that `other` allows all that this does.
    fn within(&self, other: &ValueRule) -> bool {
        match (self, other) {
            (_, ValueRule::Any) => true,
            (ValueRule::Regex { text, .. }, ValueRule::Regex { text: wider, .. }) => text == wider,
            (ValueRule::Any, ValueRule::Regex { .. }) => false,
        }
    }
}

impl Environment {
    pub(super) fn compile(at: &str, grant: &Grant, room: &mut Room) -> Result<Environment, Invalid> {
        for (key, value) in &grant.env_set {
            let at = format!("{at}.env.set.{key}");
            if let Err(why) = check_key(key) {
                return Err(Invalid::new(at, why));
            }
            if value.contains('\0') {
                return Err(Invalid::new(
                    at,
                    "the value holds a NUL character, which no process can be given",
                ));
            }
        }
        let mut exact = BTreeMap::new();
        let mut patterns = Vec::new();
        for (key, value) in &grant.env_allow {
            let at = format!("{at}.env.allow.{key}");
            let beginning = key.strip_suffix('*');
            if key == "*" {
                return Err(Invalid::new(
                    at,
                    "\"*\" would allow every name; write at least how the names begin",
                ));
            }
            if let Err(why) = check_key(beginning.unwrap_or(key)) {
                return Err(Invalid::new(at, why));
            }
            if beginning.unwrap_or(key).contains('*') {
                return Err(Invalid::new(at, "a \"*\" may stand at the end of a name only"));
            }
            let rule = ValueRule::compile(&at, value, room)?;
            match beginning {
                Some(beginning) if dangerous::swallows(beginning) => {
                    let message =
                        "each name that begins so can make a program run other code; write out the names you mean";
                    return Err(Invalid::new(at, message));
                }
                Some(beginning) => patterns.push((beginning.to_owned(), rule)),
                None => drop(exact.insert(key.clone(), rule)),
            }
        }
        patterns.sort_by_key(|(beginning, _)| std::cmp::Reverse(beginning.len()));
        Ok(Environment {
            at: at.to_owned(),
            set: grant.env_set.clone(),
            exact,
            patterns,
        })
    }

    /// The rule that decides about a name, and the key under which the policy has it.
    fn rule(&self, name: &str) -> Option<(String, &ValueRule)> {
        if let Some(rule) = self.exact.get(name) {
            return Some((name.to_owned(), rule));
        }
        // What the policy fixes, and what is dangerous, is a guest's to set only where the policy names it.
        if self.set.contains_key(name) || dangerous::reason(name).is_some() {
            return None;
        }
        self.pattern(name)
    }

    /// The longest pattern that covers a name.
    fn pattern(&self, name: &str) -> Option<(String, &ValueRule)> {
        let (beginning, rule) = self
            .patterns
            .iter()
            .find(|(beginning, _)| name.starts_with(beginning.as_str()))?;
        Some((format!("{beginning}*"), rule))
    }

    /// The whole environment of a child whose guest asks for `requested`, sorted by name.
    pub(super) fn decide(&self, requested: &[(String, String)]) -> Result<Vec<(String, String)>, Refusal> {
        let last: HashMap<&str, usize> = requested
            .iter()
            .enumerate()
            .map(|(index, (key, _))| (key.as_str(), index))
            .collect();
        let mut environment: BTreeMap<&str, &str> = self
            .set
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        for (index, (key, value)) in requested.iter().enumerate() {
            if last.get(key.as_str()) == Some(&index) {
                self.check(key, value)?;
                environment.insert(key, value);
            }
        }
        Ok(environment
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect())
    }

    fn check(&self, key: &str, value: &str) -> Result<(), Refusal> {
        let at = &self.at;
        let field = || Field::Env(key.to_owned());
        let name = bare(key);
        let Some((allowed_by, rule)) = self.rule(key) else {
            if self.set.contains_key(key) {
                let message = "the policy fixes the value of this variable";
                let remedy = format!("to let a guest change it, name it under [{at}.env.allow] too");
                return Err(Refusal::not_allowed(field(), format!("{at}.env.set.{name}"), message).remedy(remedy));
            }
            if let Some(reason) = dangerous::reason(key) {
                let message = format!("this variable is refused unless the policy names it: {reason}");
                let remedy = format!(
                    "if the program needs it, name it exactly under [{at}.env.allow]: {}",
                    line(key)
                );
                return Err(Refusal::not_allowed(field(), "default environment rule", message).remedy(remedy));
            }
            let message = "the policy does not let a guest set this variable";
            let remedy = format!("to allow it, name it under [{at}.env.allow]: {}", line(key));
            return Err(Refusal::not_allowed(field(), format!("{at}.env.allow"), message).remedy(remedy));
        };
        if let (false, ValueRule::Regex { text, .. }) = (rule.allows(value), rule) {
            let message = format!(
                "the value {} is not one that the policy allows for this variable",
                quote(value)
            );
            let remedy = format!("the value must match {} as a whole", quote(text));
            return Err(Refusal::not_allowed(field(), format!("{at}.env.allow.{allowed_by}"), message).remedy(remedy));
        }
        Ok(())
    }

    /// Why it is not certain that `wider` allows all that this does, or nothing. The error is a place within the
    /// environment, and what is wrong.
    ///
    /// A pattern of this may cover a name that `wider` fixes: a narrowed policy takes over all that the wider one fixes, and
    /// then the pattern no longer lifts it.
    pub(super) fn within(&self, wider: &Environment) -> Result<(), (String, String)> {
        for (key, value) in &self.set {
            let fixed = wider.set.get(key) == Some(value);
            if !fixed && !wider.rule(key).is_some_and(|(_, rule)| rule.allows(value)) {
                return Err((
                    format!("env.set.{key}"),
                    "the wider policy does not allow this value".to_owned(),
                ));
            }
        }
        for (key, rule) in &self.exact {
            if !wider.rule(key).is_some_and(|(_, wider)| rule.within(wider)) {
                return Err((
                    format!("env.allow.{key}"),
                    "the wider policy does not allow all that this does".to_owned(),
                ));
            }
        }
        for (beginning, rule) in &self.patterns {
            let at = format!("env.allow.{beginning}*");
            if !wider.pattern(beginning).is_some_and(|(_, wider)| rule.within(wider)) {
                return Err((at, "the wider policy does not allow all that this does".to_owned()));
            }
            // Within the pattern, the wider policy may have stricter rules for some names; they hold here only if they
            // are said here, too.
            let wider_exact = wider
                .exact
                .keys()
                .filter(|key| !self.exact.contains_key(*key))
                .map(String::as_str);
            let wider_patterns = wider.patterns.iter().map(|(beginning, _)| beginning.as_str());
            let wider_patterns = wider_patterns.filter(|key| !self.patterns.iter().any(|(mine, _)| mine == key));
            let missing = |key: &&str| key.starts_with(beginning.as_str());
            if let Some(name) = wider_exact.filter(|key| dangerous::reason(key).is_none()).find(missing) {
                return Err((
                    at,
                    format!("the wider policy has a rule of its own for {name}; say it here, too"),
                ));
            }
            if let Some(name) = wider_patterns.clone().find(missing) {
                return Err((
                    at,
                    format!("the wider policy has a rule of its own for {name}*; say it here, too"),
                ));
            }
        }
        Ok(())
    }
}

/// Whether a process can be given an environment variable of that name, and why not.
pub(super) fn check_key(key: &str) -> Result<(), &'static str> {
    if key.is_empty() {
        return Err("the name of an environment variable is empty");
    }
    if key.contains('=') {
        return Err("the name of an environment variable holds a \"=\", which ends it");
    }
    if key.contains('\0') {
        return Err("the name of an environment variable holds a NUL character, which no process can be given");
    }
    Ok(())
}

/// The TOML line that allows a variable.
fn line(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match key.len() <= 64 && key.chars().all(is_bare) {
        true => format!("{key} = true"),
        false => format!("{} = true", quote(key)),
    }
}
