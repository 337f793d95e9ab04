//! Points in time as the host has them: nanoseconds of its monotonic clock.

use std::time::Duration;

use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::io::poll::Pollable;

/// A duration in nanoseconds; more than they can count, 584 years, is as good as that.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A point in time to wait for.
#[derive(Debug)]
pub(crate) struct Deadline {
    pollable: Pollable,
    at: u64,
}

impl Deadline {
    pub(crate) fn after(duration: Duration) -> Self {
        let at = monotonic_clock::now().saturating_add(nanoseconds(duration));
        Deadline {
            pollable: monotonic_clock::subscribe_instant(at),
            at,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        monotonic_clock::now() >= self.at
    }

    pub(crate) fn pollable(&self) -> &Pollable {
        &self.pollable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_past_the_counter_is_the_longest() {
        assert_eq!(nanoseconds(Duration::MAX), u64::MAX);
        assert_eq!(nanoseconds(Duration::from_millis(3)), 3_000_000);
    }
}
