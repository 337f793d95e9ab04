//! What processes may use up, and the defaults: the one place where they are written.

use std::time::Duration;

const KIB: u64 = 1 << 10;
pub(super) const MIB: u64 = 1 << 20;

/// More than this is taken for a slip of the pen, in bytes: 1 EiB.
pub(super) const MOST_BYTES: u128 = 1 << 60;
/// More than this is taken for a slip of the pen: the highest `pid_max` of Linux on 64 bits.
const MOST_PROCESSES: u128 = 4_194_304;
/// More than this is taken for a slip of the pen: 100 years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Bounds on what processes may use up. Each is optional; none sets no bound of the policy.
///
/// Limits stand in two places: those of a grant bound the processes of that grant, those of the policy bound the processes
/// of the guest. [`live`](Self::live), [`held`](Self::held) and [`spawns`](Self::spawns) are *counts*: they are kept once
/// per grant and once per guest, and both must allow a spawn. All others bound *one process*, and there the stricter of the
/// two holds.
///
/// ```
/// use childproof_host::policy::Limits;
/// use std::time::Duration;
///
/// let grant = Limits { wall: Some(Duration::from_secs(60)), ..Limits::default() };
/// let guest = Limits { wall: Some(Duration::from_secs(5)), live: Some(4), ..Limits::default() };
/// let both = grant.stricter(&guest);
/// assert_eq!(both.wall, Some(Duration::from_secs(5)));
/// assert_eq!(both.live, Some(4));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Processes alive at the same time. What they start themselves does not count. Default for a guest: 256.
    pub live: Option<u64>,
    /// Processes that the guest holds at the same time, ended or not: one counts until its handle, its streams and
    /// the pollables of its end are dropped. It is never less than [`live`](Self::live). Default for a guest: 1024.
    pub held: Option<u64>,
    /// Processes started over the life of the guest. Default: no bound.
    pub spawns: Option<u64>,
    /// Wall time a process may live, and what it leaves behind in its tree. Default: no bound.
    pub wall: Option<Duration>,
    /// Bytes a process may write to its piped stdout and stderr together. What it writes to another process does not pass
    /// the host and does not count. Default: no bound.
    pub output: Option<u64>,
    /// Bytes of output that one call of `communicate` may hold. Default: 64 MiB.
    pub capture: Option<u64>,
    /// How long `communicate` reads on after the process ended, while another process holds its pipes open: one that was given
    /// them, or, without a confinement, one that the process left behind. Zero does not wait. Default: one second.
    pub drain: Option<Duration>,
    /// CPU time of a process; the system counts whole seconds, see [`cpu_seconds`](Self::cpu_seconds). Default: no bound.
    pub cpu: Option<Duration>,
    /// Memory, in bytes. Where the host was given a control group of its own (cgroup v2; `childproof doctor` says so), it is
    /// what a process and all that it starts hold together, and past it they are killed, which the status says. Elsewhere it is
    /// the address space of each process by itself: a program that is larger than this, with its libraries or its stack, may be
    /// ended while it is being executed; it was started, then, and was ended by a signal, with nobody having sent one. Default:
    /// no bound.
    pub memory: Option<u64>,
    /// Descriptors a process may hold open. Default: no bound.
    pub open_files: Option<u64>,
    /// Size of a file that a process may write, in bytes. Zero lets it write to no regular file. Default: no bound.
    pub file_size: Option<u64>,
    /// Processes and threads past which a process cannot start another. Where the host was given a control group of its own,
    /// those of one process and of all that it starts. Elsewhere it is the kernel's RLIMIT_NPROC, which counts by user and knows
    /// no trees: in the full tier it counts those in one profile (the children of this guest whose grants show them the same, all
    /// that these started, and one for each child that watches over its tree), in the other tiers all of the host's user,
    /// whoever started them. Where the host is root, RLIMIT_NPROC bounds nothing: the kernel exempts that user. Default: no
    /// bound.
    pub processes: Option<u64>,
}

impl Limits {
    /// What holds where neither a grant nor the policy says otherwise: 256 live and 1024 held processes in a guest, 64 MiB
    /// in one call of `communicate`, one second to drain. The rest is not bounded.
    pub fn defaults() -> Limits {
        Limits {
            live: Some(256),
            held: Some(1024),
            capture: Some(64 * MIB),
            drain: Some(Duration::from_secs(1)),
            ..Limits::default()
        }
    }

    /// The stricter of the two, field by field. A field that one of them leaves out is that of the other.
    pub fn stricter(&self, other: &Limits) -> Limits {
        self.combine(other, Stricter)
    }

    /// These limits, with `fallback` for each field that is left out.
    pub fn or(&self, fallback: &Limits) -> Limits {
        self.combine(fallback, Or)
    }

    /// [`cpu`](Self::cpu) as the system counts it: in seconds, rounded up.
    pub fn cpu_seconds(&self) -> Option<u64> {
        self.cpu
            .map(|cpu| cpu.as_secs().saturating_add(u64::from(cpu.subsec_nanos() > 0)))
    }

    fn combine(&self, other: &Limits, with: impl Combine) -> Limits {
        Limits {
            live: with.of(self.live, other.live),
            held: with.of(self.held, other.held),
            spawns: with.of(self.spawns, other.spawns),
            wall: with.of(self.wall, other.wall),
            output: with.of(self.output, other.output),
            capture: with.of(self.capture, other.capture),
            drain: with.of(self.drain, other.drain),
            cpu: with.of(self.cpu, other.cpu),
            memory: with.of(self.memory, other.memory),
            open_files: with.of(self.open_files, other.open_files),
            file_size: with.of(self.file_size, other.file_size),
            processes: with.of(self.processes, other.processes),
        }
    }

    /// Each field by name, durations in nanoseconds.
    pub(super) fn fields(&self) -> [(&'static str, Option<u128>); 12] {
        let count = |value: Option<u64>| value.map(u128::from);
        let time = |value: Option<Duration>| value.map(|time| time.as_nanos());
        [
            ("live", count(self.live)),
            ("held", count(self.held)),
            ("spawns", count(self.spawns)),
            ("wall", time(self.wall)),
            ("output", count(self.output)),
            ("capture", count(self.capture)),
            ("drain", time(self.drain)),
            ("cpu", time(self.cpu)),
            ("memory", count(self.memory)),
            ("open_files", count(self.open_files)),
            ("file_size", count(self.file_size)),
            ("processes", count(self.processes)),
        ]
    }

    /// Refuses values that cannot be meant. The error is the field and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        for (name, value) in self.fields() {
            let Some(value) = value else { continue };
            let (least, why, most) = sane(name);
            if value < least {
                return Err((
                    name,
                    format!("this is too little: {why}; leave the line out to set no bound here"),
                ));
            }
            if value > most {
                let most = match name {
                    "wall" | "drain" | "cpu" => "100 years".to_owned(),
                    "output" | "capture" | "memory" | "file_size" => "1 EiB".to_owned(),
                    _ => most.to_string(),
                };
                return Err((
                    name,
                    format!("this is more than {most}, so it bounds nothing; leave the line out to set no bound here"),
                ));
            }
        }
        Ok(())
    }
}

/// The least a limit may be, why, and the most.
fn sane(name: &str) -> (u128, &'static str, u128) {
    match name {
        "live" => (1, "no process could start", MOST_PROCESSES),
        "held" => (1, "no process could start", 1 << 60),
        "spawns" => (1, "no process could start", 1 << 60),
        "wall" => (1_000_000, "a process needs at least 1ms to start", LONGEST.as_nanos()),
        "output" => (1, "a process would be killed at its first byte", MOST_BYTES),
        "capture" => (1, "communicate could hold no byte of output", MOST_BYTES),
        "drain" => (0, "", LONGEST.as_nanos()),
        "cpu" => (1, "a process would be killed at once", LONGEST.as_nanos()),
        "memory" => (
            u128::from(512 * KIB),
            "no program starts with less than 512KiB",
            MOST_BYTES,
        ),
        "open_files" => (
            4,
            "a process needs stdin, stdout, stderr and one descriptor to load its code",
            1 << 30,
        ),
        "file_size" => (0, "", MOST_BYTES),
        _ => (1, "a process is one itself", MOST_PROCESSES),
    }
}

trait Combine {
    fn of<T: Ord>(&self, one: Option<T>, other: Option<T>) -> Option<T>;
}

struct Stricter;

impl Combine for Stricter {
    fn of<T: Ord>(&self, one: Option<T>, other: Option<T>) -> Option<T> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

struct Or;

impl Combine for Or {
    fn of<T: Ord>(&self, one: Option<T>, other: Option<T>) -> Option<T> {
        one.or(other)
    }
}

/// Reads a size such as `10MiB`: a whole number and a unit, which must be there.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_').len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .replace('_', "")
        .parse()
        .map_err(|_| format!("{text:?} is not a size; write a whole number and a unit, such as \"10MiB\""))?;
    let unit = unit.trim();
    let factor: u64 = match unit {
        "B" => 1,
        "KiB" => KIB,
        "MiB" => MIB,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "" => {
            return Err(format!(
                "the size {text:?} has no unit; write \"{text}B\" for bytes, or \"{text}MiB\""
            ));
        }
        _ => {
            return Err(format!(
                "{unit:?} is no unit of a size; the units are B, KiB, MiB, GiB, TiB, kB, MB, GB and TB"
            ));
        }
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| format!("the size {text:?} is larger than any number of bytes"))
}
