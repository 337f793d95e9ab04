//! What the children of a profile are held to, as the gate takes it: see `init/message.rs`.

use std::os::fd::OwnedFd;

use rustix::fs::MemfdFlags;

use super::landlock::{INSIDE, Rules, TO_WRITE};
use super::message::{Plain, Setup};
use super::seccomp::{Filter, Token};
use super::{memory, missing};
use crate::{ConfineError, Need};

pub(super) fn setup(filter: &Filter, Token(token): Token, rules: &Rules) -> Result<OwnedFd, ConfineError> {
    let (ruleset, files, directories, ports) = match rules {
        Rules::Own {
            ruleset,
            writable,
            ports,
        } => (Some(ruleset), INSIDE, writable.len(), ports.as_slice()),
        Rules::Shared(_) => Default::default(),
    };
    let head = Setup {
        filter: filter.instructions().len() as u64,
        token,
        files: ruleset.map_or(0, |ruleset| ruleset.files),
        network: ruleset.map_or(0, |ruleset| ruleset.network),
        scopes: ruleset.map_or(0, |ruleset| ruleset.scopes),
        ports: ports.len() as u64,
        rules: files.len() as u64,
        directories: directories as u64,
        of_directories: TO_WRITE.into(),
    };
    let mut bytes = head.as_bytes().to_vec();
    for instruction in filter.instructions() {
        bytes.extend(instruction.code.to_ne_bytes());
        bytes.extend([instruction.jt, instruction.jf]);
        bytes.extend(instruction.k.to_ne_bytes());
    }
    bytes.extend(ports.iter().flat_map(|port| u64::from(*port).to_ne_bytes()));
    bytes.extend(files.iter().flat_map(|(_, access)| u64::from(*access).to_ne_bytes()));
    bytes.extend(files.iter().flat_map(|(path, _)| path.to_bytes_with_nul()));
    memory::file(c"childproof-setup", &bytes, MemfdFlags::NOEXEC_SEAL).map_err(|errno| missing(Need::Init, errno))
}
