//! Loading: the one step of a policy that touches the operating system.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use childproof_launch::{Program, Signal};

use super::compile::{self, Invalid, Room, Rules};
use super::{Confine, Grant, Limits, Network, Policy, StdStream, Tier, confine};
use super::{machine, place, resolve};

/// A directory that the guest was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preopen {
    /// Its path as the guest sees it.
    pub guest_path: String,
    /// Its path on the host.
    pub host_path: PathBuf,
    /// Whether the guest may write below it.
    pub writable: bool,
}

impl Preopen {
    /// Whether the guest could put another file in the place of `file`, a path of the host, or create it if it is not there:
    /// because the preopen is writable, and the file, or a symbolic link that leads to it, lies below it. For files that a
    /// guest must not decide on, such as its own policy.
    ///
    /// # Ambient Authority
    ///
    /// This reads the host's file system.
    ///
    /// # Errors
    ///
    /// If the preopen is writable: a `host_path` that cannot be resolved; a `file` that is empty, or relative where the
    /// working directory is not known.
    pub fn could_replace(&self, file: &Path) -> io::Result<bool> {
        resolve::could_replace(self, file)
    }
}

/// What loading a policy needs to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions<'a> {
    /// Where bare program names are looked up: the operator's `PATH`. Its relative and empty entries are never searched.
    pub search_path: Option<&'a OsStr>,
    /// The guest's preopens. None is named twice.
    pub preopens: &'a [Preopen],
}

/// A policy cannot be loaded. `Display` names the place in the policy and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
#[non_exhaustive]
pub struct LoadError {
    /// The grant that is concerned, if one is.
    pub grant: Option<String>,
    /// The place in the policy, such as `grants.git.program`.
    pub field: String,
    /// What is wrong and what to do. It may hold paths of the host: it is for the operator.
    pub message: String,
}

impl LoadError {
    /// The error for a directory of the guest.
    pub(crate) fn of_preopen(guest_path: &str, message: String) -> LoadError {
        error(None, Invalid::new(format!("preopen {guest_path:?}"), message))
    }
}

/// A policy whose programs are resolved and pinned and whose patterns are compiled. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LoadedPolicy(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    policy: Policy,
    limits: Limits,
    grants: BTreeMap<String, Arc<LoadedGrant>>,
}

impl LoadedPolicy {
    /// The grant of that name.
    pub fn grant(&self, name: &str) -> Option<&Arc<LoadedGrant>> {
        self.0.grants.get(name)
    }

    /// All grants, sorted by name.
    pub fn grants(&self) -> impl Iterator<Item = &Arc<LoadedGrant>> {
        self.0.grants.values()
    }

    /// The limits of the guest, with the defaults filled in. Its counts, `live` and `spawns`, are kept over all grants.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// How children are confined.
    pub fn tier(&self) -> Tier {
        self.0.policy.confine.tier_in_effect()
    }

    /// The size of a child's private `/tmp`, in bytes.
    pub fn tmp_bytes(&self) -> u64 {
        self.0.policy.confine.tmp.unwrap_or(Confine::DEFAULT_TMP)
    }

    /// Whether there are children, and they see the guest's directories by the guest's names.
    pub(crate) fn shows_guest_names(&self) -> bool {
        self.tier() == Tier::Full && !self.0.grants.is_empty()
    }

    /// The policy as it was written.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Refuses a preopen through which the guest could replace a program, or make a path to read lead elsewhere, as
    /// [`Policy::load`] does with those it is told of, and one that a child cannot see by the guest's name: for a host that
    /// gives a guest another preopen later.
    ///
    /// # Ambient Authority
    ///
    /// This reads the host's file system.
    ///
    /// # Errors
    ///
    /// With [`Tier::Full`]: a `guest_path` that [`Preopen`](crate::Preopen) says cannot be one. If `writable`: a `host_path`
    /// that cannot be resolved; a program that lies below it, or whose interpreter or a symbolic
    /// link on the way does; a program that was found by its bare name, after a directory of the search path that does; a
    /// path to read that is gone, or leads through it to a place outside.
    pub fn check_preopen(&self, guest_path: &str, host_path: &Path, writable: bool) -> Result<(), LoadError> {
        if self.shows_guest_names() {
            place(guest_path).map_err(|why| LoadError::of_preopen(guest_path, why))?;
        }
        if !writable {
            return Ok(());
        }
        let preopen = Preopen {
            guest_path: guest_path.to_owned(),
            host_path: host_path.to_owned(),
            writable,
        };
        let writable = resolve::writable(&[preopen]).map_err(|invalid| error(None, invalid))?;
        confine::resolve("confine", &self.0.policy.confine.read, &writable).map_err(|invalid| error(None, invalid))?;
        for grant in self.grants() {
            confine::resolve(&grant.at, &grant.policy.read, &writable)
                .map_err(|invalid| error(Some(grant.name()), invalid))?;
            resolve::refuse_replaceable(&grant.found, grant.program.path(), &writable)
                .map_err(|why| error(Some(grant.name()), Invalid::new(format!("{}.program", grant.at), why)))?;
        }
        Ok(())
    }
}

/// A grant whose program is resolved and pinned.
#[derive(Debug)]
pub struct LoadedGrant {
    name: String,
    /// The grant's place in the policy: `grants.git`.
    at: String,
    policy: Grant,
    found: resolve::Found,
    program: Arc<Program>,
    /// What the system opens to run the program.
    opened: Vec<PathBuf>,
    pub(super) rules: Rules,
    process_limits: Limits,
    default_cwd: Option<String>,
    network: Network,
    read: Vec<PathBuf>,
    hide: Vec<PathBuf>,
}

impl LoadedGrant {
    /// The name that a guest uses.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pinned program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The grant as it was written.
    pub fn policy(&self) -> &Grant {
        &self.policy
    }

    /// The guest path of the preopen that is the working directory of a child whose guest names none: the first the grant
    /// lists, else the guest's first preopen. None if the guest has no preopen.
    pub fn default_cwd(&self) -> Option<&str> {
        self.default_cwd.as_deref()
    }

    /// The grant's own limits, as written. Its counts, `live` and `spawns`, are kept for this grant alone.
    pub fn limits(&self) -> &Limits {
        &self.policy.limits
    }

    /// The signals a guest may send. `kill` may be sent even if it is not among them.
    pub fn signals(&self) -> &[Signal] {
        self.policy.signals.as_deref().unwrap_or(Grant::default_signals())
    }

    /// Whether a child may inherit this standard stream of the guest.
    pub fn allows_inherit(&self, stream: StdStream) -> bool {
        self.policy
            .inherit
            .as_ref()
            .is_none_or(|streams| streams.contains(&stream))
    }

    /// What a child may reach of the network, ports sorted and each once. With [`Tier::None`], nothing holds it.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The paths of the host that a child sees beside the system directories: the policy's and the grant's, as written but
    /// for empty components, sorted, each once. Symbolic links in them are not resolved.
    pub fn read(&self) -> &[PathBuf] {
        &self.read
    }

    /// Whether a child may use Unix sockets by path or by name. With [`Tier::None`], nothing keeps it from that.
    pub fn unix_sockets(&self) -> bool {
        self.policy.unix_sockets
    }

    /// The paths of the host that a child does not see: the policy's and the grant's, as [`read`](Self::read) has them.
    pub fn hide(&self) -> &[PathBuf] {
        &self.hide
    }

    /// What the system opens to run the program: its file, and the interpreters of a script.
    pub(crate) fn opened(&self) -> &[PathBuf] {
        &self.opened
    }

    /// What bounds one process: the stricter of grant and guest, then the defaults.
    pub(super) fn process_limits(&self) -> &Limits {
        &self.process_limits
    }

    pub(super) fn at(&self) -> &str {
        &self.at
    }

    /// Whether a path, as text, is one of those that lead to the program.
    pub(super) fn is_program(&self, path: &Path) -> bool {
        path == self.policy.program || path == self.found.path || path == self.program.path()
    }
}

impl Policy {
    /// Checks the policy, resolves its programs and pins them.
    ///
    /// A bare program name is looked up in the search path, once, here. The program's file is canonicalised, opened, and,
    /// where the grant has a `sha256`, its content compared. From here on the grant means that file.
    ///
    /// # Ambient Authority
    ///
    /// This reads the host's file system.
    ///
    /// # Errors
    ///
    /// A policy that says something it may not; a program that is not there, cannot be run or has another digest; a
    /// program that the guest could replace, because it, its interpreter, or a symbolic link that leads to one of them
    /// lies in a writable preopen; a script whose interpreter is a relative path; a
    /// program that is found by its bare name, after a directory of the search path that lies in a writable preopen; a
    /// working directory that is no preopen; a path to read that is not there, is neither a file nor a directory, leads to
    /// `/`, `/proc`, `/dev` or `/sys`, or through a writable preopen to a place outside of it.
    ///
    /// If there is a grant: a tier that this machine cannot give, found by trying it; with [`Tier::Reduced`], a hidden path in
    /// something that is shown.
    pub fn load(&self, options: &LoadOptions<'_>) -> Result<LoadedPolicy, LoadError> {
        compile::policy(self).map_err(|invalid| error(None, invalid))?;
        let writable = resolve::writable(options.preopens).map_err(|invalid| error(None, invalid))?;
        confine::resolve("confine", &self.confine.read, &writable).map_err(|invalid| error(None, invalid))?;
        let mut grants = BTreeMap::new();
        for (name, grant) in &self.grants {
            let loaded = self
                .load_grant(name, grant, options, &writable)
                .map_err(|invalid| error(Some(name), invalid))?;
            grants.insert(name.clone(), Arc::new(loaded));
        }
        if !grants.is_empty() {
            machine::check(self.confine.tier_in_effect())
                .map_err(|why| error(None, Invalid::new("confine.tier", why)))?;
        }
        for grant in grants.values() {
            machine::check_hidden(self.confine.tier_in_effect(), grant)
                .map_err(|invalid| error(Some(grant.name()), invalid))?;
        }
        let limits = self.limits.or(&Limits::defaults());
        Ok(LoadedPolicy(Arc::new(Loaded {
            policy: self.clone(),
            limits,
            grants,
        })))
    }

    fn load_grant(
        &self,
        name: &str,
        grant: &Grant,
        options: &LoadOptions<'_>,
        writable: &[resolve::Writable],
    ) -> Result<LoadedGrant, Invalid> {
        let at = format!("grants.{name}");
        let rules = compile::rules(name, grant, &mut Room::default())?;
        let place = format!("{at}.program");
        let found = resolve::find(&grant.program, options.search_path).map_err(|why| Invalid::new(&place, why))?;
        let program = Program::open(&found.path).map_err(|why| {
            Invalid::new(
                &place,
                format!("the program cannot be used: {why}; correct the path, or drop the grant"),
            )
        })?;
        resolve::refuse_replaceable(&found, program.path(), writable).map_err(|why| Invalid::new(&place, why))?;
        if let Some(expected) = &grant.sha256 {
            resolve::check_digest(&program, expected).map_err(|why| Invalid::new(format!("{at}.sha256"), why))?;
        }
        for (index, preopen) in grant.cwd.iter().enumerate() {
            if !options.preopens.iter().any(|known| known.guest_path == *preopen) {
                return Err(Invalid::new(
                    format!("{at}.cwd[{index}]"),
                    no_preopen(preopen, options.preopens),
                ));
            }
        }
        confine::resolve(&at, &grant.read, writable)?;
        let first = grant
            .cwd
            .first()
            .or(options.preopens.first().map(|preopen| &preopen.guest_path));
        Ok(LoadedGrant {
            name: name.to_owned(),
            at,
            found,
            opened: resolve::opened_to_run(program.path()),
            program: Arc::new(program),
            rules,
            process_limits: grant.limits.stricter(&self.limits).or(&Limits::defaults()),
            default_cwd: first.cloned(),
            network: grant.network.normal(),
            read: confine::union(&self.confine.read, &grant.read),
            hide: confine::union(&self.confine.hide, &grant.hide),
            policy: grant.clone(),
        })
    }
}

fn no_preopen(wanted: &str, preopens: &[Preopen]) -> String {
    let known: Vec<_> = preopens
        .iter()
        .map(|preopen| format!("{:?}", preopen.guest_path))
        .collect();
    let known = match known.as_slice() {
        [] => "no directory was named when the policy was loaded".to_owned(),
        known => format!("the guest has {}", known.join(", ")),
    };
    format!(
        "the guest is given no directory {wanted:?} ({known}); give it one under this name, or take it out of the list"
    )
}

fn error(grant: Option<&str>, invalid: Invalid) -> LoadError {
    LoadError {
        grant: grant.map(str::to_owned),
        field: invalid.field,
        message: invalid.message,
    }
}
