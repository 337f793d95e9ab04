//! Checks a grant as written and turns it into what decides. Reading TOML and loading a policy both go through here, so
//! that there is one set of rules about what a policy may say.

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, Look};

use super::environment::Environment;
use super::matching::{Item, Matcher, Shape, Tail};
use super::refusal::{bare, quote};
use super::{Arguments, Form, Grant, Policy, Word, confine};

/// More words than this in one form are taken for a mistake.
const MOST_WORDS: usize = 128;
/// The longest name of a grant or form.
const LONGEST_NAME: usize = 64;
/// The longest pattern, in bytes.
const LONGEST_PATTERN: usize = 4096;
/// How much memory one compiled pattern may take, in bytes. A `\w` takes 60 KiB, because it covers all of Unicode, and this
/// is room for 64 of them; patterns over ASCII alone take a hundredth of it.
const PATTERN_MEMORY: usize = 4 << 20;
/// How much memory the compiled patterns of a policy may take together, in bytes.
const POLICY_MEMORY: usize = 64 << 20;
/// What a pattern counts for at least. A larger one counts for the next power of two.
const LEAST_MEMORY: usize = 16 << 10;

/// The memory that is left for the patterns of a policy.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Room {
        Room(POLICY_MEMORY)
    }
}

/// A policy says what it may not say: where, and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    /// The place, such as `grants.git.forms[1].words[0]`.
    pub(super) field: String,
    pub(super) message: String,
}

impl Invalid {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Invalid {
        Invalid {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// A grant whose patterns are compiled; its program is not looked at.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) args: ArgumentRules,
    pub(super) env: Environment,
}

#[derive(Debug)]
pub(super) enum ArgumentRules {
    None,
    Any,
    Forms(Vec<Shape>),
}

/// Checks everything that can be checked without the operating system.
pub(super) fn policy(policy: &Policy) -> Result<(), Invalid> {
    limits("limits", &policy.limits)?;
    confine::check(policy)?;
    let mut room = Room::default();
    policy
        .grants
        .iter()
        .try_for_each(|(name, grant)| rules(name, grant, &mut room).map(drop))
}

/// Checks and compiles one grant.
pub(super) fn rules(name: &str, grant: &Grant, room: &mut Room) -> Result<Rules, Invalid> {
    let at = format!("grants.{name}");
    check_name(name).map_err(|why| Invalid::new(&at, format!("the name {} of a grant {why}", quote(name))))?;
    program(&at, grant)?;
    for (index, preopen) in grant.cwd.iter().enumerate() {
        if preopen.is_empty() {
            return Err(Invalid::new(
                format!("{at}.cwd[{index}]"),
                "a working directory is the guest path of a preopen",
            ));
        }
    }
    limits(&format!("{at}.limits"), &grant.limits)?;
    Ok(Rules {
        args: arguments(&at, &grant.args, room)?,
        env: Environment::compile(&at, grant, room)?,
    })
}

fn limits(at: &str, limits: &super::Limits) -> Result<(), Invalid> {
    limits
        .check()
        .map_err(|(field, message)| Invalid::new(format!("{at}.{field}"), message))
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("is empty");
    }
    if name.len() > LONGEST_NAME {
        return Err("is longer than 64 bytes");
    }
    if !name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
    {
        return Err("may hold letters, digits and -_.+ alone; the program's path goes into `program`");
    }
    if name.starts_with(['-', '.']) {
        return Err("may not begin with \"-\" or \".\"");
    }
    Ok(())
}

fn program(at: &str, grant: &Grant) -> Result<(), Invalid> {
    let path = &grant.program;
    let fail = |message: &str| Err(Invalid::new(format!("{at}.program"), message));
    if path.as_os_str().is_empty() {
        return fail("it is empty; name the program by an absolute path or a bare name");
    }
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return fail("it holds a NUL character, which no file name can");
    }
    // A file name of one component is what `Path::join` cannot lead elsewhere; `.` and `..` have none.
    if !path.is_absolute() && path.file_name() != Some(path.as_os_str()) {
        return fail(
            "it is a relative path, which would depend on where the host was started; \
             write an absolute path, or a bare name to look up in PATH",
        );
    }
    Ok(())
}

fn arguments(at: &str, args: &Arguments, room: &mut Room) -> Result<ArgumentRules, Invalid> {
    let forms = match args {
        Arguments::None => return Ok(ArgumentRules::None),
        Arguments::Any => return Ok(ArgumentRules::Any),
        Arguments::Forms(forms) => forms,
    };
    if forms.is_empty() {
        let message =
            "there is no form in it, so nothing would be allowed; leave it out to run the program without arguments";
        return Err(Invalid::new(format!("{at}.forms"), message));
    }
    let mut names = std::collections::BTreeSet::new();
    let mut shapes = Vec::with_capacity(forms.len());
    for (index, form) in forms.iter().enumerate() {
        let at = format!("{at}.forms[{index}]");
        if let Some(name) = &form.name {
            check_name(name).map_err(|why| {
                Invalid::new(
                    format!("{at}.name"),
                    format!("the name {} of a form {why}", quote(name)),
                )
            })?;
            if !names.insert(name) {
                return Err(Invalid::new(
                    format!("{at}.name"),
                    format!("another form is called {} already", quote(name)),
                ));
            }
        }
        shapes.push(shape(&at, form, room)?);
    }
    Ok(ArgumentRules::Forms(shapes))
}

/// The rule's name in audit and messages: by name where it has one, else by place.
fn rule_name(at: &str, form: &Form) -> String {
    match (&form.name, at.rfind('[')) {
        (Some(name), Some(bracket)) => format!("{}.{name}", &at[..bracket]),
        _ => at.to_owned(),
    }
}

fn shape(at: &str, form: &Form, room: &mut Room) -> Result<Shape, Invalid> {
    if form.words.len() > MOST_WORDS {
        let message = format!("a form has at most {MOST_WORDS} words; repeat the last one for more arguments");
        return Err(Invalid::new(at, message));
    }
    let mut items = Vec::new();
    let mut tail = None;
    for (index, word) in form.words.iter().enumerate() {
        let at = format!("{at}.words[{index}]");
        match word {
            Word::Repeat { word, min, max } => {
                if index + 1 != form.words.len() {
                    return Err(Invalid::new(at, "a repeated word must be the last one of its form"));
                }
                if *max == Some(0) {
                    return Err(Invalid::new(
                        at,
                        "a word repeated at most 0 times matches nothing; leave it out",
                    ));
                }
                if max.is_some_and(|max| max < *min) {
                    return Err(Invalid::new(at, "`min` is larger than `max`, so nothing can match"));
                }
                tail = Some(Tail {
                    word: matcher(&at, word, room)?,
                    min: *min,
                    max: max.unwrap_or(Tail::UNBOUNDED),
                });
            }
            Word::Optional(word) => items.push(Item {
                word: matcher(&at, word, room)?,
                optional: true,
            }),
            word => items.push(Item {
                word: matcher(&at, word, room)?,
                optional: false,
            }),
        }
    }
    Ok(Shape {
        rule: rule_name(at, form),
        items,
        tail,
    })
}

fn matcher(at: &str, word: &Word, room: &mut Room) -> Result<Matcher, Invalid> {
    let no_nul = |text: &str| match text.contains('\0') {
        true => Err(Invalid::new(at, "it holds a NUL character, which no argument can")),
        false => Ok(text.to_owned()),
    };
    match word {
        Word::Exact(word) => Ok(Matcher::Exact(no_nul(word)?)),
        Word::OneOf(words) if words.is_empty() => Err(Invalid::new(
            at,
            "`one_of` is empty, so nothing can match; list at least one word",
        )),
        Word::OneOf(words) => Ok(Matcher::OneOf(
            words.iter().map(|word| no_nul(word)).collect::<Result<_, _>>()?,
        )),
        Word::Regex(text) => match pattern(text, room) {
            Ok(regex) => Ok(Matcher::Regex {
                text: text.clone(),
                regex,
            }),
            Err(message) => Err(Invalid::new(at, message)),
        },
        Word::Path { prefix } => Ok(Matcher::Path {
            prefix: no_nul(prefix)?,
        }),
        Word::Any => Ok(Matcher::Any),
        Word::Repeat { .. } | Word::Optional(_) => Err(Invalid::new(
            at,
            "a repeated or optional word holds one plain word, not another repeated or optional one",
        )),
    }
}

/// Compiles a pattern so that it matches whole texts only, and takes from the room what it needs.
///
/// The anchors go around the parsed pattern, never around its text: `a)|(b` or a comment cannot get rid of them.
pub(super) fn pattern(text: &str, room: &mut Room) -> Result<Regex, String> {
    if text.len() > LONGEST_PATTERN {
        return Err(format!("the pattern is longer than {LONGEST_PATTERN} bytes"));
    }
    let hir = regex_syntax::ParserBuilder::new()
        .nest_limit(64)
        .build()
        .parse(text)
        .map_err(|error| {
            let (kind, column) = match &error {
                regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(error.span().start)),
                regex_syntax::Error::Translate(error) => (error.kind().to_string(), Some(error.span().start)),
                _ => (error.to_string(), None),
            };
            match column {
                Some(position) if position.line == 1 => {
                    format!(
                        "the pattern {} is wrong at character {}: {kind}",
                        quote(text),
                        position.column
                    )
                }
                _ => format!("the pattern {} is wrong: {kind}", quote(text)),
            }
        })?;
    let whole = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
    let whole = whole.to_string();
    let smaller =
        "use smaller repetition counts; \\w, \\d and \\s cover all of Unicode, and [0-9A-Za-z_] is much smaller";
    let mut memory = LEAST_MEMORY;
    while memory <= PATTERN_MEMORY {
        if memory > room.0 {
            return Err(format!(
                "the patterns of the policy, up to {}, need more than {}MiB; {smaller}",
                quote(text),
                POLICY_MEMORY >> 20
            ));
        }
        match RegexBuilder::new(&whole).size_limit(memory).nest_limit(128).build() {
            Ok(regex) => {
                room.0 -= memory;
                return Ok(regex);
            }
            Err(regex::Error::CompiledTooBig(_)) => memory *= 2,
            Err(error) => {
                return Err(format!(
                    "the pattern {} is wrong: {}",
                    quote(text),
                    bare(&error.to_string())
                ));
            }
        }
    }
    Err(format!(
        "the pattern {} needs more than {}MiB; {smaller}",
        quote(text),
        PATTERN_MEMORY >> 20
    ))
}
