//! Rounds, medians and lines.

use anyhow::Result;

use crate::guest::Guests;

/// One measure.
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Guests) -> Result<Figures>,
}

/// What the two figures of a measure count.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// Nanoseconds, shown as microseconds.
    Time,
    /// KiB.
    Memory,
}

/// The outcome of a measure.
pub(crate) struct Figures {
    pub(crate) ours: f64,
    pub(crate) peer: f64,
    pub(crate) ratio: f64,
    pub(crate) unit: Unit,
}

impl Figures {
    /// Takes both sides in turn, so that what else the machine does falls on both. The ratio is the median of the rounds'.
    pub(crate) fn interleaved(
        rounds: usize,
        mut ours: impl FnMut() -> Result<f64>,
        mut peer: impl FnMut() -> Result<f64>,
    ) -> Result<Self> {
        let (mut of_us, mut of_peer, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=rounds {
            let (one, other) = match round % 2 {
                0 => {
                    let one = ours()?;
                    (one, peer()?)
                }
                _ => {
                    let other = peer()?;
                    (ours()?, other)
                }
            };
            // The first round warms up.
            if round > 0 {
                of_us.push(one);
                of_peer.push(other);
                ratios.push(one / other);
            }
        }
        Ok(Self {
            ours: median(of_us),
            peer: median(of_peer),
            ratio: median(ratios),
            unit: Unit::Time,
        })
    }

    pub(crate) fn line(&self, name: &str) -> String {
        let figure = |value: f64| match self.unit {
            Unit::Time => format!("{:.0}us", value / 1e3),
            Unit::Memory => format!("{value:.1}KiB"),
        };
        format!(
            "{name:<36} {:>12} {:>12} {:>7.2}",
            figure(self.ours),
            figure(self.peer),
            self.ratio
        )
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
