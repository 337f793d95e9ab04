//! Argument forms: which argument lists a grant takes.

/// Which arguments a grant takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Arguments {
    /// None at all: the program runs without arguments or not.
    #[default]
    None,
    /// Any argument list.
    ///
    /// # Ambient Authority
    ///
    /// Many programs run other programs, write files or open connections when an argument tells them to. With this, the
    /// guest has all of it.
    Any,
    /// The argument lists that one of these forms matches.
    Forms(Vec<Form>),
}

/// One shape of an argument list: a sequence of words, each of which must match the argument in its place.
///
/// Nothing is guessed about flags: `--max-count=3` and `-n 3` are two forms, and an order that no form has is refused. A
/// form with no words matches the empty argument list.
///
/// ```
/// use childproof_host::policy::{Form, Word};
///
/// let form = Form::new(["log".into(), "--oneline".into(), Word::path().repeat(0, None)]).named("log");
/// assert_eq!(form.name.as_deref(), Some("log"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Form {
    /// A name for audit and messages. Without one, the form is called by its place in the list.
    pub name: Option<String>,
    /// The words, in order.
    pub words: Vec<Word>,
}

impl Form {
    /// A form of these words, without a name.
    pub fn new<W: Into<Word>>(words: impl IntoIterator<Item = W>) -> Form {
        Form {
            name: None,
            words: words.into_iter().map(Into::into).collect(),
        }
    }

    /// The same form under a name.
    pub fn named(mut self, name: impl Into<String>) -> Form {
        self.name = Some(name.into());
        self
    }
}

impl<W: Into<Word>, const N: usize> From<[W; N]> for Form {
    fn from(words: [W; N]) -> Form {
        Form::new(words)
    }
}

impl<W: Into<Word>> From<Vec<W>> for Form {
    fn from(words: Vec<W>) -> Form {
        Form::new(words)
    }
}

/// What one argument of a [`Form`] may be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Word {
    /// Exactly this argument.
    Exact(String),
    /// An argument that this regular expression matches as a whole: it is anchored at both ends, whatever it says itself.
    /// The syntax is that of the crate `regex`, whose matching time is linear in the argument. It is also linear in the size
    /// of the pattern, counted repetitions written out, and the guest waits for it on the host's thread: one such as
    /// `(a*b*){5000}` takes seconds for an argument of 128 KiB. Ordinary ones take no time that shows.
    Regex(String),
    /// One of these arguments.
    OneOf(Vec<String>),
    /// `prefix` and a path that lies inside a preopen of the guest, written so that no program takes it for anything else: it
    /// begins with one `/`, or with a letter, a digit, `.` or `_` and then holds no `:` before its first `/`.
    ///
    /// So none of `-x`, `@list`, `~/x`, `|command`, `//machine/share`, `file:///x` and `host:path` is one. A file whose name
    /// looks like that can be given as `./-x` or `./a:b`. A request may hold 4,096 different paths.
    ///
    /// Where a path leads is looked up when the process is started. What the program finds there later is a matter of
    /// confinement.
    Path {
        /// What stands before the path, such as `--file=`. Often empty.
        prefix: String,
    },
    /// Any argument that does not begin with `-`, so that no option slips in where an operand was meant. A regular
    /// expression can say otherwise.
    Any,
    /// The last word of a form: what it repeats, `min` times or more, up to `max` times where that is set.
    Repeat {
        /// What each of the arguments must be; neither a repeated nor an optional word.
        word: Box<Word>,
        /// How many there must be.
        min: usize,
        /// How many there may be.
        max: Option<usize>,
    },
    /// A word that may be left out; it holds neither a repeated nor an optional word.
    Optional(Box<Word>),
}

impl Word {
    /// See [`Word::Exact`].
    pub fn exact(word: impl Into<String>) -> Word {
        Word::Exact(word.into())
    }

    /// See [`Word::Regex`]. What is wrong with the pattern is said when the policy is loaded.
    pub fn regex(pattern: impl Into<String>) -> Word {
        Word::Regex(pattern.into())
    }

    /// See [`Word::OneOf`].
    pub fn one_of<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Word {
        Word::OneOf(words.into_iter().map(Into::into).collect())
    }

    /// See [`Word::Path`], without a prefix.
    pub fn path() -> Word {
        Word::Path { prefix: String::new() }
    }

    /// See [`Word::Path`].
    pub fn path_after(prefix: impl Into<String>) -> Word {
        Word::Path { prefix: prefix.into() }
    }

    /// See [`Word::Any`].
    pub fn any() -> Word {
        Word::Any
    }

    /// This word, repeated: see [`Word::Repeat`].
    pub fn repeat(self, min: usize, max: impl Into<Option<usize>>) -> Word {
        Word::Repeat {
            word: Box::new(self),
            min,
            max: max.into(),
        }
    }

    /// This word, which may be left out: see [`Word::Optional`].
    pub fn optional(self) -> Word {
        Word::Optional(Box::new(self))
    }
}

impl From<&str> for Word {
    fn from(word: &str) -> Word {
        Word::Exact(word.to_owned())
    }
}

impl From<String> for Word {
    fn from(word: String) -> Word {
        Word::Exact(word)
    }
}
