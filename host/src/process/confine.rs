//! The confinements of a guest's processes: from policy and preopens to the launcher's profiles, each made once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use childproof_launch::{
    ConfineError, Confinement, Need, Network as LaunchNetwork, PROGRAMS, Profile, ProgramError, Tier,
};
use rustix::io::Errno;

use crate::error::Error;
use crate::policy::{LoadedGrant, LoadedPolicy, Network};
use crate::preopen::Preopens;

/// The profiles of one context. Grants that say the same of what a child sees share one.
#[derive(Debug, Default)]
pub(crate) struct Profiles(Mutex<Cache>);

#[derive(Debug, Default)]
struct Cache {
    by_grant: HashMap<String, Arc<Profile>>,
    by_sight: HashMap<Sight, Arc<Profile>>,
}

/// What of a profile the grant decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sight {
    network: LaunchNetwork,
    unix_sockets: bool,
    read: Vec<PathBuf>,
    hide: Vec<PathBuf>,
}

/// A profile that could not be made.
#[derive(Debug)]
pub(crate) enum Unconfinable {
    /// The launcher's word for it. It may hold paths of the host.
    Profile { error: ConfineError, is_guest_path: bool },
    /// The host had no descriptor for it.
    Preopen(Error),
}

impl Unconfinable {
    /// What a guest is told.
    pub(crate) fn to_guest(&self, grant: &LoadedGrant) -> Error {
        match self {
            Self::Profile { error, is_guest_path } => {
                match grant.program().check() {
                    Err(ProgramError::NotFound { .. }) => return Error::ProgramNotFound,
                    Err(ProgramError::Changed { .. }) => return Error::ProgramChanged,
                    _ => {}
                }
                if error
                    .path()
                    .is_some_and(|path| grant.opened().iter().any(|opened| opened == path))
                {
                    return Error::InterpreterNotFound;
                }
                match error.errno().map(Errno::from_raw_os_error) {
                    Some(Errno::AGAIN) => return Error::TooManyProcesses,
                    Some(Errno::MFILE | Errno::NFILE) => return Error::TooManyOpenFiles,
                    Some(Errno::NOMEM) => return Error::OutOfMemory,
                    _ => {}
                }
                let place = error.path().filter(|_| *is_guest_path);
                let place = place.map(|path| format!(" {}", path.display())).unwrap_or_default();
                Error::Other(format!(
                    "confining the process: {}{place} is not to be had",
                    error.need()
                ))
            }
            Self::Preopen(error) => error.clone(),
        }
    }
}

impl std::fmt::Display for Unconfinable {
    /// What the operator is told.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Profile { error, .. } => write!(f, "confining the process: {error}"),
            Self::Preopen(error) => write!(f, "confining the process: {error}"),
        }
    }
}

impl Profiles {
    /// The profile of a grant's processes. None where the policy confines nothing.
    ///
    /// The first call for a grant makes it, which takes milliseconds.
    pub(crate) fn of(
        &self,
        policy: &LoadedPolicy,
        preopens: &Preopens,
        grant: &LoadedGrant,
    ) -> Result<Option<Arc<Profile>>, Unconfinable> {
        let Some(tier) = policy.tier().of_launch() else {
            return Ok(None);
        };
        let mut cache = self.cache();
        if let Some(profile) = cache.by_grant.get(grant.name()) {
            return Ok(Some(profile.clone()));
        }
        let sight = Sight::of(grant);
        let profile = match cache.by_sight.get(&sight) {
            Some(profile) => profile.clone(),
            None => Arc::new(build(tier, policy.tmp_bytes(), preopens, &sight)?),
        };
        cache.by_sight.insert(sight, profile.clone());
        cache.by_grant.insert(grant.name().to_owned(), profile.clone());
        Ok(Some(profile))
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // Only whole profiles are put in.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sight {
    fn of(grant: &LoadedGrant) -> Self {
        let is_shown = |path: &Path| {
            let system = PROGRAMS.iter().map(Path::new);
            let mut shown = system.chain(grant.read().iter().map(PathBuf::as_path));
            shown.any(|shown| path.starts_with(shown))
        };
        // To run a program is to open it, and the interpreter of a script, by its path among what the child sees.
        let opened = grant.opened().iter().filter(|path| !is_shown(path)).cloned();
        let mut read: Vec<PathBuf> = grant.read().iter().cloned().chain(opened).collect();
        read.sort_unstable();
        read.dedup();
        Self {
            network: match grant.network() {
                Network::None => LaunchNetwork::None,
                Network::Host => LaunchNetwork::Host,
                Network::Connect(ports) => LaunchNetwork::Connect(ports.clone()),
            },
            unix_sockets: grant.unix_sockets(),
            read,
            hide: grant.hide().to_vec(),
        }
    }
}

fn build(tier: Tier, tmp: u64, preopens: &Preopens, sight: &Sight) -> Result<Profile, Unconfinable> {
    let confinement = Confinement {
        tier,
        directories: preopens.shown().map_err(Unconfinable::Preopen)?,
        read: sight.read.clone(),
        hide: sight.hide.clone(),
        network: sight.network.clone(),
        unix_sockets: sight.unix_sockets,
        tmp,
    };
    confinement.build().map_err(|error| {
        let is_place = |path: &Path| confinement.directories.iter().any(|shown| shown.target == path);
        let is_guest_path = error.need() == Need::Directory || error.path().is_some_and(is_place);
        Unconfinable::Profile { error, is_guest_path }
    })
}
