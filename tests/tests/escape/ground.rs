//! The directories of an attempt: what is granted, and what lies beside it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::tier::Tier;

/// Where the guest knows its writable directory, and its read-only one.
pub(crate) const DATA: &str = "/data";
pub(crate) const RO: &str = "/ro";

/// A directory with
///
/// | name | what |
/// |---|---|
/// | `bin` | the probe, which is granted |
/// | `data` | granted to be written to |
/// | `ro` | granted to be read |
/// | `outside` | not granted |
///
/// Every user may do everything with the files in it, so that nothing but confinement is in the way of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Ground(PathBuf);

impl Ground {
    /// Makes the directories in `base`. The files that are granted hold `own`, the others `secret`.
    pub(crate) fn make(base: &TempDir, probe: &[u8], own: &str, secret: &str) -> Self {
        let ground = Self(base.path().to_owned());
        open_to_all(base.path());
        for (directory, content) in [("data", own), ("ro", own), ("outside", secret)] {
            let directory = ground.0.join(directory);
            for directory in [directory.clone(), directory.join("below")] {
                fs::create_dir(&directory).expect("a directory");
                open_to_all(&directory);
            }
            for name in ["secret", "other", content] {
                let file = directory.join(name);
                fs::write(&file, content).expect("a file");
                open_to_all(&file);
            }
        }
        ground.link();
        fs::create_dir(ground.0.join("bin")).expect("a directory");
        fs::write(ground.probe(), probe).expect("a file");
        for path in [ground.0.join("bin"), ground.probe()] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).expect("it is ours");
        }
        for lock in [ground.lock(), ground.leash()] {
            fs::write(&lock, "").expect("a file");
            open_to_all(&lock);
        }
        ground
    }

    /// Links in the writable directory, each to something outside and to something that is granted.
    fn link(&self) {
        let data = self.granted(Tier::None, "data");
        let outside = self.outside();
        let links = [
            ("to-secret", outside.join("secret")),
            ("to-outside", outside.clone()),
            ("up-to-secret", "../outside/secret".into()),
            ("to-own", "secret".into()),
            ("to-below", "below".into()),
        ];
        for (name, target) in links {
            symlink(target, data.join(name)).expect("a link");
        }
    }

    /// What was made in the directory `base` before.
    pub(crate) fn at(base: PathBuf) -> Self {
        Self(base)
    }

    pub(crate) fn base(&self) -> &Path {
        &self.0
    }

    pub(crate) fn probe(&self) -> PathBuf {
        self.0.join("bin/probe")
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.0.join("outside")
    }

    /// The file whose lock says that a descendant is alive, as the host knows it.
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("data/lock")
    }

    /// The file whose lock keeps a descendant alive.
    pub(crate) fn leash(&self) -> PathBuf {
        self.0.join("data/leash")
    }

    /// The name under which a process of the tier knows a granted directory: `data` or `ro`.
    pub(crate) fn granted(&self, tier: Tier, directory: &str) -> PathBuf {
        match tier {
            Tier::Full => Path::new("/").join(directory),
            Tier::None | Tier::Reduced => self.0.join(directory),
        }
    }
}

/// Lets every user do everything with a file or a directory.
fn open_to_all(path: &Path) {
    let mode = if path.is_dir() { 0o777 } else { 0o666 };
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}
