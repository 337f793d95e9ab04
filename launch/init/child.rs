//! What a candidate does: it makes itself ready, waits for a request, and becomes what the request says.
//!
//! Whatever fails ends it, with a report to the host. Its end of the socket is closed by exec: when nothing more comes from
//! there, the host knows that the program was executed.
//!
//! It is a process of one thread with a memory of its own. What it is given lies in two mappings, which are as `message` says.

use crate::call::{EMFILE, ENOENT, ESTALE, call, close, common, exit, number, receive, write};
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
    /// In the host's own namespaces, with the limit on descriptors that the host had when the gate was started.
    Outside { descriptors: Option<[u64; 2]> },
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

pub fn wait_for_request(setup: &Setup, socket: usize, held: Held) -> ! {
    let Err(Failure { step, errno, limit }) = prepare(setup, held).and_then(|ruleset| {
        let ready = Report { step: Step::None as u32, errno: 0, limit: 0 };
        match write(socket, ready.as_bytes()) {
            Ok(()) => become_child(socket, held, ruleset),
            Err(_) => exit(),
        }
    });
    // Nobody may be there to read it.
    let _ = write(socket, Report { step: step as u32, errno, limit }.as_bytes());
    exit()
}

enum Never {}

/// Does what is the same for all children. Answers the Landlock ruleset, where that is still to be taken on.
fn prepare(setup: &Setup, held: Held) -> Result<Option<Ruleset>, Failure> {
    // SAFETY: the call takes nothing.
    unsafe { call(number::SETSID, []) }.at(Step::Session)?;
    match held {
        Held::InRoom => {
            // SAFETY: the call takes nothing.
            let own = unsafe { call(number::GETPID, []) }.at(Step::FirstProcess)?;
            write(CONTROL, &(own as i32).to_ne_bytes()).at(Step::FirstProcess)?;
            Ruleset::make(setup).map(Some).at(Step::Landlock)
        }
        Held::Outside { .. } => {
            restrict(RULESET).at(Step::Landlock)?;
            // It forbids to leave the session, which was entered just before.
            restrict::filter_child(setup).at(Step::Seccomp)?;
            Ok(None)
        }
    }
}

/// Receives the request and does what it says.
fn become_child(socket: usize, held: Held, ruleset: Option<Ruleset>) -> Result<Never, Failure> {
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
    let mut text = Text::receive(socket, &request).at(Step::Descriptors)?;

    if let Some(group) = group {
        // To the kernel, 0 is whoever writes.
        write(group, b"0").at(Step::ControlGroup)?;
    }
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
    // Not before: it has copies of all that the gate has open.
    if let Held::Outside { descriptors: Some(bounds) } = held {
        limit_descriptors(bounds).at(Step::Descriptors)?;
    }
    for (limit, numbers) in limits.chunks_exact(3).enumerate() {
        let [resource, bounds @ ..] = numbers else { break };
        // SAFETY: the kernel reads two numbers, the soft and the hard limit, which live during the call.
        unsafe { call(number::PRLIMIT64, [0, *resource as usize, bounds.as_ptr() as usize]) }
            .map_err(|errno| Failure { step: Step::Limit, errno, limit: limit as u32 })?;
    }
    // SAFETY: the kernel reads one set of signals of the size that is passed, which lives during the call.
    unsafe { call(number::RT_SIGPROCMASK, [SIG_SETMASK, (&raw const NO_SIGNALS) as usize, 0, size_of::<u64>()]) }
        .at(Step::SignalMask)?;
    // SAFETY: the host put as many strings there.
    let (argv, envp) = unsafe { (text.strings(request.arguments), text.strings(request.variables)) };
    Err(execute(program, path, argv, envp)).at(Step::Exec)
}

const CLOSE_RANGE_CLOEXEC: usize = 4;
const SIG_SETMASK: usize = 2;
static NO_SIGNALS: u64 = 0;

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
/// a terminal may be opened anew, as `/dev/stderr`. To open a file anew is to write at another place of it than the stream does.
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
