//! What children are held to: the filter of system calls, and Landlock. See seccomp(2) and landlock(7).
//!
//! The host has decided all of it; here it is handed to the kernel.

use crate::call::{call, close, common, number};
use crate::gate::DIRECTORIES;
use crate::message;

const PROT_READ: usize = 1;
const MAP_PRIVATE: usize = 2;
const SEEK_END: usize = 2;
const SECCOMP_SET_MODE_FILTER: usize = 1;
/// Without it, older kernels slow a process down against attacks of code that it runs on others of its own.
const SECCOMP_FILTER_FLAG_SPEC_ALLOW: usize = 4;
const AT_FDCWD: usize = -100isize as usize;
const O_PATH_CLOEXEC: usize = 0o1200_0000;
const LANDLOCK_RULE_PATH_BENEATH: usize = 1;
const LANDLOCK_RULE_NET_PORT: usize = 2;
const CONNECT_TCP: u64 = 1 << 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const IOCTL_DEV: u64 = 1 << 15;

/// What children are held to, as the host wrote it.
pub struct Setup {
    base: *const message::Setup,
}

impl Setup {
    /// Maps it, for the life of this process.
    pub fn map(fd: usize) -> Result<Setup, i32> {
        // SAFETY: the calls take numbers, and the mapping is at an address of the kernel's choice.
        let mapped = unsafe {
            call(number::LSEEK, [fd, 0, SEEK_END])
                .and_then(|length| call(number::MMAP, [0, length, PROT_READ, MAP_PRIVATE, fd, 0]))
        };
        mapped.map(|base| Setup { base: base as *const message::Setup })
    }

    fn head(&self) -> message::Setup {
        // SAFETY: the host put one at the beginning, and nobody can write to the file.
        unsafe { *self.base }
    }

    /// What the filter lets pass.
    pub fn token(&self) -> [usize; 2] {
        self.head().token.map(|word| word as usize)
    }

    /// The 8 bytes at a place behind the head.
    ///
    /// # Safety
    ///
    /// The host put as many there.
    unsafe fn word(&self, place: u64) -> *const u64 {
        // SAFETY: as the caller promises.
        unsafe { self.base.add(1).cast::<u64>().add(place as usize) }
    }
}

/// struct sock_fprog.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const u64,
}

/// Filters the system calls of this process for good. It must have given up new privileges.
pub fn filter(setup: &Setup) -> Result<(), i32> {
    // SAFETY: the instructions come first.
    let program = Program { length: setup.head().filter as u16, instructions: unsafe { setup.word(0) } };
    let arguments = [SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, (&raw const program) as usize];
    // SAFETY: the host put so many instructions there; the kernel reads them during the call and writes nothing.
    unsafe { call(number::SECCOMP, arguments) }.map(drop)
}

/// Founds a session and a process group, as the filter lets nobody else.
pub fn found_session(setup: &Setup) -> Result<(), i32> {
    // SAFETY: the kernel takes no argument.
    unsafe { call(number::SETSID, setup.token()) }.map(drop)
}

/// Restricts this process to a Landlock ruleset for good. It must have given up new privileges.
pub fn restrict(ruleset: usize) -> Result<(), i32> {
    // SAFETY: the call takes numbers.
    unsafe { call(common::LANDLOCK_RESTRICT_SELF, [ruleset, 0]) }.map(drop)
}

/// A Landlock ruleset in the making.
pub struct Ruleset {
    pub fd: usize,
    /// The rights that it is about.
    files: u64,
}

/// struct landlock_path_beneath_attr.
#[repr(C, packed)]
struct Beneath {
    access: u64,
    place: i32,
}

impl Ruleset {
    /// The ruleset of a room: about files that are each child's own.
    pub fn make(setup: &Setup) -> Result<Ruleset, i32> {
        let message::Setup { filter, token: _, files, network, scopes, ports, rules, directories, of_directories } =
            setup.head();
        let handled = [files, network, scopes];
        // SAFETY: struct landlock_ruleset_attr is these numbers, which live during the call. A kernel that knows a shorter one
        // takes it as long as what it does not know is zero.
        let made = unsafe {
            call(common::LANDLOCK_CREATE_RULESET, [(&raw const handled) as usize, size_of_val(&handled), 0])
        };
        let ruleset = Ruleset { fd: made?, files };
        for port in 0..ports {
            // SAFETY: the ports follow the filter.
            ruleset.allow_port(unsafe { *setup.word(filter + port) })?;
        }
        // SAFETY: the paths follow the rights, which follow the ports.
        let mut path = unsafe { setup.word(filter + ports + rules) }.cast::<u8>();
        for rule in 0..rules {
            // SAFETY: the rights follow the ports.
            let access = unsafe { *setup.word(filter + ports + rule) };
            ruleset.allow_path(access, path)?;
            // SAFETY: there are as many strings as rights, each ended by NUL.
            unsafe {
                while *path != 0 {
                    path = path.add(1);
                }
                path = path.add(1);
            }
        }
        // Not by their paths: what lies there is what the guest makes of it.
        for directory in 0..directories {
            ruleset.allow(of_directories, DIRECTORIES + directory as usize)?;
        }
        Ok(ruleset)
    }

    fn allow_port(&self, port: u64) -> Result<(), i32> {
        // struct landlock_net_port_attr.
        let rule = [CONNECT_TCP, port];
        // SAFETY: the struct lives during the call.
        unsafe { call(common::LANDLOCK_ADD_RULE, [self.fd, LANDLOCK_RULE_NET_PORT, (&raw const rule) as usize, 0]) }
            .map(drop)
    }

    fn allow_path(&self, access: u64, path: *const u8) -> Result<(), i32> {
        // SAFETY: the path is a string of the host's.
        let place = unsafe { call(number::OPENAT, [AT_FDCWD, path as usize, O_PATH_CLOEXEC, 0]) }?;
        let result = self.allow(access, place);
        close(place);
        result
    }

    /// Lets a terminal be opened anew as a stream is open (`O_RDONLY`, `O_WRONLY` or `O_RDWR`).
    pub fn allow_terminal(&self, stream: usize, mode: usize) -> Result<(), i32> {
        let access = match mode {
            0 => READ_FILE,
            1 => WRITE_FILE,
            _ => READ_FILE | WRITE_FILE,
        };
        self.allow(access | IOCTL_DEV, stream)
    }

    fn allow(&self, access: u64, place: usize) -> Result<(), i32> {
        let rule = Beneath { access: access & self.files, place: place as i32 };
        // SAFETY: the struct lives during the call.
        unsafe { call(common::LANDLOCK_ADD_RULE, [self.fd, LANDLOCK_RULE_PATH_BENEATH, (&raw const rule) as usize, 0]) }
            .map(drop)
    }
}
