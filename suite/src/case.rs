//! The cases that follow from a manifest, and what must come of one.

use std::fmt;

use serde::Deserialize;

use crate::manifest::{Flavour, Guest, Manifest, Tier};

/// The exit code of a runner whose guest trapped: what a shell shows for a program that aborts.
pub const TRAPPED: u8 = 134;
/// That of a runner that cannot do what the case needs.
pub const CANNOT: u8 = 77;
/// That of a runner that has failed itself.
pub const FAILED: u8 = 125;

/// How a guest must end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// By coming to the end of its `main`.
    #[default]
    Success,
    /// By failing, with this code.
    Exit(u8),
    /// By a trap.
    Trap,
    /// With its host, which is killed with SIGKILL once its standard output has this. All that it started must end then.
    KilledAt(String),
}

/// How a guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By coming to the end of its `main`.
    Success,
    /// By failing, with this code.
    Exit(i32),
    /// By a trap.
    Trap,
    /// With its host, which the suite killed.
    Killed,
}

impl Expect {
    /// Whether this is how it was to end.
    pub fn is_met_by(&self, ended: Ended) -> bool {
        match self {
            Self::Success => ended == Ended::Success,
            Self::Exit(code) => ended == Ended::Exit(i32::from(*code)),
            Self::Trap => ended == Ended::Trap,
            Self::KilledAt(_) => ended == Ended::Killed,
        }
    }

    /// The exit code that it has to be, if a runner says something else by that.
    pub(crate) fn ambiguous(&self) -> Option<u8> {
        match self {
            Self::Exit(code @ (0 | TRAPPED | CANNOT | FAILED)) => Some(*code),
            _ => None,
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Exit(code) => write!(f, "the exit code {code}"),
            Self::Trap => f.write_str("a trap"),
            Self::KilledAt(sign) => write!(f, "{sign:?} on the standard output, and to be killed there"),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Exit(code) => write!(f, "the exit code {code}"),
            Self::Trap => f.write_str("a trap"),
            Self::Killed => f.write_str("the end of its host"),
        }
    }
}

/// One run of one guest, in one flavour and one tier. `Display` is its name.
#[derive(Clone, Copy, Debug)]
pub struct Case<'m> {
    /// The name of the guest.
    pub guest: &'m str,
    /// What the manifest says of it.
    pub given: &'m Guest,
    /// Which of its components is run.
    pub flavour: Flavour,
    /// How its processes are confined.
    pub tier: Tier,
    /// The name of the way in which it is run, where there is more than one.
    pub run: Option<&'m str>,
    /// Its arguments, with their placeholders.
    pub args: &'m [String],
    /// How it must end.
    pub expect: &'m Expect,
}

impl Manifest {
    /// All cases that any host can be asked for, in a fixed order: in `tier` where the guest is not about another.
    pub fn cases(&self, tier: Tier) -> impl Iterator<Item = Case<'_>> {
        let guests = self.guests.iter().filter(|(_, guest)| guest.host_only.is_none());
        guests.flat_map(move |(name, guest)| {
            let flavours = guest.flavours();
            flavours.flat_map(move |flavour| guest.cases(name, flavour, tier))
        })
    }
}

impl Guest {
    /// The cases of this guest, whose name is `name`, in one flavour: in `tier` where it is not about another.
    pub fn cases<'m>(&'m self, name: &'m str, flavour: Flavour, tier: Tier) -> impl Iterator<Item = Case<'m>> {
        let case = move |tier, run, args, expect| Case {
            guest: name,
            given: self,
            flavour,
            tier,
            run,
            args,
            expect,
        };
        let lacks = self.not_in.as_ref().is_some_and(|not_in| not_in.tier == tier);
        let usual = if lacks { Tier::Full } else { tier };
        let tiers = self.tiers.clone().unwrap_or_else(|| vec![usual]);
        tiers.into_iter().flat_map(move |tier| {
            let only = self
                .runs
                .is_empty()
                .then(|| case(tier, None, &self.args[..], &self.expect));
            let runs = self.runs.iter();
            only.into_iter()
                .chain(runs.map(move |(name, run)| case(tier, Some(name), &run.args[..], &run.expect)))
        })
    }
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.guest, self.flavour, self.tier)?;
        self.run.map_or(Ok(()), |run| write!(f, "/{run}"))
    }
}
