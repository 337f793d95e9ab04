//! Whether this machine can hold children to what a policy says. It is found by making such a confinement.

use std::path::Path;
use std::sync::OnceLock;

use childproof_launch::{ConfineError, Confinement, Tier as LaunchTier};

use super::compile::Invalid;
use super::{LoadedGrant, Tier};

impl Tier {
    /// The launcher's word for it. None where nothing is confined.
    pub(crate) fn of_launch(self) -> Option<LaunchTier> {
        match self {
            Tier::Full => Some(LaunchTier::Full),
            Tier::Reduced => Some(LaunchTier::Reduced),
            Tier::None => None,
        }
    }
}

/// Tries whether the machine can give this tier. What it could once, it is trusted to give again.
fn attempt(tier: LaunchTier) -> Result<(), ConfineError> {
    static FULL: OnceLock<()> = OnceLock::new();
    static REDUCED: OnceLock<()> = OnceLock::new();
    let known = match tier {
        LaunchTier::Full => &FULL,
        LaunchTier::Reduced => &REDUCED,
    };
    if known.get().is_none() {
        Confinement::new(tier).build()?;
        let _ = known.set(());
    }
    Ok(())
}

/// Refuses a tier that this machine cannot give: what is missing, how to get it, and what could be named instead.
pub(super) fn check(tier: Tier) -> Result<(), String> {
    let Some(wanted) = tier.of_launch() else {
        return Ok(());
    };
    attempt(wanted).map_err(|error| {
        let weaker = match tier == Tier::Full && attempt(LaunchTier::Reduced).is_ok() {
            true => {
                "tier = \"reduced\" under [confine], or --confine reduced, does without: processes then see the host's paths, \
                 and some of what they do to files outside of their directories (chmod, times, attributes) is not stopped; \
                 with \"none\" they have all rights of this host"
            }
            false => {
                "tier = \"none\" under [confine], or --confine none, does without: processes then have all rights of this host"
            }
        };
        format!("this machine cannot confine processes in the tier \"{tier}\": {error}. {weaker}")
    })
}

/// Refuses what a grant hides and the reduced tier cannot hide.
pub(super) fn check_hidden(tier: Tier, grant: &LoadedGrant) -> Result<(), Invalid> {
    if tier != Tier::Reduced || grant.hide().is_empty() {
        return Ok(());
    }
    let confinement = Confinement {
        read: grant.read().to_vec(),
        hide: grant.hide().to_vec(),
        ..Confinement::new(LaunchTier::Reduced)
    };
    match confinement.build() {
        Ok(_) => Ok(()),
        Err(error) => match error
            .path()
            .filter(|path| grant.hide().iter().any(|hidden| hidden == path))
        {
            Some(path) => {
                let message = format!(
                    "{} lies in something that children see, of which the tier \"reduced\" can hide only the whole; hide that, \
                     or name the tier full",
                    path.display()
                );
                Err(Invalid::new(place_of(grant, path), message))
            }
            None => Err(Invalid::new("confine.tier", error.to_string())),
        },
    }
}

/// Where the policy names a path that is hidden.
fn place_of(grant: &LoadedGrant, path: &Path) -> String {
    match grant.policy().hide.iter().position(|hidden| hidden == path) {
        Some(index) => format!("{}.hide[{index}]", grant.at()),
        None => "confine.hide".to_owned(),
    }
}
