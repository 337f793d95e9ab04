//! What this machine enforces, found by really trying it.
//!
//! ```no_run
//! use childproof_host::doctor;
//! use childproof_host::policy::Tier;
//!
//! let report = doctor::examine();
//! if report.tier != Tier::Full {
//!     for check in report.checks.iter().filter(|check| !check.ok) {
//!         eprintln!("{}: {} {}", check.name, check.detail, check.fix.as_deref().unwrap_or_default());
//!     }
//! }
//! ```

mod kernel;
mod limits;
mod tiers;
mod trial;

use crate::policy::Tier;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The strictest tier that works: [`Tier::None`] where neither of the others does.
    pub tier: Tier,
    /// What was tried, in the order to show it in.
    pub checks: Vec<Check>,
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it belongs to.
    pub section: Section,
    /// What it is. The names stay the same from version to version.
    pub name: &'static str,
    /// Whether the machine has it; for [`Section::Gap`], whether it is shut.
    pub ok: bool,
    /// What was seen, and what it means.
    pub detail: String,
    /// The command or the setting that would bring it, where one is known.
    pub fix: Option<String>,
}

/// What a [`Check`] belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// The tiers, each tried with a child in it.
    Tier,
    /// What the reduced tier leaves open, or takes away. Shown where that tier works; the full tier has none of it.
    Gap,
    /// What the kernel gives.
    Kernel,
    /// What limits hold by.
    Limit,
}

impl Section {
    /// The name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Section::Tier => "tier",
            Section::Gap => "gap",
            Section::Kernel => "kernel",
            Section::Limit => "limit",
        }
    }
}

impl Check {
    fn new(section: Section, name: &'static str, ok: bool, detail: impl Into<String>) -> Check {
        Check {
            section,
            name,
            ok,
            detail: detail.into(),
            fix: None,
        }
    }

    fn fix(self, fix: impl Into<String>) -> Check {
        let fix = fix.into();
        Check {
            fix: (!fix.is_empty()).then_some(fix),
            ..self
        }
    }
}

/// Tries what this machine enforces: builds profiles, runs system programs in them, and looks from inside.
///
/// # Ambient Authority
///
/// It runs `sh` and a few other programs of the system's directories, makes one empty file in the directory for temporary
/// files, which it removes, and may hand the controllers of a control group on that was delegated to this process.
///
/// # Blocking
///
/// The calling thread waits, commonly below a second. It may be one of a runtime's: the children run in a runtime of their own.
pub fn examine() -> Report {
    let work = || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let _inside = runtime.enter();
            all(&runtime)
        }
        Err(error) => not_examined(&error.to_string()),
    };
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(report) => report,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn all(runtime: &tokio::runtime::Runtime) -> Report {
    let tiers = tiers::examine(runtime);
    let mut checks = tiers.checks;
    checks.extend(kernel::examine(tiers.full.as_ref()));
    let best = tiers.full.as_ref().or(tiers.reduced.as_ref());
    checks.extend(limits::examine(runtime, best));
    Report {
        tier: match best.map(childproof_launch::Profile::tier) {
            Some(childproof_launch::Tier::Full) => Tier::Full,
            Some(childproof_launch::Tier::Reduced) => Tier::Reduced,
            None => Tier::None,
        },
        checks,
    }
}

fn not_examined(error: &str) -> Report {
    let detail = format!("not tried: no runtime can be made to start children in: {error}");
    Report {
        tier: Tier::None,
        checks: vec![Check::new(Section::Tier, "tier full", false, detail)],
    }
}
