//! What a candidate does: it makes itself ready, waits for a request, and becomes what the request says.
//!
//! Whatever fails ends it, with a report to the host. Its end of the socket is closed by exec: when nothing more comes from
//! there, the host knows that the program was executed.
//!
//! Until then it runs in the memory of the gate, on what its arena gives it, and changes nothing else there. What it is given is
//! as `message` says.

use crate::arena::Arena;
use crate::call::{EMFILE, ENOENT, ESTALE, call, close, common, exit, number, receive, unblock_signals, write};
use crate::gate::{CONTROL, RULESET, limit_descriptors};
use crate::message::{CONTROL_GROUP, DIRECTORY, PROGRAM, Plain, Report, Request, Step};
use crate::restrict::{self, Ruleset, Setup, restrict};
use crate::stat::Stat;
use crate::text::Text;

/// Where it is.
#[derive(Clone, Copy, PartialEq)]
pub enum Held {
    /// In a room, whose first process is to know of it.
    InRoom,
    /// In the host's own namespaces, watched by the gate with this epoll.
    Outside(usize),
}

/// The step that failed, and what the kernel said.
struct Failure {
    step: Step,
    errno: i32,
    limit: u32,
}

trait At<T> {
    fn at(self, step: Step) -> Result<T, Failure>;
}

impl<T> At<T> for Result<T, i32> {
    fn at(self, step: Step) -> Result<T, Failure> {
        self.map_err(|errno| Failure { step, errno, limit: 0 })
    }
}

/// A process to be.
pub struct Candidate<'a> {
    pub setup: &'a Setup,
    pub held: Held,
    /// The limit of descriptors that it is to have, if it has another one now.
    pub limit: Option<[u64; 2]>,
    pub arena: *mut Arena,
    /// The two ends of its socket: its own, and the host's.
    pub socket: usize,
    pub of_host: usize,
}

/// Where it begins.
pub extern "C" fn begin(candidate: *mut Candidate<'_>) -> ! {
    // SAFETY: the gate gives it one, and waits until it is told that this process is ready.
    let candidate = unsafe { candidate.read() };
    // The host's end is to be the host's alone.
    close(candidate.of_host);
    let Err(Failure { step, errno, limit }) = prepare(candidate.setup, candidate.held).and_then(|ruleset| {
        let ready = Report { peak: peak().at(Step::FirstProcess)?, ..Report::default() };
        match write(candidate.socket, ready.as_bytes()) {
            Ok(()) => become_child(&candidate, ruleset),
            Err(_) => exit(),
        }
    });
    // Nobody may be there to read it.
    let _ = write(candidate.socket, Report { step: step as u32, errno, limit, peak: 0 }.as_bytes());
    exit()
}

enum Never {}

/// Does what is the same for all children. Answers the Landlock ruleset, where that is still to be taken on.
fn prepare(setup: &Setup, held: Held) -> Result<Option<Ruleset>, Failure> {
    match held {
        Held::InRoom => {
            // SAFETY: the call takes nothing.
            let own = unsafe { call(number::GETPID, []) }.at(Step::FirstProcess)?;
            write(CONTROL, &(own as i32).to_ne_bytes()).at(Step::FirstProcess)?;
            Ruleset::make(setup).map(Some).at(Step::Landlock)
        }
        Held::Outside(_) => {
            restrict(RULESET).at(Step::Landlock)?;
            Ok(None)
        }
    }
}

/// Receives the request and does what it says.
fn become_child(candidate: &Candidate<'_>, ruleset: Option<Ruleset>) -> Result<Never, Failure> {
    let Candidate { setup, held, limit, arena, socket, of_host: _ } = *candidate;
    let mut request = Request::default();
    let (bytes, count, fds) = receive(socket, &mut request).at(Step::Descriptors)?;
    if bytes != size_of::<Request>() {
        // There will be none.
        exit()
    }
    let mut given = fds.into_iter().take(count).map(|fd| fd as usize);
    // What does not fit in the table of descriptors does not come.
    let mut next = || given.next().ok_or(EMFILE).at(Step::Descriptors);
    let streams = [next()?, next()?, next()?];
    let mut next_if = |flag| if request.flags & flag == 0 { Ok(None) } else { next().map(Some) };
    let (group, program, directory) = (next_if(CONTROL_GROUP)?, next_if(PROGRAM)?, next_if(DIRECTORY)?);
    // SAFETY: it is this process's, and was not used.
    let mut text = unsafe { Text::receive(socket, &request, arena) }.at(Step::Descriptors)?;

    if let Some(group) = group {
        // To the kernel, 0 is whoever writes.
        write(group, b"0").at(Step::ControlGroup)?;
    }
    // Not before: as long as it is in the group of the gate, the host can find it there, whatever becomes of the gate.
    restrict::found_session(setup).at(Step::Session)?;
    for (target, stream) in streams.into_iter().enumerate() {
        // SAFETY: the call takes numbers. What the target was before is not needed any more.
        unsafe { call(number::DUP3, [stream, target, 0]) }.at(Step::Stdio)?;
        if held == Held::InRoom {
            adapt(target, ruleset.as_ref()).at(Step::Stdio)?;
        }
    }
    // SAFETY: the host put all of them there.
    let (limits, path, directory_path) = unsafe { (text.numbers(3 * request.limits), text.string(), text.string()) };
    let program = match program {
        Some(program) => program,
        None => open(path, O_PATH, |stat| stat.identity() == request.program).at(Step::Program)?,
    };
    let directory = match directory {
        // SAFETY: it is a string of the host's.
        None if unsafe { *directory_path } != 0 => {
            let is_it = |stat: &Stat| stat.place() == request.directory;
            Some(open(directory_path, O_PATH | O_DIRECTORY, is_it).at(Step::WorkingDirectory)?)
        }
        directory => directory,
    };
    if let Some(directory) = directory {
        // SAFETY: the call takes a number.
        unsafe { call(number::FCHDIR, [directory]) }.at(Step::WorkingDirectory)?;
    }
    // SAFETY: the call takes numbers.
    unsafe { call(common::CLOSE_RANGE, [3, u32::MAX as usize, CLOSE_RANGE_CLOEXEC]) }.at(Step::CloseDescriptors)?;
    if let Some(ruleset) = ruleset {
        restrict(ruleset.fd).at(Step::Landlock)?;
    }
    if let Some(limit) = limit {
        limit_descriptors(limit).at(Step::Descriptors)?;
    }
    for (limit, numbers) in limits.chunks_exact(3).enumerate() {
        let [resource, bounds @ ..] = numbers else { break };
        // SAFETY: the kernel reads two numbers, the soft and the hard limit, which live during the call.
        unsafe { call(number::PRLIMIT64, [0, *resource as usize, bounds.as_ptr() as usize]) }
            .map_err(|errno| Failure { step: Step::Limit, errno, limit: limit as u32 })?;
    }
    unblock_signals().at(Step::SignalMask)?;
    // SAFETY: the host put as many strings there.
    let (argv, envp) = unsafe { (text.strings(request.arguments), text.strings(request.variables)) };
    Err(execute(program, path, argv, envp)).at(Step::Exec)
}

const CLOSE_RANGE_CLOEXEC: usize = 4;

/// The most memory that the gate had, in KiB, which is this process's, too. The gate itself is said to have had the host's.
fn peak() -> Result<u32, i32> {
    // struct rusage: two times of two words, then this, and 13 more. As in getrusage(2), 0 is this process.
    let mut usage = [0u64; 18];
    // SAFETY: the kernel writes the struct, which lives during the call.
    unsafe { call(number::GETRUSAGE, [0, (&raw mut usage) as usize]) }?;
    let [_, _, _, _, peak, ..] = usage;
    Ok(peak as u32)
}

/// Executes the program: the very file that was opened, or, for a script, the file at its path. See the steps of a child
/// without confinement.
fn execute(program: usize, path: *const u8, argv: *const *const u8, envp: *const *const u8) -> i32 {
    let [argv, envp] = [argv as usize, envp as usize];
    // SAFETY: the path is the empty string; the arrays end with null, and hold strings.
    let first = unsafe { call(number::EXECVEAT, [program, c"".as_ptr() as usize, argv, envp, AT_EMPTY_PATH]) };
    let answer = match first {
        // SAFETY: the same, with a string of the host's for a path.
        Err(ENOENT) => unsafe { call(number::EXECVE, [path as usize, argv, envp]) },
        answer => answer,
    };
    answer.err().unwrap_or_default()
}

const AT_FDCWD: usize = -100isize as usize;
const AT_EMPTY_PATH: usize = 0x1000;
const O_ACCMODE: usize = 3;
const F_GETFL: usize = 3;
const O_DIRECTORY: usize = if cfg!(target_arch = "aarch64") { 0o4_0000 } else { 0o20_0000 };
const O_CLOEXEC: usize = 0o200_0000;
const O_PATH: usize = 0o1000_0000;

/// Opens a file, if it is the one that is wanted.
fn open(path: *const u8, flags: usize, is_it: impl FnOnce(&Stat) -> bool) -> Result<usize, i32> {
    // SAFETY: the path is a string of the host's.
    let fd = unsafe { call(number::OPENAT, [AT_FDCWD, path as usize, flags | O_CLOEXEC, 0]) }?;
    if is_it(&Stat::of(fd)?) { Ok(fd) } else { Err(ESTALE) }
}

/// A stream that is `/dev/null` is opened anew, where its node cannot be changed: the host's descriptor leads to the host's. And
/// a terminal, or another character device, may be opened anew, as `/dev/stderr`. To open a file anew is to write at another
/// place of it than the stream does.
fn adapt(stream: usize, ruleset: Option<&Ruleset>) -> Result<(), i32> {
    let stat = Stat::of(stream)?;
    if !stat.is_character_device() {
        return Ok(());
    }
    // SAFETY: the call takes numbers.
    let access = unsafe { call(number::FCNTL, [stream, F_GETFL]) }? & O_ACCMODE;
    if stat.is_null() {
        let null = open(c"/dev/null".as_ptr().cast(), access, |_| true)?;
        // SAFETY: the call takes numbers.
        unsafe { call(number::DUP3, [null, stream, 0]) }?;
        close(null);
        return Ok(());
    }
    match ruleset {
        Some(ruleset) => ruleset.allow_terminal(stream, access),
        None => Ok(()),
    }
}
