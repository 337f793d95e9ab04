//! Confinement: what is made once for a profile, and how its children come to be.
//!
//! A profile is built by a short-lived process (`build`) that makes the namespaces and, following a list that the host wrote
//! (`plan`), the root; it leaves descriptors and ends. In them, children have rooms (`room`), each with a first process and
//! with a gate (`gate`), who creates the children. In the reduced tier there is one gate for all (`guard`). These processes
//! have a program of their own (`init`, and what they do before it `first`). It is told once what children are held to
//! (`setup`, from `landlock` and `seccomp`), and for each child what it is to execute (`request`).

mod build;
mod filter;
mod first;
mod gate;
mod guard;
mod init;
mod kernel;
mod landlock;
mod memory;
#[path = "../../../init/message.rs"]
mod message;
mod plan;
pub(super) mod probe;
mod request;
mod room;
mod seccomp;
mod setup;
mod system;

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::Arc;

pub(super) use self::gate::Ends;
pub(super) use self::guard::Post;
use self::landlock::Rules;
pub(super) use self::request::Request;
pub(super) use self::room::Stay;
use self::seccomp::Token;
use super::image::FileNumber;
use super::process::Started;
use super::raw::Errno;
use super::spawn::Image;
use super::steps::Failure;
use crate::{Command, ConfineError, Confinement, Need, Network, Tier};

/// What children of one profile are started with.
#[derive(Debug)]
pub(crate) struct Profile {
    place: Place,
    /// What they are held to.
    setup: OwnedFd,
    /// The program of first processes and gates.
    init: Arc<OwnedFd>,
}

/// Where children are.
#[derive(Debug)]
enum Place {
    /// In rooms: the full tier.
    Rooms(Inside),
    /// In the host's own namespaces: the reduced tier. With the Landlock ruleset of all.
    Outside { guarded: guard::Guarded, ruleset: OwnedFd },
}

/// The namespaces, and what is made anew in them for each child.
#[derive(Debug)]
struct Inside {
    namespaces: build::Namespaces,
    /// The host's directories that children may write to.
    writable: Vec<OwnedFd>,
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
        let token = Token::new().map_err(|errno| missing(Need::Seccomp, errno))?;
        let setup = setup::setup(&seccomp::filter(confinement, token), token, &rules)?;
        let place = match rules {
            Rules::Own { writable, .. } => Place::Rooms(Inside::build(confinement, writable)?),
            Rules::Shared(ruleset) => Place::Outside {
                guarded: guard::Guarded::default(),
                ruleset,
            },
        };
        Ok(Profile { place, setup, init })
    }

    pub(crate) fn tier(&self) -> Tier {
        match self.place {
            Place::Rooms(_) => Tier::Full,
            Place::Outside { .. } => Tier::Reduced,
        }
    }

    pub(crate) fn has_proc(&self) -> bool {
        match &self.place {
            Place::Rooms(inside) => inside.has_proc,
            Place::Outside { .. } => false,
        }
    }

    /// Starts a child.
    pub(super) fn start(
        &self,
        command: &Command<'_>,
        image: &Image,
        directory: Option<FileNumber>,
    ) -> Result<Started, Failure> {
        match &self.place {
            Place::Rooms(inside) => {
                let request = Request::inside(command, image, directory)?;
                inside.rooms.start(self, inside, &request)
            }
            Place::Outside { guarded, ruleset } => {
                let request = Request::outside(command, image)?;
                guarded.start(self, ruleset, &request)
            }
        }
    }
}

impl Inside {
    fn build(confinement: &Confinement, writable: Vec<OwnedFd>) -> Result<Inside, ConfineError> {
        let own_network = confinement.network == Network::None;
        let plan = plan::plan(confinement)?;
        let (namespaces, has_proc) = build::build(&plan, confinement, own_network)?;
        Ok(Inside {
            namespaces,
            writable,
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
