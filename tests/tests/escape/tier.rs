//! How the probe is confined. This is the one place that names the policy's tiers.

use std::path::Path;

use childproof_host::policy::{
    Arguments, Confine, Grant, LoadOptions, Policy, Preopen as PolicyPreopen, Tier as PolicyTier,
};
use childproof_host::{Preopen, ProcessCtx};

use crate::ground::{DATA, Ground, RO};

/// The grant of the probe.
pub(crate) const PROBE: &str = "probe";

/// What holds the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Nothing: what it attempts there has to succeed, or the attempt proves nothing elsewhere.
    None,
    Reduced,
    Full,
}

impl Tier {
    /// The environment variable that hands a tier on to another host.
    pub(crate) const ARGUMENT: &str = "CHILDPROOF_ESCAPE_TIER";

    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reduced => "reduced",
            Self::Full => "full",
        }
    }

    /// The tier that was handed on to this process.
    pub(crate) fn of_argument() -> Self {
        let argument = std::env::var(Self::ARGUMENT).expect("a tier is handed on");
        let mut tiers = [Self::None, Self::Reduced, Self::Full].into_iter();
        tiers
            .find(|tier| tier.argument() == argument)
            .expect("one of the tiers")
    }
}

/// The policy of a tier, for a probe that lies in the directory `programs`.
fn policy(tier: Tier, programs: &Path) -> Policy {
    let grant = Grant::program(programs.join("probe")).args(Arguments::Any);
    let (tier, read) = match tier {
        // There is nothing to show to a process that sees all of the host.
        Tier::None => (PolicyTier::None, Vec::new()),
        Tier::Reduced => (PolicyTier::Reduced, vec![programs.to_owned()]),
        Tier::Full => (PolicyTier::Full, vec![programs.to_owned()]),
    };
    Policy::new().grant(PROBE, grant).confine(Confine {
        tier: Some(tier),
        read,
        ..Confine::default()
    })
}

/// Whether a policy of that tier can be loaded, and a context of it. `Err` says why this machine does not have the tier.
pub(crate) fn context(ground: &Ground, suid: Option<&Path>, tier: Tier) -> Result<ProcessCtx, String> {
    let policy = policy(tier, &ground.base().join("bin"));
    let mut preopens = vec![
        (ground.base().join("data"), DATA, true),
        (ground.base().join("ro"), RO, false),
    ];
    preopens.extend(suid.map(|directory| (directory.to_owned(), "/suid", false)));
    let named: Vec<PolicyPreopen> = preopens
        .iter()
        .map(|(host_path, guest_path, writable)| PolicyPreopen {
            guest_path: (*guest_path).to_owned(),
            host_path: host_path.clone(),
            writable: *writable,
        })
        .collect();
    let options = LoadOptions {
        preopens: &named,
        ..LoadOptions::default()
    };
    let loaded = match policy.load(&options) {
        Ok(loaded) => loaded,
        Err(error) if error.field.starts_with("confine") => return Err(error.message),
        Err(error) => panic!("the policy cannot be loaded: {error}"),
    };
    let mut builder = ProcessCtx::builder(loaded);
    for (host_path, guest_path, writable) in preopens {
        let preopen = Preopen::open(host_path, guest_path, writable).expect("the directory is there");
        builder = builder.preopen(preopen).expect("no program lies in it");
    }
    Ok(builder.build())
}
