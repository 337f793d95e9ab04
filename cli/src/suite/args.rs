//! The command line of `childproof suite`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use childproof_suite::{Flavour, Tier};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, ValueHint};

use crate::{args, exit};

const EXAMPLES: &str = "\
Examples:
  childproof suite childproof-suite.tar.zst
  childproof suite childproof-suite.tar.zst row05 --flavour 0.3
  childproof suite childproof-suite.tar.zst --list
  childproof suite childproof-suite.tar.zst --runner ./run-on-my-host --fast
  childproof suite childproof-suite.tar.zst --tier none --runner ./run-on-my-host

A case is named GUEST/FLAVOUR/TIER, and /RUN where its guest is run in more than one way. Each is one line of the report:
  ok       NAME
  FAILED   NAME: what was expected, and what came
  SKIPPED  NAME: what this machine lacks

The runner is started once for each case, as COMMAND COMPONENT ARGUMENTS; variables named CHILDPROOF_SUITE_* say the rest.
The README.md of the archive describes them, and what the runner is to answer.";

/// Run the component test suite, with this command or with another host.
///
/// ARCHIVE has components that each assert one behaviour of childproof:process, and a manifest of what each is given and
/// what must come of it. `cargo xtask suite` makes it. Without --runner, each case is run as `childproof run` runs a
/// component; with it, by the host that COMMAND starts. Nothing that a case started outlives it. An archive says what programs
/// are started, some of them without confinement: run none that you do not trust.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{}", exit::OF_SUITE))]
pub(crate) struct SuiteArgs {
    /// The archive.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) archive: PathBuf,
    /// Run only the cases whose names contain one of these.
    pub(crate) names: Vec<String>,
    /// Run only the cases of one flavour of the interface.
    #[arg(long, value_name = "VERSION", value_parser = flavour())]
    pub(crate) flavour: Option<Flavour>,
    /// Confine the processes so, in the cases of all guests that are not about certain tiers.
    #[arg(long, value_name = "TIER", value_parser = tier(), default_value = Tier::Full.name())]
    pub(crate) tier: Tier,
    /// Print the names of the cases, and what no archive can ask, and run nothing.
    #[arg(long)]
    pub(crate) list: bool,
    /// Run so many cases at once; without this, as many as there are processors.
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// End a case that takes longer, with all that it started: it has failed.
    #[arg(long, value_name = "DUR", value_parser = args::timeout, default_value = "2m")]
    pub(crate) timeout: Duration,
    /// Exit with 0 also where something was skipped, but not all.
    #[arg(long)]
    pub(crate) allow_skipped: bool,
    /// The command that runs a case on another host. All that follows is its own: other flags go before it.
    #[arg(long, value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true, value_hint = ValueHint::CommandName)]
    pub(crate) runner: Vec<OsString>,
}

/// By a list of its values, so that completions and the message about another one have them.
fn flavour() -> impl TypedValueParser<Value = Flavour> {
    PossibleValuesParser::new(Flavour::ALL.map(Flavour::version)).map(|version| {
        match version == Flavour::P2.version() {
            true => Flavour::P2,
            false => Flavour::P3,
        }
    })
}

/// The same of the tiers.
fn tier() -> impl TypedValueParser<Value = Tier> {
    PossibleValuesParser::new(Tier::ALL.map(Tier::name)).map(|name| {
        let named = Tier::ALL.into_iter().find(|tier| tier.name() == name);
        named.unwrap_or_default()
    })
}

/// The first argument of what the suite starts for each case. It is no command of anybody's, and so in no help.
pub(crate) const KEEPER: &str = "suite-keeper";

/// What the suite starts for each case: see [`keeper`](super::keeper).
#[derive(Debug, Parser)]
pub(crate) struct KeeperArgs {
    /// The file that the command has as its standard input.
    #[arg(long)]
    pub(crate) stdin: PathBuf,
    /// The file to write to what became of it.
    #[arg(long)]
    pub(crate) report: PathBuf,
    /// What it leaves is no matter.
    #[arg(long)]
    pub(crate) may_leave: bool,
    /// The command.
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

impl KeeperArgs {
    /// Those of this process, if that is what it was started for.
    pub(crate) fn of_this_process() -> Option<Self> {
        let words = || std::env::args_os().skip(1);
        (words().next()? == KEEPER).then(|| Self::parse_from(words()))
    }
}
