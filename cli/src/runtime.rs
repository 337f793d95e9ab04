//! The runtime that a guest lives in: one thread, which a guest that never rests must hand back now and then.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
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
    let work = Arc::new(Work::default());
    let (engine, ticking) = (engine.clone(), work.clone());
    let tick = move || {
        loop {
            thread::sleep(SLICE);
            engine.increment_epoch();
            ticking.wait();
        }
    };
    thread::Builder::new()
        .name("ticker".to_owned())
        .spawn(tick)
        .context("cannot start")?;
    let parking = work.clone();
    Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || parking.rest())
        .on_thread_unpark(move || work.resume())
        .build()
        .context("cannot start")
}

/// Whether the guest is at work: the ticker advances the epoch while it is, and sleeps while it is not.
#[derive(Debug, Default)]
struct Work {
    state: Mutex<State>,
    resumed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rests: bool,
    /// Set by the ticker alone, and under the lock that it gives back only by going to sleep: a guest that goes on finds
    /// either this set, and wakes the ticker, or a ticker that has yet to see that the guest is at work. It only spares the
    /// system call of waking nobody.
    ticker_sleeps: bool,
}

impl Work {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns while the guest is at work.
    fn wait(&self) {
        let mut state = self.state();
        state.ticker_sleeps = true;
        while state.rests {
            state = self.resumed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.ticker_sleeps = false;
    }

    fn rest(&self) {
        self.state().rests = true;
    }

    fn resume(&self) {
        let mut state = self.state();
        state.rests = false;
        if state.ticker_sleeps {
            self.resumed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn the_ticker_ticks_again_after_a_rest_that_follows_a_waking_at_once() {
        let work = Arc::new(Work::default());
        work.rest();
        let (ticked, ticks) = channel();
        thread::spawn({
            let work = work.clone();
            move || {
                while ticked.send(()).is_ok() {
                    work.wait();
                }
            }
        });
        for pause in 0..500 {
            while !work.state().ticker_sleeps {
                thread::yield_now();
            }
            while ticks.try_recv().is_ok() {}
            work.resume();
            work.rest();
            // At some length of the pause the ticker looks within it, finds the guest at rest, and must be woken once more.
            for _ in 0..pause {
                thread::yield_now();
            }
            work.resume();
            ticks.recv().unwrap();
            work.rest();
        }
        work.resume();
    }
}
