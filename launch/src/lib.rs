//! Starts, signals, waits for and kills operating system processes.
//!
//! This crate knows nothing of WebAssembly or of policies: it does what it is told, exactly, and says precisely what went
//! wrong. It runs inside a tokio runtime, on Linux 5.4 or later. On other platforms it compiles and
//! [`Command::spawn`] answers [`SpawnErrorKind::Unsupported`].
//!
//! # The model
//!
//! A [`Program`] is a file, resolved and opened once and checked before each run. A [`Command`] says what it is run with:
//! arguments, environment, working directory and standard streams, the latter two by descriptor. [`Command::spawn`] answers
//! with a [`Child`], which is waited for, signalled, and killed when it is dropped.
//!
//! ```
//! # #[cfg(target_os = "linux")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::fs::File;
//! use std::os::fd::AsFd;
//! use std::path::Path;
//!
//! use childproof_launch::{Command, Program, Stdio, Termination};
//!
//! let shell = Program::open(Path::new("/bin/sh"))?;
//! let null = File::options().read(true).write(true).open("/dev/null")?;
//! let (output, child_end) = std::io::pipe()?;
//!
//! let stdio = Stdio { stdin: null.as_fd(), stdout: child_end.as_fd(), stderr: null.as_fd() };
//! let mut command = Command::new(&shell, stdio);
//! command.argv0("sh").args(["-c", "echo $GREETING; exit 7"]).env("GREETING", "hello");
//! let child = command.spawn()?;
//! drop(child_end);
//!
//! assert_eq!(std::io::read_to_string(output)?, "hello\n");
//! assert_eq!(child.wait().await?.termination, Termination::Exited(7));
//! # Ok(())
//! # }
//! # #[cfg(not(target_os = "linux"))]
//! # fn main() {}
//! ```
//!
//! # What holds
//!
//! - **Start.** A child begins with the arguments and the environment it was given and no other; with descriptors 0, 1 and 2
//!   and no other, whatever the host left open or closed; with every signal at its default and none blocked; in a session and
//!   a process group of its own, without a controlling terminal.
//! - **Failure.** A spawn that fails leaves no process, no zombie and no descriptor behind. Its error names the step
//!   ([`Stage`]), what it means ([`SpawnErrorKind`]) and the system's number. The cost of a spawn does not depend on how much
//!   memory the host has mapped: nothing forks.
//! - **End.** Exit codes and deaths by signal are told apart. A status is the kernel's or it is
//!   [`WaitError::StatusLost`]; none is made up, also where the host ignores SIGCHLD or collects children it did not start.
//! - **Signals** reach the child, or the process group it leads, and never a process that came to have its number.
//! - **Drop.** A dropped child is killed, with its group, and collected.
//!
//! # The stages
//!
//! In the host: the arguments are checked, the program compared with the file that was opened, and the process created
//! (clone(2) with `CLONE_VM`, `CLONE_VFORK` and `CLONE_PIDFD`, on a stack of its own). In the child, by system calls alone:
//! a new session; all signals to their defaults; the descriptors lifted out of the way and placed; the working directory; the
//! limits; all other descriptors marked to be closed; the signal mask emptied; and the program executed. Back in the host:
//! the child is registered with the runtime. [`Stage`] has one case for each. A confined child takes the same steps in a process
//! that was created before it was wanted, by another one that stands by.
//!
//! # What to know
//!
//! - A binary runs through its open file. On kernels before 6.14 its `comm` (what `ps` and `killall` show) is then a number;
//!   `argv[0]` and `/proc/self/exe` are as ever.
//! - The peak memory of a child without confinement is known only where it is above the host's own: see
//!   [`Usage::peak_memory`].
//! - A [`Profile`] has processes that stand by for its next children. They are children of the host, and end with the profile.
//!   A host that handles SIGCHLD is told of their ends, too; one that collects whatever ends (`waitpid(-1)`) may collect
//!   them.
//! - Without confinement a tree ends only as far as it stays in the child's process group: a process that calls setsid(2)
//!   leaves it. A child that is confined takes its tree with it: see [`Confinement`] and [`Command::confine`].
//! - A [`Child`] belongs to the process that spawned it. In a copy that the host makes of itself with fork(2) it cannot be
//!   waited for.
#![deny(missing_docs)]

mod cgroup;
mod child;
mod command;
mod confine;
mod error;
mod exit;
mod probe;
mod program;
mod rlimit;
mod signal;
mod sys;

pub use cgroup::{ControlGroup, ControlGroupNeed, ControlGroups, NoControlGroups, TreeLimits};
pub use child::Child;
pub use command::{BorrowedHandle, Command, OwnedHandle, Stdio};
pub use confine::{ConfineError, Confinement, Directory, Need, Network, PROGRAMS, Profile, Tier};
pub use error::{Defect, Field, SignalError, SpawnError, SpawnErrorKind, Stage, WaitError};
pub use exit::{Exit, Termination, Usage};
pub use probe::Kernel;
pub use program::{Program, ProgramError};
pub use rlimit::{Resource, Rlimit};
pub use signal::{Signal, UnknownSignal};
