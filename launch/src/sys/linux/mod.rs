//! Linux, 5.4 and later.
//!
//! `spawn` is what the parent does, `steps` is what the child does between clone and exec, `process` is the living process,
//! `wait`, `kill` and `reaper` are how it ends, `confine` is what it may see and reach meanwhile.

mod cgroup;
mod classify;
mod confine;
mod image;
mod kill;
mod number;
mod process;
mod raw;
mod reaper;
mod sigmask;
mod spawn;
mod stack;
mod steps;
mod wait;

pub(crate) use cgroup::{ControlGroup, ControlGroups};
pub(crate) use confine::Profile;
pub(crate) use confine::probe::probe;
pub(crate) use image::{Identity, is_executable, open_program};
pub(crate) use process::Child;
pub(crate) use spawn::spawn;
