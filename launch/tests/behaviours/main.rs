//! What the crate promises, one behaviour a module, against real processes.
#![cfg(target_os = "linux")]

mod arguments;
mod closed_stdio;
mod confined;
mod control_groups;
mod descriptors;
mod drop_collects;
mod environment;
mod exit_status;
mod failed_spawns;
mod foreign_wait;
mod kernel;
mod kill_tree;
mod program_identity;
mod real_programs;
mod registration_failure;
mod resource_limits;
mod resource_usage;
mod session;
mod signal_state;
mod signals;
mod spawn_errors;
mod stop_and_continue;
mod support;
mod traced_child;
mod wait;
mod working_directory;
