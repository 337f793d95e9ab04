//! A row of the table, and how it is judged.

use crate::probe::Word;
use crate::tier::Tier;
use crate::user::{self, Host, User};
use crate::world::{Outcome, Sight, World};

/// What a tier does about an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// It cannot be done.
    Shut,
    /// It can be done, for this reason. A gap that is shut has to be said in the table, and in the documentation.
    Gap(&'static str),
    /// It does not matter, or cannot be told, for this reason. The attempt is made all the same.
    Untold(&'static str),
}

/// What proves that the attempt can succeed at all.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Control {
    /// It succeeds at the same target without confinement.
    Unconfined,
    /// The same, where root runs the host. Another user cannot do it anyway, for this reason.
    UnconfinedRoot(&'static str),
    /// It succeeds in a process that was not started by childproof: no process that it starts is given so much.
    Bare,
}

/// One way out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The probe's name for it.
    pub(crate) attempt: &'static str,
    /// The arguments that point it outside of the grant.
    pub(crate) target: &'static str,
    /// The arguments that point it at something that every tier grants, where there is such a thing.
    pub(crate) inside: Option<&'static str>,
    /// What the host sees of a success, besides the probe's word.
    pub(crate) sight: Option<Sight>,
    /// Whether the probe cannot tell that it failed, so that only what the host sees counts.
    pub(crate) is_blind: bool,
    pub(crate) control: Control,
    /// The errors by which a kernel says that it does not have it, and what it does not have.
    pub(crate) lacking: Option<(&'static [&'static str], &'static str)>,
    pub(crate) full: Expected,
    pub(crate) reduced: Expected,
}

impl Row {
    /// An attempt that both tiers shut.
    pub(crate) const fn new(name: &'static str, attempt: &'static str, target: &'static str) -> Self {
        Self {
            name,
            attempt,
            target,
            inside: None,
            sight: None,
            is_blind: false,
            control: Control::Unconfined,
            lacking: None,
            full: Expected::Shut,
            reduced: Expected::Shut,
        }
    }

    pub(crate) const fn sees(mut self, sight: Sight) -> Self {
        self.sight = Some(sight);
        self
    }

    pub(crate) const fn only_sees(mut self, sight: Sight) -> Self {
        self.is_blind = true;
        self.sees(sight)
    }

    pub(crate) const fn inside(mut self, arguments: &'static str) -> Self {
        self.inside = Some(arguments);
        self
    }

    pub(crate) const fn control(mut self, control: Control) -> Self {
        self.control = control;
        self
    }

    pub(crate) const fn may_lack(mut self, errors: &'static [&'static str], what: &'static str) -> Self {
        self.lacking = Some((errors, what));
        self
    }

    pub(crate) const fn full(mut self, expected: Expected) -> Self {
        self.full = expected;
        self
    }

    pub(crate) const fn reduced(mut self, expected: Expected) -> Self {
        self.reduced = expected;
        self
    }

    fn expected(&self, tier: Tier) -> Expected {
        match tier {
            Tier::Full => self.full,
            Tier::Reduced => self.reduced,
            Tier::None => Expected::Untold("nothing is confined"),
        }
    }

    /// Runs the controls and the attempt, in a process of their own that `user` runs.
    pub(crate) fn check(&self, test: &str, tier: Tier, user: User) {
        user::alone(test, user, |host| {
            if self.target.contains("{suid}") && host.suid.is_none() {
                return user::skipped(test, "only root can prepare a set-user-ID program of another user");
            }
            if let Err(why) = self.unconfined(host) {
                user::skipped(test, &why);
            }
            if let Err(why) = self.confined(host, tier) {
                user::skipped(test, &why);
            }
        });
    }

    /// The control without confinement. `Err` says why there can be none on this machine.
    fn unconfined(&self, host: &Host) -> Result<(), String> {
        let mut world = World::new(host);
        let outcome = match self.control {
            Control::UnconfinedRoot(why) if host.user != User::Root => return Err(why.to_owned()),
            Control::Bare => world.attempt_bare(self.attempt, self.target),
            Control::Unconfined | Control::UnconfinedRoot(_) => world
                .attempt(Tier::None, self.attempt, self.target)
                .expect("no tier is always there"),
        };
        match (&outcome.word, self.lacking) {
            (Word::CouldNot(errno), Some((errors, what))) if errors.contains(&errno.as_str()) => {
                assert!(outcome.outside.is_empty(), "{}: {outcome}", self.name);
                return Err(format!("{what}: without confinement it ends with {errno}"));
            }
            _ => {}
        }
        self.assert_did(
            &outcome,
            |outcome, sight| outcome.outside.contains(&sight),
            "without confinement",
        );
        Ok(())
    }

    /// The control inside of the grant, and the attempt. `Err` says why this machine, or kernel, cannot tell.
    fn confined(&self, host: &Host, tier: Tier) -> Result<(), String> {
        if let Some(inside) = self.inside {
            let outcome = World::new(host).attempt(tier, self.attempt, inside)?;
            self.assert_did(
                &outcome,
                |outcome, sight| outcome.inside.contains(&sight),
                "inside of the grant",
            );
        }
        let outcome = World::new(host).attempt(tier, self.attempt, self.target)?;
        let escaped = !outcome.outside.is_empty() || (outcome.word == Word::Did && !self.is_blind);
        match (self.expected(tier), escaped) {
            (Expected::Shut, false) | (Expected::Gap(_), true) => Ok(()),
            (Expected::Shut, true) => panic!("{} is open in the tier {tier:?}: {outcome}", self.name),
            (Expected::Gap(why), false) => panic!(
                "{} is shut in the tier {tier:?}, and the table has a gap there ({why}): {outcome}",
                self.name
            ),
            (Expected::Untold(why), _) => Err(why.to_owned()),
        }
    }

    /// Asserts a control: the probe did it, and the host sees that.
    fn assert_did(&self, outcome: &Outcome, seen: impl Fn(&Outcome, Sight) -> bool, place: &str) {
        let is_seen = self.sight.is_none_or(|sight| seen(outcome, sight));
        assert!(
            outcome.word == Word::Did && is_seen,
            "the control of {} {place} fails, so the attempt proves nothing: {outcome}",
            self.name
        );
    }
}
