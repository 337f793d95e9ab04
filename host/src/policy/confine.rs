//! What children see of the host: the tier of their confinement, the files, and the network. This is the data and the rules
//! about it; what holds a child to it is elsewhere.

use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use super::compile::Invalid;
use super::limits::{MIB, MOST_BYTES};
use super::refusal::{near_miss, quote};
use super::resolve::{self, Writable};
use super::{Grant, Policy};

/// How a child is confined. A stronger tier is the greater one.
///
/// It is never lowered in silence: less than [`Full`](Tier::Full) holds only where the policy names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Tier {
    /// Not at all.
    ///
    /// # Ambient Authority
    ///
    /// A child has all that the host's user has: every file, and the host's network whatever [`Grant::network`] says.
    None,
    /// What a system without user namespaces can hold: access to files by path, and the network. The child sees the host's
    /// paths.
    Reduced,
    /// Namespaces of its own, and a file system of what it was given and nothing else. The child sees the guest's directories
    /// by the guest's names: see [`Preopen`](crate::Preopen).
    #[default]
    Full,
}

impl Tier {
    /// All of them, the strongest first.
    pub const ALL: [Tier; 3] = [Tier::Full, Tier::Reduced, Tier::None];

    /// Its name: `full`, `reduced` or `none`.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Full => "full",
            Tier::Reduced => "reduced",
            Tier::None => "none",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Tier, UnknownTier> {
        let names = || Tier::ALL.into_iter();
        names().find(|tier| tier.name() == text).ok_or_else(|| {
            let hint = near_miss(text, names().map(Tier::name)).map(|near| format!("did you mean {near:?}? "));
            UnknownTier(format!(
                "{} is not a tier of confinement; {}the tiers are full, reduced and none",
                quote(text),
                hint.unwrap_or_default()
            ))
        })
    }
}

/// The text is not the name of a tier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownTier(String);

/// What a child may reach of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// Nothing.
    #[default]
    None,
    /// All that the host reaches, the services that listen on the host itself among it.
    ///
    /// # Ambient Authority
    ///
    /// The child sends what it reads wherever it likes, and acts towards others as the host.
    Host,
    /// TCP connections to these ports, of any host.
    ///
    /// A port does not say who is behind it: the child reaches these ports everywhere, on the host itself, too. It cannot
    /// listen. It has no UDP, and so no DNS over UDP: a program that looks names up needs a resolver that it reaches by TCP,
    /// or addresses.
    Connect(Vec<u16>),
}

impl Network {
    /// Whether `wider` allows all that this does.
    pub(super) fn within(&self, wider: &Network) -> bool {
        match (self, wider) {
            (Network::None, _) | (_, Network::Host) => true,
            (Network::Connect(ports), Network::Connect(wider)) => ports.iter().all(|port| wider.contains(port)),
            (Network::Host | Network::Connect(_), _) => false,
        }
    }

    /// The same with its ports sorted, each once.
    pub(super) fn normal(&self) -> Network {
        match self {
            Network::Connect(ports) => {
                let mut ports = ports.clone();
                ports.sort_unstable();
                ports.dedup();
                Network::Connect(ports)
            }
            other => other.clone(),
        }
    }
}

/// How children are confined, and what they see of the host beside the guest's preopens.
///
/// A child sees the system directories, to read only: `/usr`, `/bin`, `/sbin`, `/lib` and its like, the loader's cache
/// `/etc/ld.so.cache`, `/etc/alternatives`, certificates, and the data of locales and time zones. To these,
/// [`read`](Self::read) adds; from both, [`hide`](Self::hide) takes away. A grant has such lists of its own
/// ([`Grant::read`], [`Grant::hide`]), which add to these. The program of the grant is shown wherever it lies, and so is the
/// interpreter of a script; what else they need outside of the system directories, [`read`](Self::read) has to name.
///
/// ```
/// use childproof_host::policy::{Confine, Policy, Tier};
///
/// let confine = Confine { read: vec!["/opt/toolchain".into()], tmp: Some(1 << 30), ..Confine::default() };
/// let policy = Policy::new().confine(confine);
/// assert_eq!(policy.confine.tier.unwrap_or_default(), Tier::Full);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confine {
    /// The tier. Default: [`Tier::Full`].
    pub tier: Option<Tier>,
    /// Further files and directories of the host that children see, to read only, at their own paths. They are absolute,
    /// have no `..`, and are there when the policy is loaded; the root, `/proc`, `/dev`, `/sys` and what is below them are
    /// refused.
    ///
    /// # Ambient Authority
    ///
    /// What a child reads it can hand to the guest.
    pub read: Vec<PathBuf>,
    /// Absolute paths of the host that children do not see, nor what is below them. They win over [`read`](Self::read),
    /// and need not be there. The guest's preopens are given all the same. With [`Tier::Reduced`], only the whole of something
    /// that is shown can be hidden, not a part of it.
    pub hide: Vec<PathBuf>,
    /// The size of the private `/tmp` that a child has, in bytes. Default: [`DEFAULT_TMP`](Self::DEFAULT_TMP). With
    /// [`Tier::Reduced`] it has none.
    pub tmp: Option<u64>,
}

impl Confine {
    /// The size of a child's private `/tmp` where the policy does not say: 256 MiB.
    pub const DEFAULT_TMP: u64 = 256 * MIB;

    /// The tier that holds: the one that is written, or the full one.
    pub(super) fn tier_in_effect(&self) -> Tier {
        self.tier.unwrap_or_default()
    }
}

/// Checks what can be checked without the operating system.
pub(super) fn check(policy: &Policy) -> Result<(), Invalid> {
    let confine = &policy.confine;
    paths("confine", &confine.read, &confine.hide)?;
    let fail = |message: &str| Err(Invalid::new("confine.tmp", message));
    match confine.tmp {
        Some(0) => {
            return fail(
                "a child could write nothing to its /tmp; give it a size such as \"16MiB\", or leave the line out for 256MiB",
            );
        }
        Some(tmp) if u128::from(tmp) > MOST_BYTES => {
            return fail("this is more than 1 EiB, so it bounds nothing; leave the line out for 256MiB");
        }
        _ => {}
    }
    for (name, grant) in &policy.grants {
        check_grant(&format!("grants.{name}"), grant)?;
    }
    match confine.tier_in_effect() {
        Tier::Full => Ok(()),
        Tier::Reduced if confine.tmp.is_some() => fail(
            "with the tier \"reduced\", a child has no /tmp of its own to set the size of; take it out, or name the tier full",
        ),
        Tier::Reduced => Ok(()),
        Tier::None => check_unconfined(policy),
    }
}

fn check_grant(at: &str, grant: &Grant) -> Result<(), Invalid> {
    paths(at, &grant.read, &grant.hide)?;
    let Network::Connect(ports) = &grant.network else {
        return Ok(());
    };
    let at = format!("{at}.network.connect");
    if ports.is_empty() {
        return Err(Invalid::new(
            at,
            "there is no port in it, so nothing could be reached; write network = \"none\", or leave it out",
        ));
    }
    match ports.iter().position(|port| *port == 0) {
        Some(index) => Err(Invalid::new(format!("{at}[{index}]"), no_port("0"))),
        None => Ok(()),
    }
}

/// What is wrong with a number that is no port.
pub(super) fn no_port(number: &str) -> String {
    format!("{number} is not a TCP port; the ports are 1 to 65535")
}

/// Refuses what nothing would hold without a confinement.
fn check_unconfined(policy: &Policy) -> Result<(), Invalid> {
    let idle =
        "this has no effect with the tier \"none\", where a child sees all files; take it out, or name another tier";
    let refuse = |said: bool, field: String| match said {
        true => Err(Invalid::new(field, idle)),
        false => Ok(()),
    };
    let confine = &policy.confine;
    refuse(!confine.read.is_empty(), "confine.read".to_owned())?;
    refuse(!confine.hide.is_empty(), "confine.hide".to_owned())?;
    refuse(confine.tmp.is_some(), "confine.tmp".to_owned())?;
    for (name, grant) in &policy.grants {
        refuse(!grant.read.is_empty(), format!("grants.{name}.read"))?;
        refuse(!grant.hide.is_empty(), format!("grants.{name}.hide"))?;
        if let Network::Connect(_) = grant.network {
            let message = "with the tier \"none\", nothing would hold a child to these ports; name the tier full or reduced, or \
                           write network = \"host\", which is what it would have";
            return Err(Invalid::new(format!("grants.{name}.network"), message));
        }
    }
    Ok(())
}

fn paths(at: &str, read: &[PathBuf], hide: &[PathBuf]) -> Result<(), Invalid> {
    for (index, path) in read.iter().enumerate() {
        check_path(path)
            .and_then(|()| check_readable(path))
            .map_err(|why| Invalid::new(format!("{at}.read[{index}]"), why))?;
    }
    for (index, path) in hide.iter().enumerate() {
        let field = || format!("{at}.hide[{index}]");
        check_path(path).map_err(|why| Invalid::new(field(), why))?;
        if is_root(path) {
            let message = "this would hide everything, the program with it; name what children must not see";
            return Err(Invalid::new(field(), message));
        }
    }
    Ok(())
}

fn check_path(path: &Path) -> Result<(), &'static str> {
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err("it holds a NUL character, which no file name can");
    }
    if !path.is_absolute() {
        return Err("it is not an absolute path; write all of it, from the root");
    }
    if path.components().any(|component| component == Component::ParentDir) {
        return Err("it holds \"..\", which leads elsewhere after a symbolic link; write the path without it");
    }
    Ok(())
}

fn check_readable(path: &Path) -> Result<(), &'static str> {
    if is_root(path) {
        return Err("this is the whole file system; name what the program needs of it");
    }
    if ["/proc", "/dev", "/sys"].iter().any(|system| path.starts_with(system)) {
        return Err("a child never sees what the host has in /proc, /dev and /sys; name something else");
    }
    Ok(())
}

fn is_root(path: &Path) -> bool {
    path.parent().is_none()
}

/// Looks up the paths to read.
pub(super) fn resolve(at: &str, read: &[PathBuf], writable: &[Writable]) -> Result<(), Invalid> {
    for (index, path) in read.iter().enumerate() {
        resolve_one(path, writable).map_err(|why| Invalid::new(format!("{at}.read[{index}]"), why))?;
    }
    Ok(())
}

fn resolve_one(path: &Path, writable: &[Writable]) -> Result<(), String> {
    let shown = path.display();
    let unusable = |error| format!("{shown} cannot be given: {error}; correct the path, or take it out");
    let canonical = fs::canonicalize(path).map_err(unusable)?;
    check_readable(&canonical).map_err(|why| format!("{shown} leads to {}: {why}", canonical.display()))?;
    // To see a socket or a pipe is to speak with whoever is behind it.
    let kind = fs::metadata(&canonical).map_err(unusable)?;
    if !kind.is_file() && !kind.is_dir() {
        return Err(format!(
            "{shown} is neither a file nor a directory, and nothing else can be given to read; take it out"
        ));
    }
    resolve::refuse_redirected(path, &canonical, writable)
}

/// The paths of both lists, sorted, each once.
pub(super) fn union(one: &[PathBuf], other: &[PathBuf]) -> Vec<PathBuf> {
    // Collecting the components drops what says nothing: "//", "/./" and a "/" at the end.
    let mut all: Vec<PathBuf> = one
        .iter()
        .chain(other)
        .map(|path| path.components().collect())
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether one of the paths is `path`, or one that it lies below. As text: what is behind the paths is not looked at.
pub(super) fn covered<'p>(path: &Path, mut by: impl Iterator<Item = &'p PathBuf>) -> bool {
    by.any(|above| path.starts_with(above))
}
