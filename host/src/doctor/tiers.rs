//! The tiers, each with a child in it that looks around.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use childproof_launch::{Confinement, Profile, Termination, Tier};
use tokio::runtime::Runtime;

use super::trial::{Trial, end, find};
use super::{Check, Section};

/// What a shell tries. It prints its own status, as the kernel has it, and a line for each thing that it could do; what it did to
/// the file outside is seen from there. It is given that file, the name of a file in `/tmp`, and the host's number.
const LOOK_AROUND: &str = r#"
while read -r line; do echo "$line"; done < /proc/self/status
if ( : < "$0" ); then echo can read-system; fi
if [ -e "$1" ]; then echo can stat; fi
if ( : < "$1" ); then echo can read; fi
chmod 640 "$1"
touch -c -t 200102030405 "$1"
if ( : > "$2" ); then echo can use-tmp; fi
if [ -d "/proc/$3" ]; then echo can list-processes; fi
if ( read -r line < "/proc/$3/status" ); then echo can read-processes; fi
if setsid true; then echo can setsid; fi
echo written >> "$1"
exit 42
"#;
/// That it is the shell's, and not that of something that went wrong on the way.
const ITS_STATUS: u32 = 42;

/// The tiers that work, and what is to be said of both.
pub(super) struct Tiers {
    pub(super) full: Option<Profile>,
    pub(super) reduced: Option<Profile>,
    pub(super) checks: Vec<Check>,
}

pub(super) fn examine(runtime: &Runtime) -> Tiers {
    // What fails without confinement, too, is no sign of any.
    let control = look_around(runtime, None);
    let (full, of_full, _) = tier(runtime, Tier::Full, &control);
    let (reduced, of_reduced, found) = tier(runtime, Tier::Reduced, &control);
    let mut checks = vec![of_full, of_reduced];
    if let (Some(found), Ok(control)) = (found, &control) {
        checks.extend(gaps(&found, control));
    }
    Tiers { full, reduced, checks }
}

fn name(tier: Tier) -> &'static str {
    match tier {
        Tier::Full => "tier full",
        Tier::Reduced => "tier reduced",
    }
}

/// The profile and what was found in it, if it holds.
fn tier(runtime: &Runtime, tier: Tier, control: &Result<Found, String>) -> (Option<Profile>, Check, Option<Found>) {
    let broken = |detail: String| Check::new(Section::Tier, name(tier), false, detail);
    let profile = match Confinement::new(tier).build() {
        Ok(profile) => profile,
        Err(error) => return (None, broken(without_help(&error, error.help())).fix(error.help()), None),
    };
    match control {
        Err(error) => return (None, broken(format!("not tried: unconfined, {error}")), None),
        Ok(control) => {
            if let Some(what) = ["read-system", "read", "write"]
                .into_iter()
                .find(|what| !control.can(what))
            {
                return (
                    None,
                    broken(format!("not tried: unconfined, a shell could not {what}")),
                    None,
                );
            }
        }
    }
    match look_around(runtime, Some(&profile)) {
        Ok(found) => match found.defect(&profile) {
            None => {
                let check = Check::new(Section::Tier, name(tier), true, found.summary());
                (Some(profile), check, Some(found))
            }
            Some(defect) => (None, broken(defect), None),
        },
        Err(error) => (None, broken(error), None),
    }
}

/// What is missing, where the help is said at another place.
pub(super) fn without_help(error: &impl ToString, help: &str) -> String {
    let text = error.to_string();
    match text.strip_suffix(help).and_then(|text| text.strip_suffix("; ")) {
        Some(text) if !help.is_empty() => text.to_owned(),
        _ => text,
    }
}

/// What a shell found in a profile.
struct Found {
    stdout: String,
    /// What it did to the file outside.
    changes: Vec<&'static str>,
}

fn look_around(runtime: &Runtime, profile: Option<&Profile>) -> Result<Found, String> {
    let shell = find("sh").ok_or("there is no sh in the directories of the system to try it with")?;
    let outside = Outside::new().map_err(|error| format!("no file can be made for it to look for: {error}"))?;
    let in_tmp = format!("/tmp/childproof-doctor-{}-inside", std::process::id());
    let (this, outside_path) = (std::process::id().to_string(), outside.path.display().to_string());
    let shell_path = shell.display().to_string();
    let ended = Trial {
        program: &shell,
        args: &["-c", LOOK_AROUND, &shell_path, &outside_path, &in_tmp, &this],
        profile,
        rlimits: &[],
    }
    .run(runtime)?;
    if profile.is_none_or(|profile| profile.tier() == Tier::Reduced) {
        // It is the host's own, where the child could make it.
        let _ = fs::remove_file(&in_tmp);
    }
    // In the full tier it may have made a file of this name in its own `/tmp`, which is not this one.
    let changes = outside
        .changes()
        .map_err(|error| format!("what became of the file outside is not known: {error}"))?;
    match ended.termination {
        Termination::Exited(ITS_STATUS) => Ok(Found {
            stdout: ended.stdout,
            changes,
        }),
        other => Err(format!("a shell, which was to exit with {ITS_STATUS}, {}", end(other))),
    }
}

impl Found {
    fn can(&self, what: &str) -> bool {
        self.changes.contains(&what) || self.stdout.lines().any(|line| line.strip_prefix("can ") == Some(what))
    }

    /// A field of its own `/proc/self/status`.
    fn status(&self, key: &str) -> Option<&str> {
        self.stdout
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(str::trim))
    }

    /// What does not hold that has to, in either tier.
    fn defect(&self, profile: &Profile) -> Option<String> {
        if !self.can("read-system") {
            return Some("a shell in it cannot read its own program".to_owned());
        }
        let shut: &[&str] = match profile.tier() {
            Tier::Full => &[
                "read",
                "write",
                "read-processes",
                "stat",
                "chmod",
                "utimes",
                "list-processes",
            ],
            Tier::Reduced => &["read", "write", "read-processes"],
        };
        if let Some(what) = shut.iter().find(|what| self.can(what)) {
            return Some(format!(
                "a shell in it reaches what it was not given: it can {what} outside"
            ));
        }
        if self.status("Name").is_none() {
            return profile.has_proc().then(|| "a shell in it cannot read /proc".to_owned());
        }
        let none = "0000000000000000";
        let expected = [
            ("CapEff", none),
            ("CapPrm", none),
            ("CapInh", none),
            ("CapAmb", none),
            ("NoNewPrivs", "1"),
            ("Seccomp", "2"),
        ];
        let wrong = expected
            .into_iter()
            .find(|(key, value)| self.status(key) != Some(value));
        wrong.map(|(key, _)| {
            let value = self.status(key).unwrap_or("nothing");
            format!("a shell in it is not confined: its /proc/self/status says {value} for {key}")
        })
    }

    fn summary(&self) -> String {
        let seen = match self.status("Name") {
            Some(_) => "no capability, no new privileges, system calls filtered; ",
            None => "",
        };
        format!("a shell ran in it: {seen}a file outside could not be read or written")
    }
}

/// What the reduced tier leaves open or takes away.
fn gaps(found: &Found, control: &Found) -> Vec<Check> {
    const FIX: &str = "use the tier full, which has no such gap";
    let check = |name, what: &str, is_open: bool, open: &str, shut: &str| match (control.can(what), is_open) {
        (false, _) => Check::new(
            Section::Gap,
            name,
            false,
            "not tried: a shell cannot do it unconfined either",
        )
        .fix(FIX),
        (true, true) => Check::new(Section::Gap, name, false, open).fix(FIX),
        (true, false) => Check::new(Section::Gap, name, true, shut),
    };
    let leaves_open = |name, what: &str, open: &str, shut: &str| check(name, what, found.can(what), open, shut);
    let takes_away = |name, what: &str, open: &str, shut: &str| check(name, what, !found.can(what), open, shut);
    vec![
        leaves_open(
            "reduced: stat",
            "stat",
            "a child sees that a file outside exists, its size and its times, and is told when it changes (stat, inotify, \
             name_to_handle_at); it cannot read it",
            "a child does not see files outside",
        ),
        leaves_open(
            "reduced: chmod",
            "chmod",
            "a child changes the mode and the extended attributes of files that belong to the host's user, outside and in its \
             read-only directories",
            "a child does not change the mode of files outside",
        ),
        leaves_open(
            "reduced: utimes",
            "utimes",
            "a child sets the times of files that belong to the host's user, outside and in its read-only directories",
            "a child does not set the times of files outside",
        ),
        leaves_open(
            "reduced: processes",
            "list-processes",
            "a child sees the numbers of the host's processes and whose they are; it cannot read, signal or trace them",
            "a child does not see the host's processes",
        ),
        takes_away(
            "reduced: /tmp",
            "use-tmp",
            "a child has no /tmp: programs that need one are given a directory, and TMPDIR",
            "a child can write to /tmp",
        ),
        takes_away(
            "reduced: sessions",
            "setsid",
            "a child cannot call setsid(2) or setpgid(2): shells have no job control, and daemons do not start",
            "a child can start a session",
        ),
        Check::new(
            Section::Gap,
            "reduced: unix sockets",
            false,
            "a child makes none but connected pairs, for Landlock does not see those with a path: a grant that allows them leaves \
             open every socket that the host's user reaches",
        )
        .fix("use the tier full: a grant that allows them leaves open those in its own directories"),
    ]
}

/// A file that no child was given. It is removed when dropped.
struct Outside {
    path: PathBuf,
    before: Metadata,
}

impl Outside {
    fn new() -> io::Result<Outside> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // It has to be a word that a shell can be given.
        let directory = std::env::temp_dir().into_os_string().into_string();
        let directory = PathBuf::from(directory.unwrap_or_else(|_| "/tmp".to_owned()));
        let path = directory.join(format!("childproof-doctor-{}-{number}", std::process::id()));
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Outside {
            path,
            before: file.metadata()?,
        })
    }

    /// What was done to it since.
    fn changes(&self) -> io::Result<Vec<&'static str>> {
        let after = fs::symlink_metadata(&self.path)?;
        let before = &self.before;
        let changed = [
            ("write", before.len() != after.len()),
            ("chmod", before.mode() != after.mode()),
            // What was written after that set the other time anew.
            ("utimes", before.atime() > after.atime()),
        ];
        let changed = changed.into_iter().filter(|(_, changed)| *changed);
        Ok(changed.map(|(what, _)| what).collect())
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
