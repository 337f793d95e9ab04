//! The command as a person uses it: the real binary, real components, real programs.

mod bad_input;
mod command;
mod confine;
mod doctor;
mod exec;
mod explain;
mod guest;
mod help;
mod interrupt;
mod rooms;
mod run;
mod shut;
mod suite;
mod useful;
mod wasi;
