//! Reading a policy from TOML.
//!
//! This module knows the shape of the text and where each thing stands in it. What a policy may say is checked afterwards,
//! by the rules that hold for a policy built in code, too; the places they name lead back to a line and a column.

mod confine;

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use childproof_launch::Signal;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::limits::parse_size;
use super::refusal::{near_miss, quote};
use super::{Arguments, EnvValue, Form, Grant, Limits, Policy, StdStream, Word, compile};

/// A text is not a policy: where, and what to do. `Display` is `line:column: message`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct PolicyError {
    line: usize,
    column: usize,
    message: String,
}

impl PolicyError {
    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong and what to do.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Policy {
    /// Reads a policy from TOML; the [module](super) says what it looks like.
    ///
    /// It checks everything that can be checked without the operating system, regular expressions included.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its line and column. A key that nothing reads is an error.
    pub fn from_toml(text: &str) -> Result<Policy, PolicyError> {
        let mut reader = Reader {
            text,
            places: HashMap::new(),
        };
        let document = DeTable::parse(text).map_err(|error| {
            let message = error.message().to_owned();
            reader.error(error.span().unwrap_or_default(), message)
        })?;
        let policy = reader.policy(document.get_ref())?;
        compile::policy(&policy).map_err(|invalid| {
            let place = reader.places.get(&invalid.field).cloned().unwrap_or_default();
            reader.error(place, format!("{}: {}", invalid.field, invalid.message))
        })?;
        Ok(policy)
    }
}

type Table<'t> = DeTable<'t>;
type Value<'t> = Spanned<DeValue<'t>>;
type Key<'t> = Spanned<DeString<'t>>;
type Read<T> = Result<T, PolicyError>;

const GRANT_KEYS: &[&str] = &[
    "program",
    "sha256",
    "args",
    "forms",
    "env",
    "cwd",
    "argv0",
    "signals",
    "inherit",
    "limits",
    "network",
    "read",
    "hide",
    "unix_sockets",
];
const LIMIT_KEYS: &[&str] = &[
    "live",
    "held",
    "spawns",
    "wall",
    "output",
    "capture",
    "drain",
    "cpu",
    "memory",
    "open_files",
    "file_size",
    "processes",
];
const WORD_KEYS: &[&str] = &[
    "regex", "one_of", "path", "prefix", "any", "optional", "repeat", "min", "max",
];

struct Reader<'t> {
    text: &'t str,
    /// Where the things that later checks can name stand.
    places: HashMap<String, Range<usize>>,
}

impl Reader<'_> {
    fn error(&self, place: Range<usize>, message: impl Into<String>) -> PolicyError {
        let before = self.text.get(..place.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        PolicyError {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
            message: message.into(),
        }
    }

    fn fail<T>(&self, value: &Value<'_>, message: impl Into<String>) -> Read<T> {
        Err(self.error(value.span(), message))
    }

    fn remember(&mut self, place: impl Into<String>, span: Range<usize>) {
        self.places.insert(place.into(), span);
    }

    fn unknown<T>(&self, key: &Key<'_>, table: &str, known: &[&str]) -> Read<T> {
        let hint = match near_miss(key.get_ref(), known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("the keys are {}", known.join(", ")),
        };
        Err(self.error(
            key.span(),
            format!("unknown key {} in {table}; {hint}", quote(key.get_ref())),
        ))
    }

    fn policy(&mut self, document: &Table<'_>) -> Read<Policy> {
        let mut policy = Policy::new();
        for (key, value) in document {
            match key.get_ref().as_ref() {
                "limits" => policy.limits = self.limits("limits", value)?,
                "confine" => policy.confine = self.confine("confine", value)?,
                "grants" => {
                    for (name, value) in self.table(value, "grants", "a table of grants")? {
                        let grant = self.grant(name, value)?;
                        policy.grants.insert(name.get_ref().to_string(), grant);
                    }
                }
                _ => return self.unknown(key, "the policy", &["grants", "limits", "confine"]),
            }
        }
        Ok(policy)
    }

    fn grant(&mut self, name: &Key<'_>, value: &Value<'_>) -> Read<Grant> {
        let at = format!("grants.{}", name.get_ref());
        self.remember(&at, name.span());
        let table = self.table(value, &at, "a table with at least `program`")?;
        let Some((_, program)) = table.get_key_value("program") else {
            self.known_keys(table, &format!("[{at}]"), GRANT_KEYS)?;
            let message = format!(
                "[{at}] has no program; add a line such as program = {:?}",
                name.get_ref()
            );
            return Err(self.error(name.span(), message));
        };
        let mut grant = Grant::program(PathBuf::from(self.string(
            program,
            &format!("{at}.program"),
            "a string",
        )?));
        self.remember(format!("{at}.program"), program.span());
        let mut all = None;
        for (key, value) in table {
            let place = format!("{at}.{}", key.get_ref());
            match key.get_ref().as_ref() {
                "program" => {}
                "sha256" => {
                    let digest = self.string(value, &place, "a string of 64 hexadecimal digits")?;
                    grant.sha256 = Some(
                        digest
                            .parse()
                            .or_else(|why| self.fail(value, format!("{place}: {why}")))?,
                    );
                    self.remember(place, value.span());
                }
                "args" => match self.string(value, &place, "\"any\" or \"none\"")? {
                    "any" => all = Some((Arguments::Any, value)),
                    "none" => all = Some((Arguments::None, value)),
                    other => {
                        let message = format!("{place}: {} is neither \"any\" nor \"none\"", quote(other));
                        return self.fail(value, format!("{message}; list what is allowed under `forms`"));
                    }
                },
                "forms" => {
                    self.remember(&place, value.span());
                    let mut forms = Vec::new();
                    for (index, form) in self.array(value, &place, "an array of forms")?.iter().enumerate() {
                        forms.push(self.form(&format!("{place}[{index}]"), form)?);
                    }
                    grant.args = Arguments::Forms(forms);
                }
                "env" => self.env(&place, value, &mut grant)?,
                "cwd" => grant.cwd = self.strings(&place, value, "an array of guest paths")?,
                "argv0" => grant.argv0 = self.boolean(value, &place)?,
                "signals" => grant.signals = Some(self.signals(&place, value)?),
                "inherit" => grant.inherit = Some(self.inherit(&place, value)?),
                "limits" => grant.limits = self.limits(&place, value)?,
                "network" => grant.network = self.network(&place, value)?,
                "read" => grant.read = self.paths(&place, value)?,
                "hide" => grant.hide = self.paths(&place, value)?,
                "unix_sockets" => grant.unix_sockets = self.boolean(value, &place)?,
                _ => return self.unknown(key, &format!("[{at}]"), GRANT_KEYS),
            }
        }
        if let Some((args, value)) = all {
            if grant.args != Arguments::None {
                return self.fail(
                    value,
                    format!("{at} has both `args` and `forms`; keep the one that you mean"),
                );
            }
            grant.args = args;
        }
        Ok(grant)
    }

    fn form(&mut self, at: &str, value: &Value<'_>) -> Read<Form> {
        self.remember(at, value.span());
        let (name, words) = match value.get_ref() {
            DeValue::Array(words) => (None, words),
            DeValue::Table(table) => {
                self.known_keys(table, &format!("the form {at}"), &["name", "words"])?;
                let name = match table.get("name") {
                    Some(name) => {
                        self.remember(format!("{at}.name"), name.span());
                        Some(self.string(name, &format!("{at}.name"), "a string")?.to_owned())
                    }
                    None => None,
                };
                match table.get("words") {
                    Some(words) => (name, self.array(words, &format!("{at}.words"), "an array of words")?),
                    None => return self.fail(value, format!("{at}: the form has no `words`; add words = [...]")),
                }
            }
            DeValue::String(word) => {
                let message = format!(
                    "{at}: a form is an array of words, not a string; write [{:?}]",
                    word.as_ref()
                );
                return self.fail(value, message);
            }
            other => return self.fail(value, format!("{at}: a form is an array of words, not {}", kind(other))),
        };
        let words = words
            .iter()
            .enumerate()
            .map(|(index, word)| self.word(&format!("{at}.words[{index}]"), word));
        Ok(Form {
            name,
            words: words.collect::<Read<_>>()?,
        })
    }

    fn word(&mut self, at: &str, value: &Value<'_>) -> Read<Word> {
        // A word within a repeated or optional one has the place of the outer one.
        self.places.entry(at.to_owned()).or_insert(value.span());
        let table = match value.get_ref() {
            DeValue::String(word) => return Ok(Word::exact(word.as_ref())),
            DeValue::Table(table) => table,
            other => {
                return self.fail(
                    value,
                    format!(
                        "{at}: a word is a string or a table such as {{ any = true }}, not {}",
                        kind(other)
                    ),
                );
            }
        };
        self.known_keys(table, &format!("the word {at}"), WORD_KEYS)?;
        let kinds: Vec<&str> = ["regex", "one_of", "path", "any", "optional", "repeat"]
            .into_iter()
            .filter(|kind| table.contains_key(*kind))
            .collect();
        let [kind] = kinds.as_slice() else {
            let message = "a word has exactly one of regex, one_of, path, any, optional and repeat";
            return self.fail(value, format!("{at}: {message}"));
        };
        let companions: &[&str] = match *kind {
            "path" => &["prefix"],
            "repeat" => &["min", "max"],
            _ => &[],
        };
        if let Some((key, _)) = table.iter().find(|(key, _)| {
            let key = key.get_ref().as_ref();
            key != *kind && !companions.contains(&key)
        }) {
            return Err(self.error(
                key.span(),
                format!("{at}: {:?} does not go with {kind:?}", key.get_ref()),
            ));
        }
        let Some(inner) = table.get(*kind) else {
            return self.fail(value, format!("{at}: the word is empty"));
        };
        match *kind {
            "regex" => Ok(Word::regex(self.string(
                inner,
                at,
                "a regular expression in a string",
            )?)),
            "one_of" => {
                let words = self.array(inner, at, "an array of strings")?.iter();
                Ok(Word::OneOf(
                    words
                        .map(|word| Ok(self.string(word, at, "a string")?.to_owned()))
                        .collect::<Read<_>>()?,
                ))
            }
            "path" => {
                self.must_be_true(inner, at, "path")?;
                let prefix = table
                    .get("prefix")
                    .map(|prefix| self.string(prefix, at, "a string"))
                    .transpose()?;
                Ok(Word::path_after(prefix.unwrap_or_default()))
            }
            "any" => self.must_be_true(inner, at, "any").map(|()| Word::Any),
            "optional" => Ok(self.plain(at, inner)?.optional()),
            _ => {
                let min = table
                    .get("min")
                    .map(|min| self.count(min, &format!("{at}.min")))
                    .transpose()?;
                let max = table
                    .get("max")
                    .map(|max| self.count(max, &format!("{at}.max")))
                    .transpose()?;
                Ok(self.plain(at, inner)?.repeat(min.unwrap_or(0), max))
            }
        }
    }

    /// A word that is neither repeated nor optional. Refused here and not only later, so that the depth of what is read
    /// is bounded.
    fn plain(&mut self, at: &str, value: &Value<'_>) -> Read<Word> {
        if let DeValue::Table(table) = value.get_ref()
            && ["optional", "repeat"].iter().any(|kind| table.contains_key(*kind))
        {
            let message = "a repeated or optional word holds one plain word, not another repeated or optional one";
            return self.fail(value, format!("{at}: {message}"));
        }
        self.word(at, value)
    }

    fn must_be_true(&self, value: &Value<'_>, at: &str, key: &str) -> Read<()> {
        match value.get_ref() {
            DeValue::Boolean(true) => Ok(()),
            _ => self.fail(value, format!("{at}: write {key} = true, or another kind of word")),
        }
    }

    fn env(&mut self, at: &str, value: &Value<'_>, grant: &mut Grant) -> Read<()> {
        let table = self.table(value, at, "a table with `set` and `allow`")?;
        self.known_keys(table, &format!("[{at}]"), &["set", "allow"])?;
        if let Some(set) = table.get("set") {
            let at = format!("{at}.set");
            for (key, value) in self.table(set, &at, "a table of names and values")? {
                let at = format!("{at}.{}", key.get_ref());
                self.remember(&at, key.span());
                grant.env_set.insert(
                    key.get_ref().to_string(),
                    self.string(value, &at, "a string")?.to_owned(),
                );
            }
        }
        let Some(allow) = table.get("allow") else { return Ok(()) };
        let at = format!("{at}.allow");
        if let DeValue::Array(names) = allow.get_ref() {
            for name in names.iter() {
                let key = self.string(name, &at, "the name of an environment variable")?;
                self.remember(format!("{at}.{key}"), name.span());
                grant.env_allow.insert(key.to_owned(), EnvValue::Any);
            }
            return Ok(());
        }
        for (key, value) in self.table(
            allow,
            &at,
            "an array of names, or a table of names and what their values may be",
        )? {
            let at = format!("{at}.{}", key.get_ref());
            self.remember(&at, key.span());
            let allowed = match value.get_ref() {
                DeValue::Boolean(true) => EnvValue::Any,
                DeValue::String(pattern) => EnvValue::Regex(pattern.to_string()),
                other => {
                    let message = "the value is a regular expression in a string, or true for any value, not";
                    return self.fail(value, format!("{at}: {message} {}", kind(other)));
                }
            };
            grant.env_allow.insert(key.get_ref().to_string(), allowed);
        }
        Ok(())
    }

    fn signals(&mut self, at: &str, value: &Value<'_>) -> Read<Vec<Signal>> {
        let array = self.array(value, at, "an array of signals' names")?;
        let read = |name: &Value<'_>| {
            let text = self.string(name, at, "the name of a signal")?;
            text.parse().or_else(|_| {
                let names: Vec<String> = Signal::NAMED.iter().map(|signal| signal_name(*signal)).collect();
                let stem = text.to_ascii_lowercase();
                let stem = stem.strip_prefix("sig").unwrap_or(&stem);
                let hint = match near_miss(stem, names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => "the names are those of signal(7), such as \"term\" or \"rtmin+1\"".to_owned(),
                };
                self.fail(
                    name,
                    format!("{at}: {} is not the name of a signal; {hint}", quote(text)),
                )
            })
        };
        array.iter().map(read).collect()
    }

    fn inherit(&mut self, at: &str, value: &Value<'_>) -> Read<Vec<StdStream>> {
        let array = match value.get_ref() {
            DeValue::Boolean(true) => return Ok(StdStream::ALL.to_vec()),
            DeValue::Boolean(false) => return Ok(Vec::new()),
            _ => self.array(
                value,
                at,
                "true, false, or an array of \"stdin\", \"stdout\" and \"stderr\"",
            )?,
        };
        let read = |name: &Value<'_>| {
            let text = self.string(name, at, "the name of a stream")?;
            let stream = StdStream::ALL.into_iter().find(|stream| stream.name() == text);
            let message = format!(
                "{at}: {} is not one of \"stdin\", \"stdout\" and \"stderr\"",
                quote(text)
            );
            stream.map_or_else(|| self.fail(name, message), Ok)
        };
        array.iter().map(read).collect()
    }

    fn limits(&mut self, at: &str, value: &Value<'_>) -> Read<Limits> {
        let table = self.table(value, at, "a table of limits")?;
        let mut limits = Limits::default();
        for (key, value) in table {
            let place = format!("{at}.{}", key.get_ref());
            match key.get_ref().as_ref() {
                "live" => limits.live = Some(self.whole(value, &place)?),
                "held" => limits.held = Some(self.whole(value, &place)?),
                "spawns" => limits.spawns = Some(self.whole(value, &place)?),
                "open_files" => limits.open_files = Some(self.whole(value, &place)?),
                "processes" => limits.processes = Some(self.whole(value, &place)?),
                "wall" => limits.wall = Some(self.duration(value, &place)?),
                "drain" => limits.drain = Some(self.duration(value, &place)?),
                "cpu" => limits.cpu = Some(self.duration(value, &place)?),
                "output" => limits.output = Some(self.size(value, &place)?),
                "capture" => limits.capture = Some(self.size(value, &place)?),
                "memory" => limits.memory = Some(self.size(value, &place)?),
                "file_size" => limits.file_size = Some(self.size(value, &place)?),
                _ => return self.unknown(key, &format!("[{at}]"), LIMIT_KEYS),
            }
            self.remember(place, value.span());
        }
        Ok(limits)
    }

    fn duration(&self, value: &Value<'_>, at: &str) -> Read<Duration> {
        let text = self.string(value, at, "a duration in a string, such as \"30s\" or \"1m 30s\"")?;
        humantime::parse_duration(text).or_else(|why| {
            self.fail(
                value,
                format!("{at}: {} is not a duration such as \"30s\": {why}", quote(text)),
            )
        })
    }

    fn size(&self, value: &Value<'_>, at: &str) -> Read<u64> {
        match value.get_ref() {
            DeValue::String(text) => parse_size(text).or_else(|why| self.fail(value, format!("{at}: {why}"))),
            DeValue::Integer(_) => self.whole(value, at),
            other => self.fail(value, format!("{at} is a size such as \"10MiB\", not {}", kind(other))),
        }
    }

    fn whole(&self, value: &Value<'_>, at: &str) -> Read<u64> {
        let DeValue::Integer(number) = value.get_ref() else {
            return self.fail(value, format!("{at} is a whole number, not {}", kind(value.get_ref())));
        };
        u64::from_str_radix(number.as_str(), number.radix()).or_else(|_| {
            self.fail(
                value,
                format!("{at}: {number} is not a whole number from 0 up to {}", u64::MAX),
            )
        })
    }

    fn count(&self, value: &Value<'_>, at: &str) -> Read<usize> {
        let number = self.whole(value, at)?;
        usize::try_from(number).or_else(|_| self.fail(value, format!("{at}: {number} is too large")))
    }

    fn boolean(&self, value: &Value<'_>, at: &str) -> Read<bool> {
        match value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            other => self.fail(value, format!("{at} is true or false, not {}", kind(other))),
        }
    }

    fn string<'v>(&self, value: &'v Value<'_>, at: &str, what: &str) -> Read<&'v str> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.as_ref()),
            other => self.fail(value, format!("{at} takes {what}, not {}", kind(other))),
        }
    }

    fn strings(&mut self, at: &str, value: &Value<'_>, what: &str) -> Read<Vec<String>> {
        let mut strings = Vec::new();
        for (index, value) in self.array(value, at, what)?.iter().enumerate() {
            self.remember(format!("{at}[{index}]"), value.span());
            strings.push(self.string(value, at, "strings")?.to_owned());
        }
        Ok(strings)
    }

    fn array<'v, 't>(&self, value: &'v Value<'t>, at: &str, what: &str) -> Read<&'v toml::de::DeArray<'t>> {
        match value.get_ref() {
            DeValue::Array(array) => Ok(array),
            other => self.fail(value, format!("{at} takes {what}, not {}", kind(other))),
        }
    }

    fn table<'v, 't>(&self, value: &'v Value<'t>, at: &str, what: &str) -> Read<&'v Table<'t>> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            other => self.fail(value, format!("{at} takes {what}, not {}", kind(other))),
        }
    }

    fn known_keys(&self, table: &Table<'_>, name: &str, known: &[&str]) -> Read<()> {
        match table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
            Some(key) => self.unknown(key, name, known),
            None => Ok(()),
        }
    }
}

/// A signal as a policy writes it: `term`, `rtmin+1`.
pub(super) fn signal_name(signal: Signal) -> String {
    let name = signal.to_string().to_ascii_lowercase();
    name.strip_prefix("sig").unwrap_or(&name).to_owned()
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
