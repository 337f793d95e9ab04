//! Spawns of confined processes, and what a confinement costs before the first of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use childproof_host::policy::{Confine, Tier};
use childproof_launch::{Confinement, Directory, Tier as LaunchTier};
use memmap2::{Mmap, MmapMut};
use tokio::process::Command;

use crate::guest::{Guests, Setting, WORK};
use crate::measures::{GIB, beside_itself_larger};
use crate::native;
use crate::report::{Figures, Unit, median};

const TIMES: usize = 100;

fn each(total: f64) -> f64 {
    total / TIMES as f64
}

/// Starts `true` in the full tier and waits for it, against the same without a confinement.
pub(crate) fn spawn(guests: &Guests) -> Result<Figures> {
    beside_tokio(guests, Tier::Full)
}

/// The same in the reduced tier.
pub(crate) fn spawn_reduced(guests: &Guests) -> Result<Figures> {
    beside_tokio(guests, Tier::Reduced)
}

fn beside_tokio(guests: &Guests, tier: Tier) -> Result<Figures> {
    let setting = Setting::new(tier)?;
    Figures::interleaved(
        15,
        || guests.run_in(&setting, "spawn", TIMES, 0).map(each),
        || guests.runtime.block_on(native::spawn(TIMES, native::program)).map(each),
    )
}

/// The full tier against bubblewrap, which shows the same to its child.
pub(crate) fn spawn_beside_bubblewrap(guests: &Guests) -> Result<Figures> {
    let setting = Setting::new(Tier::Full)?;
    let arguments = bubblewrap_arguments(setting.directory())?;
    // Once to see that it is there and works: what it says is not seen later.
    let mut once = std::process::Command::new("bwrap");
    native::command(once.args(&arguments))
        .context("the peer is bubblewrap: install the package bubblewrap (`apt-get install bubblewrap`)")?;
    let bubblewrap = || {
        let mut command = Command::new("bwrap");
        command.args(&arguments);
        command
    };
    Figures::interleaved(
        7,
        || guests.run_in(&setting, "spawn", TIMES, 0).map(each),
        || guests.runtime.block_on(native::spawn(TIMES, bubblewrap)).map(each),
    )
}

/// What the full tier shows to read, as far as it is there.
const SHOWN: [&str; 19] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/locale.alias",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
];

fn bubblewrap_arguments(directory: &Path) -> Result<Vec<PathBuf>> {
    let tmp = Confine::DEFAULT_TMP.to_string();
    let mut arguments: Vec<PathBuf> = vec!["--unshare-all".into()];
    for shown in SHOWN.iter().map(PathBuf::from) {
        match fs::symlink_metadata(&shown) {
            Ok(metadata) if metadata.is_symlink() => {
                arguments.extend(["--symlink".into(), fs::read_link(&shown)?, shown]);
            }
            Ok(_) => arguments.extend(["--ro-bind".into(), shown.clone(), shown]),
            Err(_) => {}
        }
    }
    arguments.extend(["--proc", "/proc", "--dev", "/dev", "--size", &tmp, "--tmpfs", "/tmp"].map(PathBuf::from));
    arguments.extend(["--bind".into(), directory.to_owned(), WORK.into()]);
    arguments.extend(["--chdir", WORK, "true"].map(PathBuf::from));
    Ok(arguments)
}

/// A host that holds 4 GiB, against itself without them.
pub(crate) fn spawn_from_a_large_host(guests: &Guests) -> Result<Figures> {
    beside_itself_larger(guests, &Setting::new(Tier::Full)?, || Ok(vec![1_u8; 4 * GIB]))
}

/// A host whose memory is in 20,000 pieces, against itself without them.
pub(crate) fn spawn_with_many_mappings(guests: &Guests) -> Result<Figures> {
    beside_itself_larger(guests, &Setting::new(Tier::Full)?, || mappings(20_000))
}

/// So many mappings of a page that is there. Every other one is read-only: the kernel makes one of those that are alike and
/// lie side by side.
fn mappings(count: usize) -> Result<Vec<(MmapMut, Mmap)>> {
    let mapping = || -> Result<MmapMut> {
        let mut mapping = MmapMut::map_anon(4096)?;
        mapping.fill(1);
        Ok(mapping)
    };
    let pairs = (0..count / 2)
        .map(|_| Ok((mapping()?, mapping()?.make_read_only()?)))
        .collect::<Result<_>>()?;
    let there = fs::read_to_string("/proc/self/maps")?.lines().count();
    ensure!(there >= count, "there are only {there} mappings");
    Ok(pairs)
}

/// What the first spawn of a guest that has one directory waits for.
pub(crate) fn build(_: &Guests) -> Result<Figures> {
    const ROUNDS: usize = 25;
    let directory = tempfile::tempdir()?;
    let one = || -> Result<f64> {
        let confinement = Confinement {
            directories: vec![Directory {
                source: fs::File::open(directory.path())?.into(),
                target: WORK.into(),
                writable: true,
            }],
            ..Confinement::new(LaunchTier::Full)
        };
        let start = Instant::now();
        let profile = confinement.build();
        let took = start.elapsed().as_nanos() as f64;
        profile.context("cannot build the profile")?;
        Ok(took)
    };
    // The first one warms up.
    one()?;
    let took = (0..ROUNDS).map(|_| one()).collect::<Result<_>>()?;
    Ok(Figures::alone(median(took), Unit::LongTime))
}

/// 1,000 processes that are alive at once, in the full tier, against the same without a confinement; the figures are for one.
pub(crate) fn concurrent(guests: &Guests) -> Result<Figures> {
    const CHILDREN: usize = 1_000;
    let each = |total: f64| total / CHILDREN as f64;
    let setting = Setting::new(Tier::Full)?;
    Figures::interleaved(
        3,
        || guests.run_in(&setting, "alive", CHILDREN, 0).map(each),
        || guests.runtime.block_on(native::alive(CHILDREN)).map(each),
    )
}
