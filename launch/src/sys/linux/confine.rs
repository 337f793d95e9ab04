//! Confinement: what is made once for a profile, and what each child of it goes through.
//!
//! A profile is built by a short-lived process (`build`) that makes the namespaces and, following a list that the host wrote
//! (`plan`), the root; it leaves descriptors and ends. In them, children have rooms (`room`), each with a first process
//! (`first`, whose program `init` holds). A child is started through another short-lived process (`gate`), and restricts
//! itself (`landlock`, `seccomp`) as the last steps before it executes its program.

mod build;
mod filter;
mod first;
mod gate;
mod guard;
mod init;
mod kernel;
mod landlock;
mod plan;
pub(super) mod probe;
mod room;
mod seccomp;
mod system;

use std::ffi::{CString, c_int};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::process::{PidfdFlags, getpid, pidfd_open};

pub(super) use self::gate::start;
pub(super) use self::guard::Post;
use self::landlock::Rules;
pub(super) use self::room::Stay;
use super::raw::{self, Errno};
use super::steps::Failure;
use crate::{ConfineError, Confinement, Need, Network, Tier};

/// What children of one profile are started with.
#[derive(Debug)]
pub(crate) struct Profile {
    tier: Tier,
    /// None in the reduced tier.
    inside: Option<Inside>,
    rules: Rules,
    filter: seccomp::Filter,
    /// The program of the tree's first process.
    init: Arc<OwnedFd>,
    /// The host, for the first process to see its end.
    host: OwnedFd,
}

/// Who ends the tree of a child, whatever becomes of the host.
pub(super) enum Watcher {
    /// The first process of the room that the child has.
    Room(Stay),
    /// The guard of its process group.
    Guard(Post),
}

/// The namespaces, and what is made anew in them for each child.
#[derive(Debug)]
struct Inside {
    namespaces: build::Namespaces,
    has_proc: bool,
    tmp_options: CString,
    /// What is shown below `/tmp`.
    below_tmp: Vec<plan::BelowTmp>,
    rooms: Arc<room::Rooms>,
    /// Files of `/proc` that are covered.
    covered: Vec<CString>,
}

impl Profile {
    pub(crate) fn build(confinement: &Confinement) -> Result<Profile, ConfineError> {
        let rules = landlock::rules(confinement)?;
        let init = init::program()?;
        let host = pidfd_open(getpid(), PidfdFlags::empty()).map_err(|errno| missing(Need::Init, errno))?;
        let inside = match confinement.tier {
            Tier::Full => Some(Inside::build(confinement)?),
            Tier::Reduced => None,
        };
        Ok(Profile {
            tier: confinement.tier,
            inside,
            rules,
            filter: seccomp::filter(confinement),
            init,
            host,
        })
    }

    pub(crate) fn tier(&self) -> Tier {
        self.tier
    }

    /// Sees to it that somebody ends the tree of a child to be. All signals are blocked meanwhile.
    pub(super) fn watcher(&self) -> Result<Watcher, Failure> {
        match &self.inside {
            Some(inside) => inside.rooms.enter(self, inside).map(Watcher::Room),
            None => Post::take(self).map(Watcher::Guard),
        }
    }

    /// The kinds of namespaces that a room has.
    fn kinds(&self) -> c_int {
        let has_own_network = self
            .inside
            .as_ref()
            .is_some_and(|inside| inside.namespaces.network.is_some());
        libc::CLONE_NEWUSER
            | libc::CLONE_NEWNS
            | libc::CLONE_NEWPID
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWUTS
            | libc::CLONE_NEWCGROUP
            | if has_own_network { libc::CLONE_NEWNET } else { 0 }
    }

    /// Whether its children have a root of their own.
    pub(super) fn has_own_root(&self) -> bool {
        self.inside.is_some()
    }

    /// Restricts the calling process, a child before exec, for good.
    pub(super) fn apply_rules(&self) -> raw::Result<()> {
        self.rules.apply()
    }

    /// Takes every capability, and the way to new ones, from the calling process, a child before exec.
    pub(super) fn drop_privileges(&self) -> raw::Result<()> {
        kernel::set_no_new_privileges()?;
        kernel::drop_capabilities()
    }

    /// Filters the system calls of the calling process, a child before exec, for good.
    pub(super) fn apply_filter(&self) -> raw::Result<()> {
        self.filter.apply()
    }

    pub(crate) fn has_proc(&self) -> bool {
        self.inside.as_ref().is_some_and(|inside| inside.has_proc)
    }
}

impl Inside {
    fn build(confinement: &Confinement) -> Result<Inside, ConfineError> {
        let own_network = confinement.network == Network::None;
        let plan = plan::plan(confinement)?;
        let (namespaces, has_proc) = build::build(&plan, confinement, own_network)?;
        Ok(Inside {
            namespaces,
            has_proc,
            tmp_options: plan.tmp_options,
            below_tmp: plan.below_tmp,
            covered: plan.covered,
            rooms: Arc::default(),
        })
    }
}

/// The error for what the system refused.
fn missing(need: Need, errno: impl Into<Errno>) -> ConfineError {
    let errno = errno.into();
    ConfineError {
        need,
        path: None,
        errno: Some(errno.0),
        help: system::help(need, errno),
    }
}
