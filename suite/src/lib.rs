//! What the component test suite of `childproof:process` asks of a host.
//!
//! The suite is a set of guest programs that each assert one behaviour. Its [manifest](Manifest) says what each of them is
//! given, and what must come of it. This crate owns the manifest and the archive that carries it to other hosts, and
//! prepares on a machine what a case needs. It starts no guest: that is for a host.
//!
//! | module | owns |
//! |---|---|
//! | [`manifest`] | what a manifest may say |
//! | [`case`] | the cases that follow from it, and what must come of one |
//! | `placeholder` | what stands in its texts for something of the machine |
//! | [`setting`] | the files and the policy of a case, made on this machine |
//! | [`tools`] | finding the programs that cases start |
//! | `archive`, with the feature of that name | the one file that carries manifest and components |

#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "archive")]
pub mod archive;
pub mod case;
pub mod manifest;
mod placeholder;
pub mod setting;
pub mod tools;

pub use case::{Case, Ended, Expect};
pub use manifest::{Flavour, Guest, Manifest, ManifestError, Tier};
pub use setting::{Setting, SettingError};
