//! The context of one guest: its policy, its directories and streams, its counters, and who is told.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use childproof_launch::Profile;
use rustix::fs::{CWD, Mode, OFlags, openat};
use wasmtime::component::{HasData, ResourceTable};

use crate::audit::{Audit, AuditSink};
use crate::command::Budget;
use crate::error::Error;
use crate::p2::Streams;
use crate::policy::{LoadError, LoadedGrant, LoadedPolicy};
use crate::preopen::{Preopen, Preopens};
use crate::process::{Kept, Process, Profiles, Quotas, SpawnRequest, Unconfinable};

/// Marks the host's data for [`HasData`], for embedders who call the generated `add_to_linker` functions themselves.
pub struct Processes;

impl HasData for Processes {
    type Data<'a> = ProcessCtxView<'a>;
}

/// What the host functions work on: the guest's context, and the store's resources.
///
/// The context is shared, so a host whose store type is foreign can keep it anywhere.
pub struct ProcessCtxView<'a> {
    /// The context.
    pub ctx: &'a ProcessCtx,
    /// The resources of the store.
    pub table: &'a mut ResourceTable,
}

/// A spawn that the policy allows, for a [`SpawnHook`] to judge.
#[derive(Debug)]
#[non_exhaustive]
pub struct Proposal<'a> {
    /// The name of the grant.
    pub grant: &'a str,
    /// The program's canonical path.
    pub program: &'a Path,
    /// The program's own name as it will see it.
    pub argv0: &'a str,
    /// The arguments, without the program's own name.
    pub args: &'a [String],
    /// The whole environment of the process.
    pub env: &'a [(String, String)],
    /// The rule of the policy that allowed it.
    pub rule: &'a str,
}

/// Asked before each spawn that the policy allows.
///
/// It can only refuse: what the policy refuses never gets here. It is called on the thread that runs the guest, which
/// waits for it.
pub trait SpawnHook: Send + Sync {
    /// Allows the spawn, or says why not. The reason is shown to the guest.
    ///
    /// # Errors
    ///
    /// The reason for a refusal.
    fn before_spawn(&self, proposal: &Proposal<'_>) -> Result<(), String>;
}

impl<F: Fn(&Proposal<'_>) -> Result<(), String> + Send + Sync> SpawnHook for F {
    fn before_spawn(&self, proposal: &Proposal<'_>) -> Result<(), String> {
        self(proposal)
    }
}

/// The guest's own standard streams, as descriptors that a process can inherit. One that is none cannot be inherited.
///
/// A process that inherits a stream shares its open file description with the host, offset and flags included: a program
/// that makes its standard output non-blocking makes the host's so. An embedder that minds gives a description of its own.
#[derive(Clone, Debug, Default)]
pub struct GuestStdio {
    pub(crate) stdin: Option<Arc<OwnedFd>>,
    pub(crate) stdout: Option<Arc<OwnedFd>>,
    pub(crate) stderr: Option<Arc<OwnedFd>>,
}

struct Shared {
    policy: LoadedPolicy,
    preopens: Preopens,
    stdio: GuestStdio,
    hook: Option<Box<dyn SpawnHook>>,
    audit: Audit,
    quotas: Quotas,
    kept: Kept,
    profiles: Profiles,
    next_id: AtomicU64,
    null: OnceLock<Arc<OwnedFd>>,
    streams: Streams,
    budget: Budget,
}

/// The context of one guest. Cloning it is cheap, and the clones are the same context: they share its counters.
#[derive(Clone)]
pub struct ProcessCtx(Arc<Shared>);

impl std::fmt::Debug for ProcessCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessCtx").finish_non_exhaustive()
    }
}

impl ProcessCtx {
    /// A builder for a guest that lives under `policy`. Until it is told otherwise the guest has no directory for its
    /// processes, no streams they could inherit, no hook and no sink.
    pub fn builder(policy: LoadedPolicy) -> ProcessCtxBuilder {
        ProcessCtxBuilder {
            policy,
            preopens: Preopens::default(),
            stdio: GuestStdio::default(),
            hook: None,
            sink: None,
        }
    }

    /// Starts a process.
    ///
    /// It answers once the program is running, or once it is known why it is not: after an error no process is left
    /// behind. As it does not wait for anything in between, it cannot be cancelled half-way.
    ///
    /// # Errors
    ///
    /// Those of the WIT's `command.spawn`; outside of a tokio runtime, [`Error::Other`].
    ///
    /// # Panics
    ///
    /// In a tokio runtime whose I/O or time driver is off.
    pub fn spawn(&self, request: &SpawnRequest) -> Result<Process, Error> {
        crate::process::spawn(self, request)
    }

    pub(crate) fn policy(&self) -> &LoadedPolicy {
        &self.0.policy
    }

    pub(crate) fn preopens(&self) -> &Preopens {
        &self.0.preopens
    }

    pub(crate) fn stdio(&self) -> &GuestStdio {
        &self.0.stdio
    }

    pub(crate) fn hook(&self) -> Option<&dyn SpawnHook> {
        self.0.hook.as_deref()
    }

    pub(crate) fn audit(&self) -> &Audit {
        &self.0.audit
    }

    pub(crate) fn quotas(&self) -> &Quotas {
        &self.0.quotas
    }

    pub(crate) fn kept(&self) -> &Kept {
        &self.0.kept
    }

    /// What the processes of a grant are confined by. None where the policy confines nothing.
    pub(crate) fn profile(&self, grant: &LoadedGrant) -> Result<Option<Arc<Profile>>, Unconfinable> {
        self.0.profiles.of(&self.0.policy, &self.0.preopens, grant)
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.0.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// `/dev/null`, opened once.
    pub(crate) fn null(&self) -> Result<&Arc<OwnedFd>, Error> {
        if let Some(null) = self.0.null.get() {
            return Ok(null);
        }
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY;
        let null =
            openat(CWD, "/dev/null", flags, Mode::empty()).map_err(|errno| Error::system("open /dev/null", errno))?;
        Ok(self.0.null.get_or_init(|| Arc::new(null)))
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.0.budget
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }
}

/// Builds a [`ProcessCtx`].
pub struct ProcessCtxBuilder {
    policy: LoadedPolicy,
    preopens: Preopens,
    stdio: GuestStdio,
    hook: Option<Box<dyn SpawnHook>>,
    sink: Option<Arc<dyn AuditSink>>,
}

impl std::fmt::Debug for ProcessCtxBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessCtxBuilder").finish_non_exhaustive()
    }
}

impl ProcessCtxBuilder {
    /// Lets processes work in a directory that the guest was given: to read, and to write if the guest may.
    ///
    /// Processes that are confined in the full tier see these directories and no other, and without any they work in a root of
    /// their own. Those that are confined less work, without any, where their guest holds a descriptor of, if their grant does
    /// not name directories, and in `/` by default.
    ///
    /// # Errors
    ///
    /// When the directory is writable and the guest could replace a program of the policy through it: see
    /// [`LoadedPolicy::check_preopen`]. If there is a grant, and processes are confined in the full tier: when its name cannot
    /// be a path for them, is the same path as that of another, or lies in another that has no such directory.
    pub fn preopen(mut self, preopen: Preopen) -> Result<Self, LoadError> {
        let (guest_path, host_path) = (preopen.guest_path(), preopen.host_path());
        self.policy.check_preopen(guest_path, host_path, preopen.writable())?;
        if self.policy.shows_guest_names() {
            self.preopens
                .check_beside(&preopen)
                .map_err(|why| LoadError::of_preopen(guest_path, why))?;
        }
        self.preopens.push(preopen);
        Ok(self)
    }

    /// The guest's standard streams are the host's own, and processes may inherit them.
    ///
    /// # Ambient Authority
    ///
    /// The host's descriptors 0, 1 and 2 are duplicated; one that is closed cannot be inherited.
    pub fn inherit_stdio(mut self) -> Self {
        let duplicate = |fd: std::io::Result<OwnedFd>| fd.ok().map(Arc::new);
        use std::os::fd::AsFd;
        self.stdio = GuestStdio {
            stdin: duplicate(std::io::stdin().as_fd().try_clone_to_owned()),
            stdout: duplicate(std::io::stdout().as_fd().try_clone_to_owned()),
            stderr: duplicate(std::io::stderr().as_fd().try_clone_to_owned()),
        };
        self
    }

    /// What the guest's standard input is, for processes to inherit.
    pub fn stdin(mut self, fd: impl Into<OwnedFd>) -> Self {
        self.stdio.stdin = Some(Arc::new(fd.into()));
        self
    }

    /// What the guest's standard output is, for processes to inherit.
    pub fn stdout(mut self, fd: impl Into<OwnedFd>) -> Self {
        self.stdio.stdout = Some(Arc::new(fd.into()));
        self
    }

    /// What the guest's standard error is, for processes to inherit.
    pub fn stderr(mut self, fd: impl Into<OwnedFd>) -> Self {
        self.stdio.stderr = Some(Arc::new(fd.into()));
        self
    }

    /// Asks `hook` before each spawn that the policy allows.
    pub fn hook(mut self, hook: impl SpawnHook + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// Tells `sink` what happens.
    pub fn audit(mut self, sink: impl AuditSink + 'static) -> Self {
        self.sink = Some(Arc::new(sink));
        self
    }

    /// The context.
    pub fn build(self) -> ProcessCtx {
        ProcessCtx(Arc::new(Shared {
            policy: self.policy,
            preopens: self.preopens,
            stdio: self.stdio,
            hook: self.hook,
            audit: Audit::new(self.sink),
            quotas: Quotas::default(),
            kept: Kept::default(),
            profiles: Profiles::default(),
            next_id: AtomicU64::new(1),
            null: OnceLock::new(),
            streams: Streams::default(),
            budget: Budget::default(),
        }))
    }
}
