//! CPython's tests: fetched when they are wanted, never checked in.
//!
//! Two versions are known, by the sums of their files. One has an address that does not change; the other is what Debian has
//! where that cannot be reached. Debian moves on, and a version that is not known is an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::files::remove_directory;
use crate::python::{hex, run};

/// A version of the tests.
struct Version {
    name: &'static str,
    /// The sums of [`FILES`].
    files: [&'static str; 2],
}

/// The files that are run.
const FILES: [&str; 2] = ["test_asyncio/test_subprocess.py", "test_subprocess.py"];

const VERSIONS: [Version; 2] = [
    Version {
        name: "3.14.4",
        files: [
            "e2ad0d2a40f4d2af267328189de654c5961a99d7f7d40114a21fd101254174e3",
            "81e9808d1f67b0b241b4e30d6b20712da3ae93461a4c22dc6512cba184d67a60",
        ],
    },
    Version {
        name: "3.14.10",
        files: [
            "df9b747797bbfc53ad985a11690b311f15e096944ee262ae7870cdb432a92353",
            "dda06f0a9071d2ef1c163809d02d83174899a202b0da7753558d205d24f9de90",
        ],
    },
];

/// Ubuntu's packages of 3.14.4, with their sums: of the pool of a release, which keeps them for good. What is taken of them
/// is for any machine.
const UBUNTU: [(&str, &str); 2] = [
    (
        "http://archive.ubuntu.com/ubuntu/pool/main/p/python3.14/libpython3.14-stdlib_3.14.4-1_amd64.deb",
        "3b73ea5df272886f6bca236798eea769b8bc2b99337a55a0ae5f779b310a918c",
    ),
    (
        "http://archive.ubuntu.com/ubuntu/pool/universe/p/python3.14/libpython3.14-testsuite_3.14.4-1_all.deb",
        "3233caaff560fdd7fa1f026c8ea907491041f31f2386d5d05ae143462ea52e05",
    ),
];

/// Debian's packages, whatever their version is today.
const DEBIAN: [&str; 2] = ["libpython3.14-stdlib", "libpython3.14-testsuite"];

/// Where Debian's packages come from: a list of its own, because the machine's may be for another release.
const DEBIAN_SOURCE: &str =
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian unstable main\n";

/// What the tests are made of, in the directory `test` of the packages.
const PARTS: [&str; 6] = [
    "__init__.py",
    "support",
    "certdata",
    "subprocessdata",
    "test_asyncio",
    "test_subprocess.py",
];

/// Which packages to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Those with an address that does not change; where they cannot be had, Debian's.
    Anywhere,
    /// Debian's.
    Debian,
}

/// The tests, unpacked.
#[derive(Debug)]
pub(super) struct Tests {
    /// The directory that has them as its package `test`.
    pub(super) directory: PathBuf,
    /// Their version.
    pub(super) version: &'static str,
}

impl Tests {
    /// The tests below `directory`, which are fetched when they are not there.
    ///
    /// # Errors
    ///
    /// When they cannot be had from anywhere, and when they are of a version that is not known. The message says what to do.
    pub(super) fn have(directory: &Path, from: From) -> Result<Tests> {
        let ubuntu = directory.join("ubuntu");
        let debian = directory.join("debian");
        let wanted = match from {
            From::Anywhere => [Some(&ubuntu), Some(&debian)],
            From::Debian => [None, Some(&debian)],
        };
        for place in wanted.into_iter().flatten() {
            if let Ok(tests) = Tests::at(place) {
                return Ok(tests);
            }
        }
        if from == From::Anywhere {
            match fetched(&ubuntu, from_ubuntu) {
                Ok(()) => return Tests::at(&ubuntu),
                Err(error) => eprintln!("trying Debian's packages: those of Ubuntu cannot be had: {error:#}"),
            }
        }
        fetched(&debian, from_debian).context(
            "CPython's tests cannot be had: they come from archive.ubuntu.com or deb.debian.org, by the network, and this \
             wants apt-get and dpkg-deb",
        )?;
        Tests::at(&debian)
    }

    /// The tests in a directory, if they are of a version that is known.
    fn at(directory: &Path) -> Result<Tests> {
        let sums = FILES.map(|file| {
            let file = directory.join("test").join(file);
            let contents = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            anyhow::Ok(hex(&Sha256::digest(contents)))
        });
        let [first, second] = sums;
        let sums = [first?, second?];
        let known = VERSIONS
            .iter()
            .find(|version| version.files == sums.each_ref().map(String::as_str));
        let Some(version) = known else {
            bail!(
                "{} has tests of a version that is not known: {} have the sums {}. Add it to VERSIONS in {}, run \
                 `cargo xtask cpython --debian`, and write the tests that it shows into tests/cpython/expectations.toml",
                directory.display(),
                FILES.join(" and "),
                sums.join(" and "),
                file!(),
            )
        };
        Ok(Tests {
            directory: directory.to_owned(),
            version: version.name,
        })
    }
}

/// Has `fetch` put packages into a directory, and moves what is wanted of them to `place`.
fn fetched(place: &Path, fetch: fn(&Path) -> Result<()>) -> Result<()> {
    let packages = place.with_extension("packages");
    for directory in [place, &packages] {
        remove_directory(directory)?;
    }
    fs::create_dir_all(&packages).with_context(|| format!("cannot make {}", packages.display()))?;
    fetch(&packages)?;
    let unpacked = packages.join("unpacked");
    let mut count = 0;
    for entry in fs::read_dir(&packages).context("cannot list the packages")? {
        let package = entry.context("cannot list the packages")?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&unpacked))?;
            count += 1;
        }
    }
    ensure!(count == 2, "{count} packages came instead of 2");
    // Under its name only when it is whole.
    let partial = packages.join("test");
    fs::create_dir(&partial).context("cannot make a directory")?;
    for part in PARTS {
        let from = unpacked.join("usr/lib/python3.14/test").join(part);
        fs::rename(&from, partial.join(part)).with_context(|| format!("the packages have no {part}"))?;
    }
    fs::create_dir_all(place).with_context(|| format!("cannot make {}", place.display()))?;
    fs::rename(&partial, place.join("test")).context("cannot move the tests")?;
    remove_directory(&packages)
}

fn from_ubuntu(packages: &Path) -> Result<()> {
    for (address, sum) in UBUNTU {
        let name = address.rsplit('/').next().unwrap_or(address);
        // apt's own downloader knows the machine's proxies.
        run(Command::new("/usr/lib/apt/apt-helper")
            .args(APT)
            .args(["download-file", address])
            .arg(packages.join(name))
            .arg(format!("SHA256:{sum}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null()))?;
    }
    Ok(())
}

fn from_debian(packages: &Path) -> Result<()> {
    let apt = packages.join("apt");
    let (lists, archives, source) = (apt.join("lists"), apt.join("archives"), apt.join("sources.list"));
    for directory in [&lists, &archives] {
        fs::create_dir_all(directory.join("partial")).context("cannot make a directory")?;
    }
    fs::write(&source, DEBIAN_SOURCE).context("cannot write a list of sources")?;
    let apt_get = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(APT)
            .args(["--quiet=2", "--option", "Dir::Etc::sourceparts=/dev/null", "--option"])
            .arg(option("Dir::Etc::sourcelist", &source))
            .arg("--option")
            .arg(option("Dir::State::lists", &lists))
            .arg("--option")
            .arg(option("Dir::Cache", &archives))
            .args(words)
            .current_dir(packages)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        run(&mut command)
    };
    apt_get(&["update"])?;
    apt_get(&[&["download"], &DEBIAN[..]].concat())
}

/// The files are the caller's own, so no other user is to fetch them.
const APT: [&str; 2] = ["--option", "APT::Sandbox::User="];

fn option(name: &str, value: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(format!("{name}="));
    option.push(value);
    option
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_version_says_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("test/test_asyncio")).unwrap();
        for file in FILES {
            fs::write(directory.path().join("test").join(file), "").unwrap();
        }
        let error = Tests::at(directory.path()).unwrap_err().to_string();
        let sum_of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for wanted in [sum_of_nothing, "VERSIONS", "expectations.toml"] {
            assert!(error.contains(wanted), "{error}");
        }
    }
}
