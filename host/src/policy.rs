//! What a guest may start: grants, their argument forms, environment, working directories, signals and limits, and how
//! the processes are confined.
//!
//! Everything is denied that a policy does not allow. A guest names a *grant*; which file that is, is the operator's
//! choice alone.
//!
//! There are two values. A [`Policy`] is plain data: the same whether it was read from TOML ([`Policy::from_toml`]) or
//! built in code. A [`LoadedPolicy`] is what decides: its programs are resolved and pinned, its patterns compiled. Only
//! [`Policy::load`] touches the operating system; [`LoadedPolicy::decide`] is a pure function of the policy, the request
//! and what the host says about paths.
//!
//! # In TOML
//!
//! ```
//! use childproof_host::policy::{Confine, Form, Grant, Limits, Network, Policy, Tier, Word};
//! use std::time::Duration;
//!
//! let text = r#"
//! ## What the guest as a whole may use up.
//! [limits]
//! live = 8
//!
//! ## What its processes see of the host, beside the system directories and the guest's preopens.
//! [confine]
//! tier = "full"                         # the default; or "reduced", or "none"
//! read = ["/etc/gitconfig"]             # files and directories, read-only; a grant can have `read`, too
//! hide = ["/usr/local"]                 # what they do not see; a grant can have `hide`, too
//! tmp = "64MiB"                         # the size of a process's own /tmp
//!
//! ## The guest says "git"; this is what it gets.
//! [grants.git]
//! program = "git"                       # looked up once in the operator's PATH; or an absolute path
//! cwd = ["/repo"]                       # the preopens it may work in, this one read-only; the first is the default
//! signals = ["term", "int"]             # kill is always allowed
//! network = { connect = [443] }         # TCP to these ports, anywhere; or "host"; "none" is the default
//! unix_sockets = true                   # Unix sockets by path, an agent's in a preopen, say; not by default
//! forms = [
//!   ["status", "--short"],              # exactly these two arguments
//!   { name = "log", words = [
//!     "log",
//!     { one_of = ["--oneline", "--stat"] },
//!     { optional = { regex = "--max-count=[0-9]{1,4}" } },
//!     "--",
//!     { repeat = { path = true }, max = 100 },
//!   ] },
//! ]
//!
//! [grants.git.env]
//! allow = { "GIT_AUTHOR_*" = "[^<>]*", LANG = "[A-Za-z_]+(\\.UTF-8)?", TZ = true }
//!
//! ## Git runs programs that `.git` names. These overrule some; for the rest, nobody who is not trusted may write there.
//! [grants.git.env.set]
//! GIT_PAGER = "cat"
//! GIT_CONFIG_NOSYSTEM = "1"
//! GIT_OPTIONAL_LOCKS = "0"
//! GIT_CONFIG_COUNT = "2"
//! GIT_CONFIG_KEY_0 = "core.fsmonitor"
//! GIT_CONFIG_VALUE_0 = "false"
//! GIT_CONFIG_KEY_1 = "log.showSignature"
//! GIT_CONFIG_VALUE_1 = "false"
//!
//! [grants.git.limits]
//! wall = "30s"
//! output = "10MiB"
//!
//! ## Without `forms`, a program runs without arguments.
//! [grants.date]
//! program = "/bin/date"
//! "#;
//!
//! let in_code = Policy::new()
//!     .limits(Limits { live: Some(8), ..Limits::default() })
//!     .confine(Confine {
//!         tier: Some(Tier::Full),
//!         read: vec!["/etc/gitconfig".into()],
//!         hide: vec!["/usr/local".into()],
//!         tmp: Some(64 << 20),
//!     })
//!     .grant(
//!         "git",
//!         Grant::program("git")
//!             .cwd(["/repo"])
//!             .signals(["term", "int"].map(|name| name.parse().unwrap()))
//!             .network(Network::Connect(vec![443]))
//!             .unix_sockets(true)
//!             .form(["status", "--short"])
//!             .form(
//!                 Form::new([
//!                     "log".into(),
//!                     Word::one_of(["--oneline", "--stat"]),
//!                     Word::regex("--max-count=[0-9]{1,4}").optional(),
//!                     "--".into(),
//!                     Word::path().repeat(0, 100),
//!                 ])
//!                 .named("log"),
//!             )
//!             .env_set("GIT_PAGER", "cat")
//!             .env_set("GIT_CONFIG_NOSYSTEM", "1")
//!             .env_set("GIT_OPTIONAL_LOCKS", "0")
//!             .env_set("GIT_CONFIG_COUNT", "2")
//!             .env_set("GIT_CONFIG_KEY_0", "core.fsmonitor")
//!             .env_set("GIT_CONFIG_VALUE_0", "false")
//!             .env_set("GIT_CONFIG_KEY_1", "log.showSignature")
//!             .env_set("GIT_CONFIG_VALUE_1", "false")
//!             .env_allow_matching("GIT_AUTHOR_*", "[^<>]*")
//!             .env_allow_matching("LANG", r"[A-Za-z_]+(\.UTF-8)?")
//!             .env_allow("TZ")
//!             .limits(Limits { wall: Some(Duration::from_secs(30)), output: Some(10 << 20), ..Limits::default() }),
//!     )
//!     .grant("date", Grant::program("/bin/date"));
//!
//! assert_eq!(Policy::from_toml(text)?, in_code);
//! # Ok::<(), childproof_host::policy::PolicyError>(())
//! ```
//!
//! A `forms` entry is an array of words, or a table with `name` and `words`. A word is one of
//!
//! | word | matches |
//! |---|---|
//! | `"log"` | exactly this argument |
//! | `{ regex = "[0-9]+" }` | an argument the expression matches as a whole |
//! | `{ one_of = ["a", "b"] }` | one of these arguments |
//! | `{ path = true }` | a path inside a preopen; never an option, a URL, `host:path`, `@file`, `~/file` |
//! | `{ path = true, prefix = "--file=" }` | the prefix and such a path |
//! | `{ any = true }` | any argument that does not begin with `-` |
//! | `{ optional = WORD }` | the word, or nothing |
//! | `{ repeat = WORD, min = 1, max = 9 }` | the last word of a form: as many of the word; `min` is 0 and `max` open by default |
//!
//! `args = "any"` in place of `forms` allows all arguments. Durations are strings such as `"1m 30s"`, sizes are strings
//! such as `"10MiB"` or whole numbers of bytes. The limits and their defaults are the fields of [`Limits`]; those of
//! `[confine]` are the fields of [`Confine`], and `network` is a [`Network`].

mod compile;
mod confine;
mod dangerous;
mod decide;
mod environment;
mod form;
mod limits;
mod load;
mod machine;
mod matching;
mod narrow;
mod place;
mod refusal;
mod resolve;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use childproof_launch::Signal;

pub use self::confine::{Confine, Network, Tier, UnknownTier};
pub use self::decide::{Decision, PathCheck, Request};
pub use self::form::{Arguments, Form, Word};
pub use self::limits::Limits;
pub use self::load::{LoadError, LoadOptions, LoadedGrant, LoadedPolicy, Preopen};
pub use self::narrow::NarrowError;
pub use self::refusal::{Field, Refusal, RefusalKind};
pub use self::text::PolicyError;

pub(crate) use self::place::place;

/// What a guest may start. The default denies everything.
///
/// # Ambient Authority
///
/// A policy is how authority over the host's programs reaches a guest. Whoever writes it vouches for what the granted
/// programs do with the arguments, files and directories that it allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The grants, by the name that a guest uses.
    pub grants: BTreeMap<String, Grant>,
    /// The limits of the guest.
    pub limits: Limits,
    /// How children are confined.
    pub confine: Confine,
}

impl Policy {
    /// A policy that denies everything.
    pub fn new() -> Policy {
        Policy::default()
    }

    /// Adds a grant, or replaces the one of that name.
    pub fn grant(mut self, name: impl Into<String>, grant: Grant) -> Policy {
        self.grants.insert(name.into(), grant);
        self
    }

    /// Sets the limits of the guest.
    pub fn limits(mut self, limits: Limits) -> Policy {
        self.limits = limits;
        self
    }

    /// Sets how children are confined.
    pub fn confine(mut self, confine: Confine) -> Policy {
        self.confine = confine;
        self
    }
}

/// One program, and what a guest may do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// The program: an absolute path, or a bare name that is looked up once in the operator's search path.
    pub program: PathBuf,
    /// The SHA-256 that the program's file must have.
    pub sha256: Option<Sha256Digest>,
    /// The arguments it takes. Default: none.
    pub args: Arguments,
    /// Environment variables the child gets, with their values. A guest can change one only if `env_allow` has it too.
    pub env_set: BTreeMap<String, String>,
    /// Environment variables a guest may set, and what their values may be. A key that ends in `*` stands for all names
    /// that begin so, apart from those that can make a program load or run other code (`PATH`, `LD_*`, ...): these must
    /// be written out. Where several keys cover a name, the exact one holds, then the longest.
    pub env_allow: BTreeMap<String, EnvValue>,
    /// The preopens, by their guest paths, that a working directory may lie in; none allows each preopen. The first is
    /// the working directory of a child whose guest names none.
    pub cwd: Vec<String>,
    /// Whether a guest may set `argv[0]`. Default: no, because some programs do something else under another name.
    pub argv0: bool,
    /// Signals a guest may send; none stands for [`Grant::default_signals`]. [`Signal::Kill`] is always allowed.
    pub signals: Option<Vec<Signal>>,
    /// Which of the guest's own standard streams a child may inherit; none allows all three. The default allows them,
    /// because the guest reads and writes these streams itself: handing one on gives the child nothing new.
    pub inherit: Option<Vec<StdStream>>,
    /// Limits of this grant.
    pub limits: Limits,
    /// What a child may reach of the network. Default: nothing.
    pub network: Network,
    /// Paths of the host that a child of this grant sees, beside those of the policy: see [`Confine::read`].
    pub read: Vec<PathBuf>,
    /// Paths of the host that a child of this grant does not see, beside those of the policy: see [`Confine::hide`].
    pub hide: Vec<PathBuf>,
    /// Whether a child may use Unix sockets by path or by name. Default: no; pairs of connected sockets (socketpair(2)) it
    /// may use in any case.
    ///
    /// # Ambient Authority
    ///
    /// A service of the host whose socket lies in a directory of the guest is then within the child's reach, and it acts with
    /// the service's rights, not with the child's.
    pub unix_sockets: bool,
}

impl Grant {
    /// A grant of a program, by absolute path or bare name, that takes no arguments and no environment.
    ///
    /// # Ambient Authority
    ///
    /// The guest can run this program with all that the confinement leaves to it.
    pub fn program(program: impl Into<PathBuf>) -> Grant {
        Grant {
            program: program.into(),
            sha256: None,
            args: Arguments::None,
            env_set: BTreeMap::new(),
            env_allow: BTreeMap::new(),
            cwd: Vec::new(),
            argv0: false,
            signals: None,
            inherit: None,
            limits: Limits::default(),
            network: Network::None,
            read: Vec::new(),
            hide: Vec::new(),
            unix_sockets: false,
        }
    }

    /// The signals that may be sent where a grant does not say: those that end, stop, resume or notify a process. The
    /// ones that stand for a crash, and may leave a core file, are not among them.
    pub fn default_signals() -> &'static [Signal] {
        &[
            Signal::Term,
            Signal::Int,
            Signal::Hup,
            Signal::Kill,
            Signal::Stop,
            Signal::Tstp,
            Signal::Cont,
            Signal::Usr1,
            Signal::Usr2,
            Signal::Winch,
        ]
    }

    /// Pins the program's content.
    pub fn sha256(mut self, digest: Sha256Digest) -> Grant {
        self.sha256 = Some(digest);
        self
    }

    /// Sets which arguments the program takes.
    pub fn args(mut self, args: Arguments) -> Grant {
        self.args = args;
        self
    }

    /// Adds an argument form.
    ///
    /// To a grant of [`Arguments::Any`] it adds nothing, because that allows the form already.
    pub fn form(mut self, form: impl Into<Form>) -> Grant {
        match &mut self.args {
            Arguments::Any => {}
            Arguments::None => self.args = Arguments::Forms(vec![form.into()]),
            Arguments::Forms(forms) => forms.push(form.into()),
        }
        self
    }

    /// Gives the child an environment variable.
    pub fn env_set(mut self, key: impl Into<String>, value: impl Into<String>) -> Grant {
        self.env_set.insert(key.into(), value.into());
        self
    }

    /// Lets a guest set an environment variable to any value.
    pub fn env_allow(mut self, key: impl Into<String>) -> Grant {
        self.env_allow.insert(key.into(), EnvValue::Any);
        self
    }

    /// Lets a guest set an environment variable to a value that the regular expression matches as a whole.
    pub fn env_allow_matching(mut self, key: impl Into<String>, pattern: impl Into<String>) -> Grant {
        self.env_allow.insert(key.into(), EnvValue::Regex(pattern.into()));
        self
    }

    /// Sets the preopens that a working directory may lie in.
    pub fn cwd<S: Into<String>>(mut self, preopens: impl IntoIterator<Item = S>) -> Grant {
        self.cwd = preopens.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether a guest may set `argv[0]`.
    pub fn argv0(mut self, allowed: bool) -> Grant {
        self.argv0 = allowed;
        self
    }

    /// Sets the signals a guest may send.
    pub fn signals(mut self, signals: impl IntoIterator<Item = Signal>) -> Grant {
        self.signals = Some(signals.into_iter().collect());
        self
    }

    /// Sets which of the guest's standard streams a child may inherit.
    pub fn inherit(mut self, streams: impl IntoIterator<Item = StdStream>) -> Grant {
        self.inherit = Some(streams.into_iter().collect());
        self
    }

    /// Sets the limits of this grant.
    pub fn limits(mut self, limits: Limits) -> Grant {
        self.limits = limits;
        self
    }

    /// Sets what a child may reach of the network.
    pub fn network(mut self, network: Network) -> Grant {
        self.network = network;
        self
    }

    /// Sets the paths of the host that a child sees, beside those of the policy.
    pub fn read<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Grant {
        self.read = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the paths of the host that a child does not see, beside those of the policy.
    pub fn hide<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Grant {
        self.hide = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether a child may use Unix sockets by path or by name.
    pub fn unix_sockets(mut self, allowed: bool) -> Grant {
        self.unix_sockets = allowed;
        self
    }
}

/// What the value of an environment variable may be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvValue {
    /// Anything.
    Any,
    /// What this regular expression matches as a whole.
    Regex(String),
}

/// A standard stream of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StdStream {
    /// Standard input.
    Stdin,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl StdStream {
    /// All three.
    pub const ALL: [StdStream; 3] = [StdStream::Stdin, StdStream::Stdout, StdStream::Stderr];

    /// Its name: `stdin`, `stdout` or `stderr`.
    pub fn name(self) -> &'static str {
        match self {
            StdStream::Stdin => "stdin",
            StdStream::Stdout => "stdout",
            StdStream::Stderr => "stderr",
        }
    }
}

impl fmt::Display for StdStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A SHA-256 digest. Its text is 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256Digest(pub [u8; 32]);

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256Digest({self})")
    }
}

impl FromStr for Sha256Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Sha256Digest, InvalidDigest> {
        let digits: Vec<u32> = text
            .chars()
            .map(|c| c.to_digit(16).ok_or(InvalidDigest))
            .collect::<Result<_, _>>()?;
        let mut digest = [0; 32];
        if digits.len() != 2 * digest.len() {
            return Err(InvalidDigest);
        }
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair
                .iter()
                .fold(0, |byte, digit| byte << 4 | u8::try_from(*digit).unwrap_or_default());
        }
        Ok(Sha256Digest(digest))
    }
}

/// The text is no SHA-256 digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest is 64 hexadecimal digits, as `sha256sum FILE` prints them")]
pub struct InvalidDigest;
