//! What limits hold by.

use childproof_launch::{ControlGroups, NoControlGroups, Profile, Resource, Rlimit, Termination};
use tokio::runtime::Runtime;

use super::tiers::without_help;
use super::trial::{Trial, find};
use super::{Check, Section};

pub(super) fn examine(runtime: &Runtime, profile: Option<&Profile>) -> Vec<Check> {
    let groups = ControlGroups::find();
    vec![
        control_groups(&groups),
        memory(runtime, profile, &groups),
        processes(runtime, profile, &groups),
    ]
}

fn control_groups(groups: &Result<ControlGroups, NoControlGroups>) -> Check {
    const NAME: &str = "control groups";
    match groups {
        Ok(groups) => {
            let detail = format!(
                "one with limits of memory and processes was made in {}",
                groups.path().display()
            );
            Check::new(Section::Limit, NAME, true, detail)
        }
        Err(error) => {
            let detail = without_help(error, error.help());
            Check::new(Section::Limit, NAME, false, detail).fix(error.help())
        }
    }
}

fn of_the_tree(name: &'static str) -> Check {
    let detail = "for the whole tree together, by its control group";
    Check::new(Section::Limit, name, true, detail)
}

/// The limit of memory: by control group, or for each process by itself, where that is seen to hold.
fn memory(runtime: &Runtime, profile: Option<&Profile>, groups: &Result<ControlGroups, NoControlGroups>) -> Check {
    const NAME: &str = "memory limit";
    if groups.is_ok() {
        return of_the_tree(NAME);
    }
    // No program fits into this.
    let limit = Rlimit::new(Resource::AddressSpace, 64 << 10);
    match holds(runtime, profile, "true", &[], limit) {
        Ok(true) => Check::new(
            Section::Limit,
            NAME,
            true,
            "for each process by itself (RLIMIT_AS, address space): a tree of several may use several times as much",
        ),
        Ok(false) => Check::new(
            Section::Limit,
            NAME,
            false,
            "a process past its limit of address space ran on",
        ),
        Err(error) => Check::new(Section::Limit, NAME, false, format!("not tried: {error}")),
    }
}

/// The limit of processes: by control group, or that of the user, which does not hold for every user.
fn processes(runtime: &Runtime, profile: Option<&Profile>, groups: &Result<ControlGroups, NoControlGroups>) -> Check {
    const NAME: &str = "process limit";
    if groups.is_ok() {
        return of_the_tree(NAME);
    }
    let limit = Rlimit::new(Resource::Processes, 1);
    // It starts one process, and fails if it cannot.
    match holds(runtime, profile, "timeout", &["9", "true"], limit) {
        Ok(true) => Check::new(
            Section::Limit,
            NAME,
            true,
            "for all processes of the user together (RLIMIT_NPROC), those of other trees included",
        ),
        Ok(false) => {
            let detail = "no limit of processes holds: RLIMIT_NPROC does not bind root, and there is no control group";
            Check::new(Section::Limit, NAME, false, detail)
                .fix("run the host as another user than root, or in a delegated control group")
        }
        Err(error) => Check::new(Section::Limit, NAME, false, format!("not tried: {error}")),
    }
}

/// Whether a program that runs without the limit fails with it.
fn holds(
    runtime: &Runtime,
    profile: Option<&Profile>,
    name: &str,
    args: &[&str],
    limit: Rlimit,
) -> Result<bool, String> {
    let program = find(name).ok_or_else(|| format!("there is no program `{name}` to try it with"))?;
    let run = |rlimits: &[Rlimit]| {
        let trial = Trial {
            program: &program,
            args,
            profile,
            rlimits,
        };
        trial
            .run(runtime)
            .map(|ended| ended.termination == Termination::Exited(0))
    };
    match run(&[]) {
        Ok(true) => Ok(!run(&[limit]).unwrap_or(false)),
        Ok(false) => Err(format!("`{name}` fails without a limit, too")),
        Err(error) => Err(error),
    }
}
