//! The runtime that a guest lives in: one thread, which a guest that never rests must hand back now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};
use wasmtime::Engine;

/// How long a guest may compute before signals, timers and the limits of its processes are looked after.
const SLICE: Duration = Duration::from_millis(20);

/// A runtime for work that never keeps the thread to itself.
pub(crate) fn plain() -> Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")
}

/// A runtime for a guest of `engine`, whose epoch goes on while the guest is at work.
pub(crate) fn for_guest(engine: &Engine) -> Result<Runtime> {
    let ticker = Arc::new(Ticker {
        busy: AtomicBool::new(true),
        asleep: AtomicBool::new(false),
    });
    let thread = ticker.clone().start(engine.clone()).context("cannot start")?;
    let (parking, waking) = (ticker.clone(), ticker);
    Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || parking.rest())
        .on_thread_unpark(move || waking.wake(&thread))
        .build()
        .context("cannot start")
}

/// Advances the epoch of an engine while its guest is at work, and sleeps while the guest waits.
struct Ticker {
    busy: AtomicBool,
    asleep: AtomicBool,
}

impl Ticker {
    fn start(self: Arc<Self>, engine: Engine) -> std::io::Result<Thread> {
        let tick = move || {
            loop {
                thread::sleep(SLICE);
                engine.increment_epoch();
                self.sleep_while_idle();
            }
        };
        Ok(thread::Builder::new()
            .name("ticker".to_owned())
            .spawn(tick)?
            .thread()
            .clone())
    }

    fn sleep_while_idle(&self) {
        // Announced before `busy` is looked at: `wake`, which sets `busy` first, sees one or is seen by the other.
        self.asleep.store(true, Ordering::SeqCst);
        while !self.busy.load(Ordering::SeqCst) {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    fn rest(&self) {
        self.busy.store(false, Ordering::SeqCst);
    }

    fn wake(&self, ticker: &Thread) {
        self.busy.store(true, Ordering::SeqCst);
        if self.asleep.swap(false, Ordering::SeqCst) {
            ticker.unpark();
        }
    }
}
