//! From the command line to a policy that decides, to the context of a guest and to what is asked of it: the one place for
//! all commands.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use childproof_host::policy::{self, Arguments, Grant, LoadError, LoadOptions, LoadedPolicy, Policy, Tier};
use childproof_host::process::{SpawnRequest, Stderr, Stdin, Stdout};
use childproof_host::{Preopen, ProcessCtx, ProcessCtxBuilder};

use crate::args::{Allow, Dir, ProgramArgs, SandboxArgs, WatchArgs};
use crate::audit::AuditLog;
use crate::report::{Recorder, Sink};

/// The PATH of what `--allow` grants, for the programs that it starts itself.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The recorder that these flags ask for.
pub(crate) fn recorder(sandbox: &SandboxArgs, watch: &WatchArgs) -> Result<Arc<Recorder>> {
    let open = |file: &Path| {
        refuse_writable("--audit", file, &sandbox.dir, "the record of what it did")?;
        AuditLog::open(file)
    };
    let log = watch.audit.as_deref().map(open).transpose()?;
    Ok(Recorder::new(watch.quiet, log))
}

/// A context for processes, as the command line describes it. The streams are those of this command.
pub(crate) fn context(args: &SandboxArgs) -> Result<ProcessCtxBuilder> {
    let preopens = preopens(&args.dir)?;
    let mut builder = ProcessCtx::builder(load(args, &preopens)?).inherit_stdio();
    for (preopen, dir) in preopens.into_iter().zip(&args.dir) {
        builder = builder
            .preopen(preopen)
            .map_err(|error| match error.field.starts_with("preopen") {
                true => anyhow!("--dir {}: {}", dir.host.display(), error.message),
                false => located(error, args, 0),
            })?;
    }
    Ok(builder)
}

/// Sees to it that the recorder gets the events, and that nothing is started that it cannot record.
pub(crate) fn watched(builder: ProcessCtxBuilder, recorder: &Arc<Recorder>) -> ProcessCtxBuilder {
    builder.audit(Sink(recorder.clone()))
}

/// What a guest would ask for: the grant, its arguments, the variables of `--env`, and the streams of this command.
pub(crate) fn request(sandbox: &SandboxArgs, program: &ProgramArgs) -> Result<SpawnRequest> {
    let Some((name, args)) = program.program.split_first() else {
        bail!("no grant is named")
    };
    let mut request = SpawnRequest::new(name);
    request.args = args.to_vec();
    request.env = sandbox
        .env
        .iter()
        .map(|variable| (variable.key.clone(), variable.value.clone()))
        .collect();
    request.stdin = Stdin::Inherit;
    request.stdout = Stdout::Inherit;
    request.stderr = Stderr::Own(Stdout::Inherit);
    Ok(request)
}

fn preopens(dirs: &[Dir]) -> Result<Vec<Preopen>> {
    let mut names = HashSet::new();
    if let Some(dir) = dirs.iter().find(|dir| !names.insert(&dir.guest)) {
        bail!(
            "--dir: the guest would have two directories named {:?}; name one of them with HOST::GUEST",
            dir.guest
        );
    }
    let open = |dir: &Dir| {
        Preopen::open(&dir.host, dir.guest.clone(), dir.writable).with_context(|| {
            match dir.host.as_os_str() == dir.guest.as_str() && dir.guest.contains(':') {
                true => format!(
                    "--dir {} (another name for the guest is written HOST::GUEST)",
                    dir.host.display()
                ),
                false => format!("--dir {}", dir.host.display()),
            }
        })
    };
    dirs.iter().map(open).collect()
}

fn as_policy_has_it(dir: &Dir) -> policy::Preopen {
    policy::Preopen {
        guest_path: dir.guest.clone(),
        host_path: dir.host.clone(),
        writable: dir.writable,
    }
}

/// Whether the guest could write to a directory of the operator's, or below it, or put another in its place. Where that
/// cannot be told, it could.
pub(crate) fn could_change_directory(dirs: &[Dir], directory: &Path) -> bool {
    let holds = |dir: &Dir| {
        let host = dir.host.canonicalize().ok();
        host.zip(directory.canonicalize().ok())
            .is_some_and(|(host, directory)| host.starts_with(directory))
    };
    dirs.iter()
        .filter(|dir| dir.writable)
        .any(|dir| as_policy_has_it(dir).could_replace(directory).unwrap_or(true) || holds(dir))
}

/// Refuses a file of the operator's that the guest could write to, or put another in the place of.
fn refuse_writable(flag: &str, file: &Path, dirs: &[Dir], changes: &str) -> Result<()> {
    for dir in dirs {
        if as_policy_has_it(dir).could_replace(file).with_context(|| {
            format!(
                "cannot compare {flag} {} with --dir {}",
                file.display(),
                dir.host.display()
            )
        })? {
            bail!(
                "{flag} {}: this file lies in, or is reached through, the writable --dir {dir}, so the guest could change \
                 {changes}; move the file, or give the directory read-only: --dir {dir}:ro",
                file.display()
            );
        }
    }
    Ok(())
}

fn load(args: &SandboxArgs, preopens: &[Preopen]) -> Result<LoadedPolicy> {
    let mut policy = match &args.policy {
        Some(file) => {
            refuse_writable("--policy", file, &args.dir, "what it may do the next time")?;
            read(file)?
        }
        None => Policy::new(),
    };
    if let Some(tier) = args.confine {
        policy.confine.tier = Some(tier);
    }
    let read_by_file = policy.confine.read.len();
    for path in &args.read {
        let path = from_here(path).with_context(|| format!("--read {}", path.display()))?;
        policy.confine.read.push(path);
    }
    for allow in &args.allow {
        if policy.grants.contains_key(&allow.name) {
            let name = &allow.name;
            bail!("--allow {name}: there is a grant of this name already; take the flag away, or give it another name");
        }
        let grant = Grant::program(program(allow)?).args(Arguments::Any);
        let network = args.network.clone().unwrap_or_default();
        let mut grant = grant.network(network).env_set("PATH", SYSTEM_PATH).env_allow("PATH");
        if policy.confine.tier.unwrap_or_default() == Tier::Full {
            // In its own root this is the one directory of its own that every process has.
            grant = grant.env_set("HOME", "/tmp").env_allow("HOME");
        }
        policy = policy.grant(&allow.name, grant);
    }
    let preopens: Vec<_> = preopens
        .iter()
        .map(|preopen| policy::Preopen {
            guest_path: preopen.guest_path().to_owned(),
            host_path: preopen.host_path().to_owned(),
            writable: preopen.writable(),
        })
        .collect();
    let search_path = std::env::var_os("PATH");
    let options = LoadOptions {
        search_path: search_path.as_deref(),
        preopens: &preopens,
    };
    policy
        .load(&options)
        .map_err(|error| located(error, args, read_by_file))
}

fn read(file: &Path) -> Result<Policy> {
    let shown = file.display();
    let bytes = fs::read(file).with_context(|| format!("cannot read the policy {shown}"))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        anyhow!("{shown}: a policy is UTF-8 text, and this is not: see byte {at}")
    })?;
    Policy::from_toml(&text).map_err(|error| anyhow!("{shown}:{error}"))
}

/// The program of `--allow`: a name to be looked up, or a path from where we are.
fn program(allow: &Allow) -> Result<PathBuf> {
    if !allow.program.as_os_str().to_string_lossy().contains('/') {
        return Ok(allow.program.clone());
    }
    std::path::absolute(&allow.program).with_context(|| format!("--allow {}", allow.name))
}

/// The absolute path of one that is relative to where we are. The working directory has no symbolic links in its path, so
/// that climbing from it is a matter of text; a `..` that comes later is left for the policy to refuse.
fn from_here(path: &Path) -> io::Result<PathBuf> {
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let mut absolute = std::env::current_dir()?;
    let mut components = path.components().peekable();
    while let Some(step) = components.next_if(|step| matches!(step, Component::ParentDir | Component::CurDir)) {
        if step == Component::ParentDir {
            absolute.pop();
        }
    }
    absolute.extend(components);
    Ok(absolute)
}

/// Says where the operator wrote what cannot be loaded. `read_by_file` is how many paths to read are the policy file's.
fn located(error: LoadError, args: &SandboxArgs, read_by_file: usize) -> anyhow::Error {
    let message = &error.message;
    let field = error.field.as_str();
    let at_read = |index: usize| format!("confine.read[{}]", read_by_file + index);
    let mut read = args.read.iter().enumerate();
    if let Some((_, path)) = read.find(|(index, _)| at_read(*index) == field) {
        return anyhow!("--read {}: {message}", path.display());
    }
    if field == "confine.read" && read_by_file == 0 && !args.read.is_empty() {
        return anyhow!("--read: {message}");
    }
    if let ("confine.tier", Some(tier)) = (field, args.confine) {
        return anyhow!("--confine {tier}: {message}");
    }
    let mut networks = args.allow.iter().map(|allow| format!("grants.{}.network", allow.name));
    if networks.any(|network| network == field) {
        return anyhow!("--network: {message}");
    }
    let by_flag = args
        .allow
        .iter()
        .find(|allow| error.grant.as_ref() == Some(&allow.name));
    match (by_flag, &args.policy) {
        (Some(allow), _) => anyhow!("--allow {}: {}", allow.name, error.message),
        (None, Some(file)) => anyhow!("{}: {error}", file.display()),
        (None, None) => anyhow!(error),
    }
}
