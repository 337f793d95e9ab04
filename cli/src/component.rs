//! From a file to a component that is compiled, and what can be wrong with it.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use wasmtime::component::Component;
use wasmtime::{Cache, Config, Engine};

use crate::args::Dir;
use crate::command::{self, Command};
use crate::{report, sandbox};

/// A compilation that takes longer says so on a terminal.
const LONG: Duration = Duration::from_millis(500);

/// From files to commands, by way of the cache if there is one.
pub(crate) struct Loader {
    engine: Engine,
    keeps: bool,
}

impl Loader {
    /// `cached` is whether the cache is wanted. One that the guest could write to, by way of `dirs`, is not used: compiled
    /// code is run as it is found there.
    pub(crate) fn new(cached: bool, dirs: &[Dir]) -> Result<Self> {
        let mut config = Config::new();
        config.epoch_interruption(true);
        let cache = cached.then(|| Cache::from_file(None)).and_then(|cache| {
            // A user without a home has no cache, and can do without.
            cache
                .inspect_err(|error| tracing::warn!("components are not cached: {error:#}"))
                .ok()
        });
        let cache = cache.filter(|cache| {
            let exposed = sandbox::could_change_directory(dirs, cache.directory());
            if exposed {
                let directory = cache.directory().display();
                tracing::warn!("components are not cached: the guest may write to {directory}");
            }
            !exposed
        });
        let keeps = cache.is_some();
        config.cache(cache);
        let engine = Engine::new(&config).map_err(|error| anyhow!("cannot set up WebAssembly: {error:#}"))?;
        Ok(Self { engine, keeps })
    }

    /// The engine of all commands that are loaded. Their guests can be interrupted.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Reads, compiles and links a command.
    pub(crate) fn load(&self, path: &Path) -> Result<Command> {
        let shown = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
        if let Some(problem) = problem(&bytes) {
            bail!("{shown} {problem}");
        }
        let note = std::io::stderr().is_terminal().then(|| note(path, self.keeps));
        let component =
            noted(LONG, note, std::io::stderr(), || Component::new(&self.engine, &bytes)).map_err(|error| {
                match command::not_compiled(&bytes) {
                    Some(why) => anyhow!("cannot run {shown}: {why}"),
                    None => anyhow!("{shown} is damaged, or uses what this version does not know: {error:#}"),
                }
            })?;
        let command = Command::link(&component).with_context(|| format!("cannot run {shown}"))?;
        tracing::info!("{}: {command}", report::escape(&shown.to_string()));
        Ok(command)
    }
}

/// What a person reads who waits for the compiler.
fn note(path: &Path, keeps: bool) -> String {
    let shown = report::escape(&path.display().to_string());
    match keeps {
        true => format!("childproof: compiling {shown} for the first time; the result is kept\n"),
        false => format!("childproof: compiling {shown}\n"),
    }
}

/// What is wrong with the bytes of a component, as far as that shows without a compiler.
fn problem(bytes: &[u8]) -> Option<String> {
    const MAGIC: &[u8] = b"\0asm";
    const HEADER: usize = 8;
    let make = "make a component of it: build for wasm32-wasip2, or use `wasm-tools component new`";
    if bytes.is_empty() {
        return Some("is empty".to_owned());
    }
    if !bytes.starts_with(MAGIC) && !MAGIC.starts_with(bytes) {
        let is_text =
            bytes.trim_ascii_start().starts_with(b"(component") || bytes.trim_ascii_start().starts_with(b"(module");
        return Some(match is_text {
            true => "is WebAssembly text; translate it with `wasm-tools parse`".to_owned(),
            false => "is not WebAssembly: it does not begin as a component does".to_owned(),
        });
    }
    let Some(version) = bytes.get(MAGIC.len()..HEADER) else {
        return Some("is truncated: it ends within its header".to_owned());
    };
    match version {
        [0x0d, 0, 1, 0] => {}
        [1, 0, 0, 0] => return Some(format!("is a core WebAssembly module, not a component; {make}")),
        [_, _, 1, 0] => {
            return Some("is a component of a version that is not known here; build it with newer tools".to_owned());
        }
        _ => return Some("is WebAssembly of a version that is not known here".to_owned()),
    }
    truncation(bytes.get(HEADER..).unwrap_or_default())
}

/// Follows the sections: one that is longer than what is left of the file was cut off.
fn truncation(mut rest: &[u8]) -> Option<String> {
    let truncated = |missing: u64| Some(format!("is truncated: {missing} bytes or more are missing at its end"));
    while let Some((_, after_id)) = rest.split_first() {
        let mut length = 0u64;
        let mut length_bytes = 0;
        loop {
            let Some(byte) = after_id.get(length_bytes) else {
                return truncated(1);
            };
            length |= u64::from(byte & 0x7f) << (7 * length_bytes);
            length_bytes += 1;
            match (byte & 0x80 == 0, length_bytes) {
                (true, _) => break,
                // No length is written in more bytes: the compiler says what is wrong.
                (false, 5..) => return None,
                (false, _) => {}
            }
        }
        let body = after_id.get(length_bytes..).unwrap_or_default();
        let here = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if length > here {
            return truncated(length - here);
        }
        rest = usize::try_from(length)
            .ok()
            .and_then(|length| body.get(length..))
            .unwrap_or_default();
    }
    None
}

/// Does the work, and writes a note if it is not done after `patience`.
fn noted<T>(patience: Duration, note: Option<String>, mut to: impl Write + Send, work: impl FnOnce() -> T) -> T {
    let Some(note) = note else { return work() };
    std::thread::scope(|scope| {
        let (done, wait) = channel::<()>();
        scope.spawn(move || {
            if wait.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                let _ = to.write_all(note.as_bytes());
            }
        });
        let result = work();
        drop(done);
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn work_that_takes_long_is_noted_and_work_that_does_not_is_not() {
        let (noted_at, wait) = channel::<Vec<u8>>();
        struct Tell(std::sync::mpsc::Sender<Vec<u8>>);
        impl Write for Tell {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let note = || Some("at work".to_owned());
        let answer = noted(Duration::ZERO, note(), Tell(noted_at.clone()), || wait.recv().unwrap());
        assert_eq!(answer, b"at work");
        assert_eq!(noted(Duration::MAX, note(), Tell(noted_at), || 7), 7);
        assert!(
            wait.try_recv().is_err(),
            "a note was written for work that was done at once"
        );
    }

    #[test]
    fn only_what_is_kept_is_said_to_be_kept() {
        let (kept, not_kept) = (note(Path::new("a"), true), note(Path::new("a"), false));
        assert!(kept.contains("compiling a ") && kept.contains("kept"), "{kept}");
        assert_eq!(not_kept, "childproof: compiling a\n");
        assert!(!Loader::new(false, &[]).unwrap().keeps);
    }

    #[test]
    fn a_section_that_is_cut_off_is_found() {
        let whole = [HEADER, &[0, 3, 1, b'x', 0, 0, 2, 1, b'y']].concat();
        assert_eq!(problem(&whole), None);
        for cut in [9, 10, 12, 14, 16] {
            let problem = problem(whole.get(..cut).unwrap());
            let is_at_boundary = cut == 13;
            assert_eq!(
                problem.is_some_and(|problem| problem.contains("truncated")),
                !is_at_boundary,
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_length_that_no_length_is_written_as_is_left_to_the_compiler() {
        assert_eq!(
            problem(&[HEADER, &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat()),
            None
        );
    }
}
