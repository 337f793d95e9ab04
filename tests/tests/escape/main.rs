//! The escape suite: a program that tries to do what a confined process must not, and a table of what each tier of
//! confinement has to shut.
//!
//! | module | owns |
//! |---|---|
//! | `escapes` | the table: one row for one way out, with a test for each tier and user |
//! | `lifetimes` | the ways to outlive the process, the guest and the host |
//! | `row` | what a row says, and how it is judged |
//! | `tier` | how a process is confined: the one place that names the policy's tiers |
//! | `world` | the real objects that are attempted: listeners, secrets, segments, a host |
//! | `ground` | the directories |
//! | `user` | a process of its own for each test, as root and as a user without rights |
//! | `probe` | the program, compiled once |
//! | `sanity` | tests of the suite itself |

mod escapes;
mod ground;
mod lifetimes;
mod probe;
mod row;
mod sanity;
mod tier;
mod user;
mod world;
