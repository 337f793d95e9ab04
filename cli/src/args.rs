//! The command line: one definition a flag, from which help and completions come.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use childproof_host::policy::{Network, Tier};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};

use crate::exit;
use crate::suite::SuiteArgs;

const EXAMPLES: &str = "\
Examples:
  childproof init                                    write a policy to start from
  childproof explain --policy policy.toml -- git log ask what it says
  childproof doctor                                  see what this machine enforces
  childproof run --policy policy.toml --dir .:ro guest.wasm";

/// Runs WebAssembly components that start native programs under a policy.
///
/// A component ("guest") cannot start a program of its own choice. It names a grant of the policy, and what the policy
/// does not allow is refused.
#[derive(Debug, Parser)]
#[command(name = "childproof", version, max_term_width = 100, after_long_help = format!("{EXAMPLES}\n\n{}", exit::ALL))]
pub(crate) struct Cli {
    /// Show on stderr what the host does, and of which WASI a component is. RUST_LOG sets it in detail.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the command line. Where it is wrong, it says so and ends this process.
    pub(crate) fn of_this_process() -> Self {
        let cli = Self::parse();
        match cli.check() {
            Ok(()) => cli,
            Err(error) => error.exit(),
        }
    }

    /// Refuses flags that are right each by itself, and not together.
    fn check(&self) -> Result<(), clap::Error> {
        let sandbox = match &self.command {
            Command::Run(args) => &args.sandbox,
            Command::Exec(args) => &args.sandbox,
            Command::Explain(args) => &args.sandbox,
            Command::Doctor(_) | Command::Suite(_) | Command::Init(_) | Command::Completions(_) => return Ok(()),
        };
        if sandbox.network.is_some() && sandbox.allow.is_empty() {
            let message = "--network is for the programs of --allow, and there is no --allow; for a grant of the policy \
                           file, write a line such as network = \"host\" under [grants.NAME]";
            return Err(Self::command().error(ErrorKind::MissingRequiredArgument, message));
        }
        Ok(())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Exec(ExecArgs),
    Explain(ExplainArgs),
    Doctor(DoctorArgs),
    Init(InitArgs),
    Suite(SuiteArgs),
    Completions(CompletionsArgs),
}

const RUN_EXAMPLES: &str = "\
Examples:
  childproof run --policy policy.toml --dir .::/repo:ro report.wasm /repo
  childproof run --allow git --allow wc=/usr/bin/wc report.wasm
  childproof run --env LANG --env TZ=UTC --timeout 30s --audit audit.jsonl guest.wasm

Compiled components are kept in wasmtime's cache, $XDG_CACHE_HOME/wasmtime or ~/.cache/wasmtime.";

/// Run a component.
///
/// Runs any command of WASI 0.2 or 0.3 (a component that exports wasi:cli/run) with WASI and childproof:process. One that
/// exports both is run as one of 0.3; --verbose says what was found. It has the streams of this command, the directories
/// and variables named here, no network, and the programs that the policy grants. When it ends, in whatever way, its
/// processes end with it. When --timeout or a signal ends it, output that nobody has taken yet is dropped.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{RUN_EXAMPLES}\n\n{}", exit::OF_RUN))]
pub(crate) struct RunArgs {
    /// Compile the component anew, and do not keep the result.
    #[arg(long)]
    pub(crate) no_cache: bool,
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
    #[command(flatten)]
    pub(crate) sandbox: SandboxArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

/// A component and its arguments.
#[derive(Debug)]
pub(crate) struct GuestArgs {
    pub(crate) file: PathBuf,
    pub(crate) args: Vec<String>,
}

/// How they are written: one list, for all that follows the component is the guest's, and "--" is no exception.
#[derive(Args, Debug)]
struct GuestWords {
    /// The component, and its arguments. What follows the component is the guest's: flags of childproof go before it.
    #[arg(required = true, num_args = 1.., trailing_var_arg = true, value_names = ["GUEST.wasm", "ARGS"],
        value_hint = ValueHint::FilePath)]
    guest: Vec<OsString>,
}

impl Args for GuestArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        GuestWords::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        GuestWords::augment_args_for_update(command)
    }
}

impl FromArgMatches for GuestArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut words = GuestWords::from_arg_matches(matches)?.guest.into_iter();
        let Some(file) = words.next() else {
            return Err(clap::Error::raw(
                ErrorKind::MissingRequiredArgument,
                "no component is named",
            ));
        };
        let text = |word: OsString| {
            word.into_string().map_err(|word| {
                let message = format!("an argument of the guest is not UTF-8: {}", word.display());
                clap::Error::raw(ErrorKind::InvalidUtf8, message)
            })
        };
        Ok(Self {
            file: PathBuf::from(file),
            args: words.map(text).collect::<Result<_, _>>()?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

const EXEC_EXAMPLES: &str = "\
Examples:
  childproof exec --policy policy.toml --dir .:ro -- git log --oneline
  echo hello | childproof exec --allow cat -- cat";

/// Run one granted program, without a guest.
///
/// The program passes the same policy and the same launcher as for a guest, and has the streams of this command: for
/// writing and debugging policies. It works in the first directory that its grant names, else in that of the first --dir,
/// else in /. Unless --confine or the policy says otherwise it sees each --dir under its name GUEST, and works in /work for
/// "--dir ."; of the host's other files it sees the system directories.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{EXEC_EXAMPLES}\n\n{}", exit::OF_EXEC))]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    #[command(flatten)]
    pub(crate) sandbox: SandboxArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  childproof explain --policy policy.toml -- git push
  childproof explain --policy policy.toml --dir .::/repo:ro --env GIT_PAGER=less -- git log README.md";

/// Say whether the policy allows something, and by which rule.
///
/// Nothing is run. The answer is the one that a guest would get, which asks for the grant NAME with these arguments and
/// the environment of --env.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{EXPLAIN_EXAMPLES}\n\n{}", exit::OF_EXPLAIN))]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    #[command(flatten)]
    pub(crate) sandbox: SandboxArgs,
}

const DOCTOR_EXAMPLES: &str = "\
Examples:
  childproof doctor
  childproof doctor --json | jq '.checks[] | select(.ok | not)'
  childproof doctor > /dev/null || echo 'this machine cannot confine in the tier full'

The report of --json:
  {\"tier\": T, \"checks\": [{\"section\": S, \"name\": N, \"ok\": B, \"detail\": D, \"fix\": F}, ...]}
  T  the strictest tier that works: full, reduced or none
  S  tier: a tier, tried with a child in it; gap: what the reduced tier leaves open or takes away, where it works;
     kernel: what the kernel gives; limit: what limits hold by
  N  what was tried; B  whether it is there, or the gap shut; D  what was seen; F  what would bring it, or null
  Names and values stay as they are; more may be added.";

/// Say what this machine enforces, and how to get what is missing.
///
/// All of it is found by trying: programs of the system are run in each tier and look around from inside, and control groups
/// are made and removed. No policy is read.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{DOCTOR_EXAMPLES}\n\n{}", exit::OF_DOCTOR))]
pub(crate) struct DoctorArgs {
    /// Print the report as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write a commented policy to start from.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  childproof init
  childproof init - | less")]
pub(crate) struct InitArgs {
    /// Where to write it; "-" is stdout. A file that is there already is left as it is.
    #[arg(default_value = "policy.toml", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// Print completions for a shell.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  childproof completions bash > ~/.local/share/bash-completion/completions/childproof
  childproof completions zsh > ~/.zfunc/_childproof
  childproof completions fish > ~/.config/fish/completions/childproof.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// What the guest is given.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "What it is given")]
pub(crate) struct SandboxArgs {
    /// The policy. Without one, nothing is granted but what --allow says. FILE may not lie in a --dir
    /// that is writable.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
    /// Grant a program with any arguments, beside what the policy file grants. PATH is its file, or a name that is looked
    /// up in PATH; without it, NAME is. It starts with the PATH of the system, in the tier full also with HOME=/tmp.
    /// Repeatable.
    #[arg(long, value_name = "NAME[=PATH]")]
    pub(crate) allow: Vec<Allow>,
    /// Give a directory of the host, under the name GUEST, or else under the name HOST; with :ro, to read only. Processes see
    /// it under this name, too; a relative one is taken from "/", and "." is "/work". Repeatable.
    #[arg(long, value_name = "HOST[::GUEST][:ro]", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Vec<Dir>,
    /// Set an environment variable; without a value, to the value it has here. For exec and explain it is the
    /// environment asked for, which the policy must allow. Repeatable.
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub(crate) env: Vec<EnvVar>,
    /// How processes are confined, whatever the policy says; "full" where neither says. With "reduced" a process sees the
    /// host's paths and reaches those that it is given; with "none" it has all files of the host and its network.
    #[arg(long, value_name = "TIER", value_parser = tier())]
    pub(crate) confine: Option<Tier>,
    /// What the programs of --allow reach of the network: "none", which is the default; "host", all that this machine
    /// reaches; or TCP connections to these ports of any host, and then no UDP and so no DNS over UDP.
    #[arg(long, value_name = "none|host|PORT[,PORT...]", value_parser = network)]
    pub(crate) network: Option<Network>,
    /// Have processes see a file or directory of the host, to read only, at its own path, beside the system directories.
    /// Repeatable.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) read: Vec<PathBuf>,
}

/// How it is watched and bounded.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "How it is watched")]
pub(crate) struct WatchArgs {
    /// End it, with its processes, after so long: "500ms", "30s", "1h 30m".
    #[arg(long, value_name = "DUR", value_parser = timeout)]
    pub(crate) timeout: Option<Duration>,
    /// Append what happens to processes to FILE, one JSON object a line. If that fails, nothing more is started.
    /// FILE may not lie in a --dir that is writable.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) audit: Option<PathBuf>,
    /// Say nothing about refusals on stderr.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

pub(crate) fn timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => {
            Err("a timeout of nothing leaves no time to run; leave it out to wait for ever".to_owned())
        }
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

/// By a list of its values, so that completions and the message about another one have them.
fn tier() -> impl TypedValueParser<Value = Tier> {
    PossibleValuesParser::new(Tier::ALL.map(Tier::name)).try_map(|name| name.parse::<Tier>())
}

/// `none|host|PORT[,PORT...]`.
fn network(text: &str) -> Result<Network, String> {
    match text {
        "none" => return Ok(Network::None),
        "host" => return Ok(Network::Host),
        _ => {}
    }
    let port = |number: &str| {
        if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
            return Err("write none, host, or the ports to connect to, such as 443 or 80,443".to_owned());
        }
        let port = number.parse().ok().filter(|port| *port > 0);
        port.ok_or_else(|| format!("{number} is not a TCP port; the ports are 1 to 65535"))
    };
    Ok(Network::Connect(text.split(',').map(port).collect::<Result<_, _>>()?))
}

/// A grant and its arguments.
#[derive(Args, Debug)]
pub(crate) struct ProgramArgs {
    /// The name of the grant, and the arguments.
    #[arg(required = true, num_args = 1.., trailing_var_arg = true, value_names = ["NAME", "ARGS"])]
    pub(crate) program: Vec<String>,
}

/// `NAME[=PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allow {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
}

impl FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, program) = match text.split_once('=') {
            Some((_, "")) => return Err("the path is empty; write NAME=PATH, or NAME alone".to_owned()),
            Some((name, program)) => (name, program),
            None => (text, text),
        };
        if name.is_empty() {
            return Err("the name is empty; write NAME, or NAME=PATH".to_owned());
        }
        if name.contains('/') {
            let base = name.rsplit('/').next().unwrap_or_default();
            return Err(format!("a guest asks for a name, not for a path; write {base}={name}"));
        }
        Ok(Self {
            name: name.to_owned(),
            program: PathBuf::from(program),
        })
    }
}

/// `HOST[::GUEST][:ro]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dir {
    pub(crate) host: PathBuf,
    pub(crate) guest: String,
    pub(crate) writable: bool,
}

/// As it was written, but for a `:ro` at its end.
impl fmt::Display for Dir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.display();
        match self.host.as_os_str() == self.guest.as_str() {
            true => write!(f, "{host}"),
            false => write!(f, "{host}::{}", self.guest),
        }
    }
}

impl FromStr for Dir {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (paths, writable) = match text.strip_suffix(":ro") {
            Some(paths) => (paths, false),
            None => (text, true),
        };
        let (host, guest) = paths.split_once("::").unwrap_or((paths, paths));
        if host.is_empty() {
            return Err("the directory of the host is empty; write HOST, or HOST::GUEST".to_owned());
        }
        if guest.is_empty() {
            return Err("the guest's name of the directory is empty; leave out the \"::\", or name it".to_owned());
        }
        if guest.contains("::") {
            return Err("there is more than one \"::\"; write HOST::GUEST".to_owned());
        }
        // A right that is misspelt must not give the other one.
        let suffix = guest.rsplit_once(':').map(|(_, suffix)| suffix);
        if suffix.is_some_and(|suffix| suffix.len() <= 2 || guest.len() < paths.len()) {
            let message = "what follows the last \":\" is no right, and no name for the guest has one; write :ro to read \
                           only, or nothing";
            return Err(message.to_owned());
        }
        Ok(Self {
            host: PathBuf::from(host),
            guest: guest.to_owned(),
            writable,
        })
    }
}

/// `KEY[=VALUE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvVar {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl FromStr for EnvVar {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, value.to_owned()),
            None => (text, from_here(text)?),
        };
        if key.is_empty() {
            return Err("the name is empty; write KEY=VALUE, or KEY alone".to_owned());
        }
        Ok(Self {
            key: key.to_owned(),
            value,
        })
    }
}

fn from_here(key: &str) -> Result<String, String> {
    if key.is_empty() || key.contains('\0') {
        return Err("this is not the name of a variable; write KEY=VALUE, or KEY alone".to_owned());
    }
    match std::env::var(key) {
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => {
            Err(format!("{key} is not set here; write {key}=VALUE, or leave it out"))
        }
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("the value that {key} has here is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_grant_is_a_name_with_or_without_a_program() {
        let allow = |name: &str, program: &str| {
            Ok(Allow {
                name: name.to_owned(),
                program: program.into(),
            })
        };
        assert_eq!("git".parse(), allow("git", "git"));
        assert_eq!("vcs=git".parse(), allow("vcs", "git"));
        assert_eq!("git=/usr/bin/git".parse(), allow("git", "/usr/bin/git"));
        assert_eq!("a=/opt/b=c".parse(), allow("a", "/opt/b=c"));
        for (text, hint) in [
            ("", "empty"),
            ("=git", "empty"),
            ("git=", "empty"),
            ("/bin/ls", "ls=/bin/ls"),
        ] {
            let error = text.parse::<Allow>().unwrap_err();
            assert!(error.contains(hint), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_network_is_none_or_the_hosts_or_ports() {
        assert_eq!(network("none"), Ok(Network::None));
        assert_eq!(network("host"), Ok(Network::Host));
        assert_eq!(network("443"), Ok(Network::Connect(vec![443])));
        assert_eq!(network("80,443,65535"), Ok(Network::Connect(vec![80, 443, 65535])));
        for (text, hint) in [
            ("", "write none, host, or the ports"),
            ("hots", "write none, host, or the ports"),
            ("443,", "write none, host, or the ports"),
            ("80, 443", "write none, host, or the ports"),
            ("+443", "write none, host, or the ports"),
            ("none,443", "write none, host, or the ports"),
            ("0", "0 is not a TCP port"),
            ("80,65536", "65536 is not a TCP port"),
            ("99999999999999999999", "is not a TCP port"),
        ] {
            let error = network(text).unwrap_err();
            assert!(error.contains(hint), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_directory_has_a_name_for_the_guest_and_a_right() {
        let dir = |host: &str, guest: &str, writable| {
            Ok(Dir {
                host: host.into(),
                guest: guest.to_owned(),
                writable,
            })
        };
        assert_eq!(".".parse(), dir(".", ".", true));
        assert_eq!("/srv/data:ro".parse(), dir("/srv/data", "/srv/data", false));
        assert_eq!("data::/data".parse(), dir("data", "/data", true));
        assert_eq!("data::/data:ro".parse(), dir("data", "/data", false));
        assert_eq!("a:b::c".parse(), dir("a:b", "c", true));
        assert_eq!("/mnt/a:backup".parse(), dir("/mnt/a:backup", "/mnt/a:backup", true));
        for text in [".", "data/", "data::/data", "data/::data", "a:b::c"] {
            assert_eq!(text.parse::<Dir>().unwrap().to_string(), text);
            assert_eq!(format!("{text}:ro").parse::<Dir>().unwrap().to_string(), text);
        }
        for text in [
            "",
            ":ro",
            "::",
            "::guest",
            "host::",
            "host:::ro",
            "a::b::c",
            "a:RO",
            "a:rw",
            "a:ro:ro",
            "a::b:RO",
            "a::b:rw",
            "a::b:read",
            "a::b:ro:ro",
        ] {
            assert!(text.parse::<Dir>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_variable_has_a_value_or_takes_the_one_it_has_here() {
        let set = |key: &str, value: &str| {
            Ok(EnvVar {
                key: key.to_owned(),
                value: value.to_owned(),
            })
        };
        assert_eq!("TZ=UTC".parse(), set("TZ", "UTC"));
        assert_eq!("EMPTY=".parse(), set("EMPTY", ""));
        assert_eq!("A=b=c".parse(), set("A", "b=c"));
        let name = env!("CARGO_PKG_NAME");
        assert_eq!("CARGO_PKG_NAME".parse(), set("CARGO_PKG_NAME", name));
        for (text, hint) in [
            ("", "not the name"),
            ("=value", "empty"),
            ("CHILDPROOF_NOT_SET", "is not set here"),
        ] {
            let error = text.parse::<EnvVar>().unwrap_err();
            assert!(error.contains(hint), "{text:?}: {error}");
        }
    }
}
