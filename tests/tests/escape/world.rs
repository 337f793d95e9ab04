//! The real objects that are attempted, all of one host that lives for one attempt.

use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::fs::{self, File};
use std::hint::black_box;
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use childproof_host::process::{Process, Signal, SpawnRequest, Stdin, Stdout, Termination};
use rustix::io::{FdFlags, fcntl_setfd};
use tempfile::TempDir;

use crate::ground::Ground;
use crate::probe::{self, Word};
use crate::tier::{self, PROBE, Tier};
use crate::user::{self, Host};

/// After this, a probe is taken to hang. Nothing takes a tenth of it.
const WATCHDOG: Duration = Duration::from_secs(60);

/// What the host can see of an attempt that succeeded, besides the probe's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sight {
    /// The probe printed what it should not know.
    Secret,
    /// A file or directory that the guest may not write to is another than before.
    Change,
    /// Something came in at a socket of the host, or the host could visit the probe.
    Arrival,
    /// The guest's directory holds a device, or a program that has its owner's rights.
    Planted,
    /// The host's memory is another than before.
    Memory,
}

/// How an attempt went.
pub(crate) struct Outcome {
    pub(crate) word: Word,
    /// What was seen on the host's side of the wall.
    pub(crate) outside: BTreeSet<Sight>,
    /// What was seen inside of the grant.
    pub(crate) inside: BTreeSet<Sight>,
    printed: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            word,
            outside,
            inside,
            printed,
        } = self;
        write!(
            f,
            "{word:?}; seen outside: {outside:?}; seen inside: {inside:?}; it printed\n{printed}"
        )
    }
}

/// One host with all that there is to attempt.
pub(crate) struct World<'a> {
    host: &'a Host,
    base: TempDir,
    ground: Ground,
    /// The secret of what is granted.
    own: String,
    tcp: TcpListener,
    udp: UdpSocket,
    path: UnixListener,
    hidden: UnixListener,
    hidden_name: String,
    /// Open, and not closed by the start of a program.
    leaked: [File; 2],
    memory: Box<[u8]>,
    scratch: Box<[u8]>,
    /// What outlives this process: its kind and its name.
    left: Vec<(&'static str, String)>,
}

impl<'a> World<'a> {
    pub(crate) fn new(host: &'a Host) -> Self {
        let base = TempDir::new().expect("a directory");
        let own = user::secret();
        let ground = Ground::make(&base, &host.probe, &own, &host.secret);
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let path = UnixListener::bind(ground.outside().join("socket")).expect("a listener");
        open_to_all(&ground.outside().join("socket"));
        let hidden_name = user::secret().replace("secret", "socket");
        let address = SocketAddr::from_abstract_name(&hidden_name).expect("a short name");
        let hidden = UnixListener::bind_addr(&address).expect("a listener");
        for made in [
            tcp.set_nonblocking(true),
            udp.set_nonblocking(true),
            path.set_nonblocking(true),
            hidden.set_nonblocking(true),
        ] {
            made.expect("a socket");
        }
        let leaked = [ground.outside().join("secret"), ground.outside()].map(|path| {
            let file = File::open(path).expect("it is there");
            fcntl_setfd(&file, FdFlags::empty()).expect("a descriptor");
            file
        });
        // A host's own working directory is nothing that it gave away.
        env::set_current_dir(ground.outside()).expect("it is there");
        Self {
            host,
            memory: host.secret.clone().into_bytes().into_boxed_slice(),
            scratch: vec![0; 64].into_boxed_slice(),
            base,
            ground,
            own,
            tcp,
            udp,
            path,
            hidden,
            hidden_name,
            leaked,
            left: Vec::new(),
        }
    }

    /// Makes the attempt with its arguments, which name what the world has: see [`World::value`].
    pub(crate) fn attempt(&mut self, tier: Tier, attempt: &str, arguments: &str) -> Result<Outcome, String> {
        let context = tier::context(&self.ground, self.host.suid.as_deref(), tier)?;
        let mut request = SpawnRequest::new(PROBE);
        request.args = self.line(tier, attempt, arguments);
        request.stdin = Stdin::Piped;
        request.stdout = Stdout::Piped;
        request.timeout = Some(WATCHDOG);
        let before = self.snapshot();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (code, printed, visited) = runtime.expect("a runtime").block_on(async {
            let process = context
                .spawn(&request)
                .unwrap_or_else(|error| panic!("{attempt}: {error}"));
            watch(&process).await
        });
        Ok(self.outcome(attempt, code, printed, visited, &before))
    }

    /// The same, with the probe started as any program would start it.
    pub(crate) fn attempt_bare(&mut self, attempt: &str, arguments: &str) -> Outcome {
        let line = self.line(Tier::None, attempt, arguments);
        let before = self.snapshot();
        let (code, printed) = probe::bare(&self.ground.probe(), line);
        self.outcome(attempt, code, printed, false, &before)
    }

    fn outcome(&self, attempt: &str, code: Option<i64>, printed: String, visited: bool, before: &Snapshot) -> Outcome {
        let word = match code {
            // A filter may end a process for the attempt. A program that is broken ends by other signals.
            Some(FILTERED) => Word::CouldNot("SIGSYS".to_owned()),
            code => probe::word(code, &printed).unwrap_or_else(|why| panic!("{attempt}: {why}")),
        };
        let after = self.snapshot();
        let mut outside = BTreeSet::new();
        let mut inside = BTreeSet::new();
        let mut see = |is_seen: bool, sight: Sight| is_seen.then(|| outside.insert(sight));
        see(printed.contains(&self.host.secret), Sight::Secret);
        see(after.walls != before.walls, Sight::Change);
        see(visited || self.something_arrived(), Sight::Arrival);
        see(after.planted, Sight::Planted);
        see(black_box(&self.scratch).iter().any(|byte| *byte != 0), Sight::Memory);
        if printed.contains(&self.own) {
            inside.insert(Sight::Secret);
        }
        if after.data != before.data {
            inside.insert(Sight::Change);
        }
        Outcome {
            word,
            outside,
            inside,
            printed,
        }
    }

    fn something_arrived(&self) -> bool {
        self.tcp.accept().is_ok()
            || self.path.accept().is_ok()
            || self.hidden.accept().is_ok()
            || self.udp.recv(&mut [0; 16]).is_ok()
    }

    /// The probe's command line.
    fn line(&mut self, tier: Tier, attempt: &str, arguments: &str) -> Vec<String> {
        let arguments = arguments.split_whitespace().map(|argument| {
            let mut expanded = String::new();
            let mut rest = argument;
            while let Some((plain, name, after)) = placeholder(rest) {
                expanded.push_str(plain);
                expanded.push_str(&self.value(tier, name));
                rest = after;
            }
            expanded + rest
        });
        std::iter::once(attempt.to_owned()).chain(arguments).collect()
    }

    /// What `{name}` stands for in the arguments of an attempt.
    fn value(&mut self, tier: Tier, name: &str) -> String {
        let text = |path: PathBuf| {
            path.to_str()
                .expect("temporary directories have plain names")
                .to_owned()
        };
        match name {
            "data" | "ro" => text(self.ground.granted(tier, name)),
            "outside" => text(self.ground.outside()),
            "probe" => text(self.ground.probe()),
            "suid" if tier == Tier::Full => "/suid/probe".to_owned(),
            "suid" => text(self.host.suid.clone().expect("asked for before").join("probe")),
            "pid" => std::process::id().to_string(),
            "group" => rustix::process::getpgrp().as_raw_nonzero().to_string(),
            "fd" => self.leaked[0].as_raw_fd().to_string(),
            "address" => (self.memory.as_ptr() as usize).to_string(),
            "scratch" => (self.scratch.as_ptr() as usize).to_string(),
            "tcp" => self.tcp.local_addr().expect("it is bound").port().to_string(),
            "udp" => self.udp.local_addr().expect("it is bound").port().to_string(),
            "abstract" => self.hidden_name.clone(),
            "handle" => self.helper(&["host-handle", &text(self.ground.outside().join("secret"))]),
            "segment-id" => self.shared("segment").0,
            "segment-key" => self.shared("segment").1,
            "queue-id" => self.shared("queue").0,
            "queue-key" => self.shared("queue").1,
            "posix-queue" => {
                let name = format!("/childproof-{}", std::process::id());
                self.helper(&["host-posix-queue", &name, &self.host.secret]);
                self.left.push(("posix-queue", name.clone()));
                name
            }
            "key-serial" => self.key().0,
            "key-name" => self.key().1,
            _ => panic!("a row names {{{name}}}, which the world does not have"),
        }
    }

    /// The id and the key of something of System V that holds the secret.
    fn shared(&mut self, kind: &'static str) -> (String, String) {
        let made = self.helper(&[&format!("host-{kind}"), &self.host.secret]);
        let (id, key) = made.split_once(' ').expect("an id and a key");
        self.left.push((kind, id.to_owned()));
        (id.to_owned(), key.to_owned())
    }

    /// The serial and the name of a key that holds the secret.
    fn key(&mut self) -> (String, String) {
        let name = format!("childproof-{}", std::process::id());
        let serial = self.helper(&["host-key", &name, &self.host.secret]);
        self.left.push(("key", serial.clone()));
        (serial, name)
    }

    /// What a helper of the probe prints before its last line, which is its word.
    fn helper(&self, line: &[&str]) -> String {
        let (code, printed) = probe::bare(&self.ground.probe(), line);
        assert_eq!(code, Some(0), "{line:?}: {printed}");
        printed.lines().next().unwrap_or_default().to_owned()
    }

    fn snapshot(&self) -> Snapshot {
        let state = |directory: &str| {
            let mut state = Vec::new();
            describe(&self.base.path().join(directory), &mut state).expect("the host may look");
            state
        };
        let mut walls = state("outside");
        walls.extend(state("ro"));
        let data = state("data");
        Snapshot {
            planted: data.iter().any(|entry| entry.is_dangerous),
            walls,
            data,
        }
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        for (kind, name) in &self.left {
            probe::bare(&self.ground.probe(), ["host-forget", kind, name]);
        }
    }
}

/// The "exit code" of a process that a filter of system calls ended, as shells have it.
const FILTERED: i64 = 128 + 31;

/// Follows a probe to its end: its exit code, what it printed, and whether the host could visit where it listens.
async fn watch(process: &Process) -> (Option<i64>, String, bool) {
    let stdout = process.take_stdout().expect("it is piped");
    let mut stdin = process.take_stdin();
    let mut printed = Vec::new();
    let mut visited = false;
    let mut asked = false;
    loop {
        match stdout.try_read(&mut printed, 1 << 16) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stdout.readable().await.expect("the runtime is there");
                continue;
            }
            Err(error) => panic!("what the probe prints cannot be read: {error}"),
        }
        if let Some(port) = listening(&printed).filter(|_| !asked) {
            asked = true;
            visited = TcpStream::connect(("127.0.0.1", port)).is_ok();
            // Nobody else comes.
            stdin = None;
        }
    }
    drop(stdin);
    let status = process.wait().await.expect("the status is the host's own");
    let code = match status.termination {
        Termination::Exited(code) => Some(i64::from(code)),
        Termination::Signaled(Signal::Sys) => Some(FILTERED),
        Termination::Signaled(_) => None,
    };
    (code, String::from_utf8_lossy(&printed).into_owned(), visited)
}

/// The port where the probe says it listens, once it has said so.
fn listening(printed: &[u8]) -> Option<u16> {
    let printed = std::str::from_utf8(printed).ok()?;
    let (line, _) = printed.split_once('\n')?;
    line.strip_prefix("listening ")?.parse().ok()
}

/// The text before the first `{name}`, the name, and the text after it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (plain, rest) = text.split_once('{')?;
    let (name, rest) = rest.split_once('}')?;
    Some((plain, name, rest))
}

fn open_to_all(socket: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o777)).expect("it is ours");
}

/// What could be changed.
struct Snapshot {
    /// What the guest may not write to.
    walls: Vec<Entry>,
    /// What it may.
    data: Vec<Entry>,
    planted: bool,
}

/// All that there is to a file but when it was read.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    path: PathBuf,
    mode: u32,
    links: u64,
    owner: (u32, u32),
    modified: (i64, i64),
    content: Vec<u8>,
    attribute: Option<Vec<u8>>,
    is_dangerous: bool,
}

fn describe(path: &Path, state: &mut Vec<Entry>) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let kind = metadata.file_type();
    let mut attribute = vec![0; 64];
    let read = rustix::fs::lgetxattr(path, "user.childproof", attribute.as_mut_slice());
    state.push(Entry {
        path: path.to_owned(),
        mode: metadata.mode(),
        links: metadata.nlink(),
        owner: (metadata.uid(), metadata.gid()),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        // Root reads what has lost its permissions, and another user's attempt may have taken them from the host.
        content: if kind.is_file() {
            fs::read(path).unwrap_or_default()
        } else {
            Vec::new()
        },
        attribute: read.ok().map(|length| attribute[..length].to_vec()),
        is_dangerous: metadata.mode() & 0o6000 != 0 || kind.is_char_device() || kind.is_block_device(),
    });
    if kind.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()?;
        entries.sort();
        for entry in entries {
            describe(&entry, state)?;
        }
    }
    Ok(())
}
