//! From a request to a process: policy, directory, quotas, hook, streams, launch, and a word to the operator at each end.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use childproof_launch::{Command, Resource, Rlimit, SpawnError, SpawnErrorKind, Stage};

use rustix::io::Errno;
use rustix::process::{Resource as HostResource, getrlimit};
use tokio::runtime::Handle;

use super::control_group;
use super::live::{KernelLimits, Started};
use super::quota::Bound;
use super::request::{Directory, SpawnRequest, Stderr, Stdin, Stdout};
use super::stdio::{self, Prepared};
use super::{Live, Process};
use crate::audit::AuditEvent;
use crate::ctx::{ProcessCtx, Proposal};
use crate::error::{Error, Problem};
use crate::policy::{Decision, Limits, Refusal, RefusalKind, Request, StdStream};
use crate::preopen::{Found, PathScope, WorkingDirectory};

/// The rules that are not the policy's own, as the audit log names them.
const QUOTA_RULE: &str = "limits";
const HOOK_RULE: &str = "hook";
const CWD_RULE: &str = "cwd";
const SYSTEM_RULE: &str = "system";

pub(crate) fn spawn(ctx: &ProcessCtx, request: &SpawnRequest) -> Result<Process, Error> {
    let directory = directory(ctx, request)?;
    let decision = decide(ctx, request, directory.as_ref())?;
    let directory = working_directory(ctx, request, directory, &decision)?;
    check_inherit(ctx, request, &decision)?;
    let limits = &decision.limits;
    let (mut place, held) = ctx
        .quotas()
        .take(
            bound(ctx.policy().limits()),
            decision.grant.name(),
            bound(decision.grant.limits()),
        )
        .map_err(|quota| refused(ctx, request, QUOTA_RULE, "program", Error::QuotaExceeded(quota)))?;
    // Last, so that a hook that asks a person is not asked for what would be refused anyway.
    ask_hook(ctx, request, &decision)?;

    let Ok(runtime) = Handle::try_current() else {
        return Err(Error::Other(
            "a process is started outside of a tokio runtime, which is to watch it".to_owned(),
        ));
    };

    let id = ctx.next_id();
    let grant = decision.grant.name();
    let program = decision.grant.program();
    ctx.audit().record(&AuditEvent::granted(
        id,
        grant,
        program.path(),
        &request.args,
        &decision.rule,
    ));
    let report = |reason: String| {
        ctx.audit().record(&AuditEvent::Failed {
            id,
            grant: grant.to_owned(),
            reason,
        });
    };
    let failed = |error: Error| {
        report(error.to_string());
        error
    };

    ctx.audit()
        .may_start()
        .map_err(|reason| failed(Error::refused("program", reason)))?;

    let profile = ctx.profile(&decision.grant).map_err(|error| {
        report(error.to_string());
        error.to_guest(&decision.grant)
    })?;

    let mut streams = ctx
        .null()
        .and_then(|null| Prepared::new(request, ctx.stdio(), null))
        .map_err(failed)?;
    let held = Arc::new(held);
    let meter = least(request.output_limit, limits.output).map(|limit| Arc::new(streams.pipes_mut().meter(limit)));
    streams.pipes_mut().attach(meter.as_ref(), &held);

    let mut command = Command::new(program, streams.child());
    command.argv0(&decision.argv0).args(&request.args);
    if let Some(WorkingDirectory { directory, inside }) = &directory {
        command.current_dir(directory.as_fd());
        if let Some(inside) = inside {
            command.current_dir_inside(inside);
        }
    }
    if let Some(profile) = &profile {
        command.confine(profile);
    }
    command.envs(decision.env.iter().map(|(key, value)| (key, value)));
    let control_group = control_group::for_limits(limits).map_err(failed)?;
    if let Some(group) = &control_group {
        command.control_group(group);
    }
    for rlimit in rlimits(limits, control_group.is_some()) {
        command.rlimit(rlimit);
    }
    let child = command.spawn().map_err(|error| {
        report(error.to_string());
        spawn_error(&error)
    })?;
    let large_pipes = stdio::release(request);
    place.started();

    ctx.audit().record(&AuditEvent::Started {
        id,
        grant: grant.to_owned(),
        pid: child.id(),
    });
    let kernel_limits = KernelLimits {
        cpu: limits.cpu_seconds().map(Duration::from_secs),
        file_size: limits.file_size.is_some(),
    };
    let started = Started {
        id,
        grant: grant.to_owned(),
        child,
        kernel_limits,
        control_group,
        large_pipes,
        meter,
        place,
        held,
    };
    let live = Live::new(started, ctx.audit().clone(), runtime);
    if let Some(wall) = least(request.timeout, limits.wall) {
        live.end_after(wall);
    }
    let defaults = Limits::defaults();
    let capture = limits.capture.or(defaults.capture).unwrap_or(u64::MAX);
    let drain = limits.drain.or(defaults.drain).unwrap_or_default();
    Ok(Process::new(
        live,
        streams.into_pipes(),
        decision.grant.clone(),
        ctx.kept().clone(),
        capture,
        drain,
    ))
}

/// Refuses a command that holds more than any system takes.
pub(crate) fn refuse_too_long(ctx: &ProcessCtx, request: &SpawnRequest) -> Error {
    refused(ctx, request, SYSTEM_RULE, "args", Error::ArgumentsTooLong)
}

fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn bound(limits: &Limits) -> Bound {
    Bound {
        live: limits.live,
        held: limits.held.map(|held| held.max(limits.live.unwrap_or(0))),
        spawns: limits.spawns,
    }
}

/// Reports a refusal that is not the policy's own and hands it on.
fn refused(ctx: &ProcessCtx, request: &SpawnRequest, rule: &str, field: &str, error: Error) -> Error {
    ctx.audit().record(&AuditEvent::refused(
        &request.program,
        &request.args,
        rule,
        field,
        &error,
    ));
    error
}

/// The directory the guest asks for, and the preopen it lies in.
fn directory(ctx: &ProcessCtx, request: &SpawnRequest) -> Result<Option<Found>, Error> {
    let Some(Directory { directory, path }) = &request.cwd else {
        return Ok(None);
    };
    ctx.preopens()
        .find(directory.as_fd(), path.as_deref())
        .map(Some)
        .map_err(|error| refused(ctx, request, CWD_RULE, "cwd", error))
}

/// The directory that the process works in: the one that was asked for, else the default. None is its own root.
fn working_directory(
    ctx: &ProcessCtx,
    request: &SpawnRequest,
    asked: Option<Found>,
    decision: &Decision,
) -> Result<Option<WorkingDirectory>, Error> {
    let has_own_root = ctx.policy().shows_guest_names();
    let found = match asked {
        Some(found) => ctx.preopens().asked_directory(found, has_own_root).map(Some),
        None => ctx
            .preopens()
            .default_directory(decision.grant.default_cwd(), has_own_root),
    };
    found.map_err(|error| refused(ctx, request, CWD_RULE, "cwd", error))
}

fn decide(ctx: &ProcessCtx, request: &SpawnRequest, directory: Option<&Found>) -> Result<Decision, Error> {
    let default_cwd = ctx
        .policy()
        .grant(&request.program)
        .and_then(|grant| grant.default_cwd());
    let scope = PathScope::new(ctx.preopens(), ctx.policy().shows_guest_names(), directory, default_cwd);
    let asked = Request {
        grant: &request.program,
        argv0: request.argv0.as_deref(),
        args: &request.args,
        env: &request.env,
        cwd: directory.map(|found| found.guest_path.as_str()),
    };
    ctx.policy()
        .decide(&asked, &scope)
        .map_err(|refusal| refused_by_policy(ctx, request, refusal))
}

fn check_inherit(ctx: &ProcessCtx, request: &SpawnRequest, decision: &Decision) -> Result<(), Error> {
    let stderr_inherits = matches!(request.stderr, Stderr::Own(Stdout::Inherit));
    let inherits = [
        (StdStream::Stdin, matches!(request.stdin, Stdin::Inherit)),
        (StdStream::Stdout, matches!(request.stdout, Stdout::Inherit)),
        (StdStream::Stderr, stderr_inherits),
    ];
    inherits
        .into_iter()
        .filter(|(_, inherits)| *inherits)
        .try_for_each(|(stream, _)| decision.grant.check_inherit(stream))
        .map_err(|refusal| refused_by_policy(ctx, request, refusal))
}

/// Reports a refusal of the policy's and turns it into the guest's error.
fn refused_by_policy(ctx: &ProcessCtx, request: &SpawnRequest, refusal: Refusal) -> Error {
    ctx.audit().record(&AuditEvent::refused_by_policy(
        &request.program,
        &request.args,
        &refusal,
    ));
    let problem = Problem {
        field: refusal.field.to_string(),
        message: refusal.message,
    };
    match refusal.kind {
        RefusalKind::UnknownGrant => Error::UnknownGrant(problem.message),
        RefusalKind::NotAllowed => Error::Refused(problem),
        RefusalKind::Invalid => Error::InvalidArgument(problem),
        RefusalKind::TooLong => Error::ArgumentsTooLong,
    }
}

fn ask_hook(ctx: &ProcessCtx, request: &SpawnRequest, decision: &Decision) -> Result<(), Error> {
    let Some(hook) = ctx.hook() else { return Ok(()) };
    let proposal = Proposal {
        grant: decision.grant.name(),
        program: decision.grant.program().path(),
        argv0: &decision.argv0,
        args: &request.args,
        env: &decision.env,
        rule: &decision.rule,
    };
    hook.before_spawn(&proposal)
        .map_err(|reason| refused(ctx, request, HOOK_RULE, "program", Error::refused("program", reason)))
}

/// The limits of each process by itself. Those on memory and on processes are left out where the tree has them together.
fn rlimits(limits: &Limits, has_tree_limits: bool) -> Vec<Rlimit> {
    // Too little for a file, and the one value that the kernel heeds where it hands core dumps to a program: see core(5).
    let mut rlimits = vec![Rlimit::new(Resource::Core, 1)];
    if let Some(seconds) = limits.cpu_seconds() {
        // SIGXCPU at the limit; SIGKILL a second later for a program that goes on.
        rlimits.push(Rlimit {
            resource: Resource::CpuTime,
            soft: seconds,
            hard: seconds.saturating_add(1),
        });
    }
    let alone = |limit: Option<u64>| limit.filter(|_| !has_tree_limits);
    let others = [
        (Resource::AddressSpace, alone(limits.memory)),
        (Resource::OpenFiles, limits.open_files),
        (Resource::FileSize, limits.file_size),
        (Resource::Processes, alone(limits.processes)),
    ];
    rlimits.extend(
        others
            .into_iter()
            .filter_map(|(resource, limit)| Some(Rlimit::new(resource, limit?))),
    );
    rlimits.into_iter().map(within_reach).collect()
}

/// What the host itself may not exceed holds for the child already, and only a privileged host could raise it.
fn within_reach(rlimit: Rlimit) -> Rlimit {
    let of_host = match rlimit.resource {
        Resource::CpuTime => HostResource::Cpu,
        Resource::AddressSpace => HostResource::As,
        Resource::OpenFiles => HostResource::Nofile,
        Resource::FileSize => HostResource::Fsize,
        Resource::Processes => HostResource::Nproc,
        Resource::Core => HostResource::Core,
        _ => return rlimit,
    };
    let most = getrlimit(of_host).maximum.unwrap_or(Rlimit::INFINITY);
    Rlimit {
        soft: rlimit.soft.min(most),
        hard: rlimit.hard.min(most),
        ..rlimit
    }
}

fn spawn_error(error: &SpawnError) -> Error {
    let errno = error.errno().map(Errno::from_raw_os_error);
    match (error.stage(), errno) {
        // A process that has a root of its own looks its directory up there.
        (Stage::WorkingDirectory, Some(Errno::STALE)) => {
            return Error::refused("cwd", "the directory is not where processes of this guest see it");
        }
        (Stage::WorkingDirectory, Some(Errno::ACCESS)) => {
            return Error::refused("cwd", "the process may not enter the directory");
        }
        _ => {}
    }
    match error.kind() {
        SpawnErrorKind::ProgramNotFound => Error::ProgramNotFound,
        SpawnErrorKind::ProgramChanged => Error::ProgramChanged,
        SpawnErrorKind::InterpreterNotFound => Error::InterpreterNotFound,
        SpawnErrorKind::NotExecutable => Error::NotExecutable,
        SpawnErrorKind::ProgramBusy => Error::ProgramBusy,
        SpawnErrorKind::DirectoryNotFound => Error::DirectoryNotFound,
        SpawnErrorKind::NotADirectory => Error::NotADirectory,
        SpawnErrorKind::ArgumentsTooLong => Error::ArgumentsTooLong,
        SpawnErrorKind::TooManyOpenFiles => Error::TooManyOpenFiles,
        SpawnErrorKind::TooManyProcesses => Error::TooManyProcesses,
        SpawnErrorKind::OutOfMemory => Error::OutOfMemory,
        _ => Error::Other(error.to_string()),
    }
}
