//! How many processes a guest, and each grant of it, may have and start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Quota;

/// A bound; none is no bound.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bound {
    pub(crate) live: Option<u64>,
    pub(crate) held: Option<u64>,
    pub(crate) spawns: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    live: u64,
    /// Those that the guest gave up, and that are not gone yet.
    dying: u64,
    held: u64,
    spawns: u64,
}

impl Count {
    fn check(self, bound: Bound) -> Result<(), Quota> {
        if bound.spawns.is_some_and(|most| self.spawns >= most) {
            return Err(Quota::TotalSpawns);
        }
        if bound.live.is_some_and(|most| self.live >= most) || self.is_crowded(bound) {
            return Err(Quota::LiveProcesses);
        }
        if bound.held.is_some_and(|most| self.held >= most) {
            return Err(Quota::HeldProcesses);
        }
        Ok(())
    }

    /// Whether more are dying than may be alive.
    fn is_crowded(self, bound: Bound) -> bool {
        bound.live.is_some_and(|most| self.dying > most)
    }
}

#[derive(Debug, Default)]
struct Counts {
    guest: Count,
    grants: HashMap<String, Count>,
}

/// The counters of one guest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quotas(Arc<Mutex<Counts>>);

impl Quotas {
    /// Takes the places of one process, if there are some left for the guest and for the grant.
    pub(crate) fn take(&self, guest: Bound, grant: &str, of_grant: Bound) -> Result<(Place, Held), Quota> {
        let mut counts = self.lock();
        counts.guest.check(guest)?;
        counts.grants.get(grant).copied().unwrap_or_default().check(of_grant)?;
        counts.each(grant, |count| {
            count.live = count.live.saturating_add(1);
            count.held = count.held.saturating_add(1);
            count.spawns = count.spawns.saturating_add(1);
        });
        let place = Place {
            quotas: self.clone(),
            grant: grant.to_owned(),
            #[cfg(any(feature = "p3", test))]
            bounds: (guest, of_grant),
            started: false,
            given_up: false,
        };
        let held = Held {
            quotas: self.clone(),
            grant: grant.to_owned(),
        };
        Ok((place, held))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        // The counters are whole numbers that are never left half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn each(&mut self, grant: &str, mut change: impl FnMut(&mut Count)) {
        change(&mut self.guest);
        change(self.grants.entry(grant.to_owned()).or_default());
    }
}

/// The place of one process among the live ones. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Place {
    quotas: Quotas,
    grant: String,
    /// Those of the guest and of the grant.
    #[cfg(any(feature = "p3", test))]
    bounds: (Bound, Bound),
    started: bool,
    given_up: bool,
}

impl Place {
    /// The process was started: from here on it counts among the spawns, however it ends.
    pub(crate) fn started(&mut self) {
        self.started = true;
    }

    /// The guest gave the process up, and it is being killed: that makes room for another at once.
    pub(crate) fn give_up(&mut self) {
        if !std::mem::replace(&mut self.given_up, true) {
            self.quotas.lock().each(&self.grant, |count| {
                count.live = count.live.saturating_sub(1);
                count.dying = count.dying.saturating_add(1);
            });
        }
    }

    /// Whether so many are being killed that whoever gives up more should wait for it.
    #[cfg(any(feature = "p3", test))]
    pub(crate) fn is_crowded(&self) -> bool {
        let counts = self.quotas.lock();
        let of_grant = counts.grants.get(&self.grant).copied().unwrap_or_default();
        counts.guest.is_crowded(self.bounds.0) || of_grant.is_crowded(self.bounds.1)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (never_started, given_up) = (!self.started, self.given_up);
        self.quotas.lock().each(&self.grant, |count| {
            let among = if given_up { &mut count.dying } else { &mut count.live };
            *among = among.saturating_sub(1);
            if never_started {
                count.spawns = count.spawns.saturating_sub(1);
            }
        });
    }
}

/// The place of one process among those that the guest holds in some way. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Held {
    quotas: Quotas,
    grant: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.quotas.lock().each(&self.grant, |count| {
            count.held = count.held.saturating_sub(1);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Bound = Bound {
        live: None,
        held: None,
        spawns: None,
    };
    const TWO: Bound = Bound { live: Some(2), ..FREE };

    #[test]
    fn the_stricter_of_guest_and_grant_holds() {
        let quotas = Quotas::default();
        let one = Bound { live: Some(1), ..FREE };
        let first = quotas.take(TWO, "a", one).unwrap();
        assert_eq!(quotas.take(TWO, "a", one).unwrap_err(), Quota::LiveProcesses);
        let second = quotas.take(TWO, "b", one).unwrap();
        assert_eq!(quotas.take(TWO, "c", one).unwrap_err(), Quota::LiveProcesses);
        drop((first, second));
        quotas.take(TWO, "a", one).unwrap();
    }

    #[test]
    fn a_spawn_that_failed_does_not_count() {
        let quotas = Quotas::default();
        let once = Bound {
            spawns: Some(1),
            ..FREE
        };
        drop(quotas.take(once, "a", FREE).unwrap());
        let (mut place, held) = quotas.take(once, "a", FREE).unwrap();
        place.started();
        drop((place, held));
        assert_eq!(quotas.take(once, "a", FREE).unwrap_err(), Quota::TotalSpawns);
    }

    #[test]
    fn what_was_given_up_makes_room_until_too_many_are_dying() {
        let quotas = Quotas::default();
        let one = Bound { live: Some(1), ..FREE };
        let mut first = quotas.take(FREE, "a", one).unwrap();
        first.0.give_up();
        first.0.give_up();
        assert!(!first.0.is_crowded(), "once is enough");
        let mut second = quotas.take(FREE, "a", one).unwrap();
        assert_eq!(quotas.take(FREE, "a", one).unwrap_err(), Quota::LiveProcesses);
        second.0.give_up();
        assert!(second.0.is_crowded());
        assert_eq!(quotas.take(FREE, "a", one).unwrap_err(), Quota::LiveProcesses);
        drop(first);
        quotas.take(FREE, "a", one).unwrap();
    }

    #[test]
    fn what_ended_and_is_held_counts() {
        let quotas = Quotas::default();
        let held = Bound { held: Some(1), ..FREE };
        let (place, first) = quotas.take(held, "a", FREE).unwrap();
        drop(place);
        assert_eq!(quotas.take(held, "b", FREE).unwrap_err(), Quota::HeldProcesses);
        drop(first);
        quotas.take(held, "b", FREE).unwrap();
    }
}
