//! Rounds, medians and lines.

use anyhow::Result;

use crate::guest::Guests;

/// One measure.
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) bound: Bound,
    pub(crate) run: fn(&Guests) -> Result<Figures>,
}

/// What a measure is to keep to.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// Nothing.
    None,
    /// At most this ratio.
    Ratio(f64),
    /// At most this much on our side.
    Ours(f64),
}

/// What the figures of a measure count.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// Nanoseconds, shown as microseconds.
    Time,
    /// Nanoseconds, shown as milliseconds.
    LongTime,
    /// KiB.
    Memory,
    /// Things.
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Time => format!("{:.0}us", value / 1e3),
            Self::LongTime => format!("{:.2}ms", value / 1e6),
            Self::Memory => format!("{value:.1}KiB"),
            Self::Count => format!("{value:.0}"),
        }
    }
}

/// The outcome of a measure.
pub(crate) struct Figures {
    ours: f64,
    peer: Option<Peer>,
    unit: Unit,
}

struct Peer {
    figure: f64,
    ratio: f64,
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
            peer: Some(Peer {
                figure: median(of_peer),
                ratio: median(ratios),
            }),
            unit: Unit::Time,
        })
    }

    /// A figure that has no peer.
    pub(crate) fn alone(ours: f64, unit: Unit) -> Self {
        Self { ours, peer: None, unit }
    }

    /// The same figures, of something else than time.
    pub(crate) fn counted_in(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// The line of the table.
    pub(crate) fn line(&self, measure: &Measure) -> String {
        let nothing = || "-".to_owned();
        let (peer, ratio) = match &self.peer {
            Some(peer) => (self.unit.show(peer.figure), format!("{:.2}", peer.ratio)),
            None => (nothing(), nothing()),
        };
        let met = |is_met| if is_met { "met" } else { "MISSED" };
        let bound = match (measure.bound, &self.peer) {
            (Bound::Ratio(most), Some(peer)) => format!("{most:.2} {}", met(peer.ratio <= most)),
            (Bound::Ours(most), _) => format!("{} {}", self.unit.show(most), met(self.ours <= most)),
            (Bound::None, _) | (Bound::Ratio(_), None) => nothing(),
        };
        line(measure.name, &self.unit.show(self.ours), &peer, &ratio, &bound)
    }
}

/// The line above the table's lines.
pub(crate) fn head() -> String {
    line("NAME", "ours", "peer", "ratio", "at most")
}

fn line(name: &str, ours: &str, peer: &str, ratio: &str, bound: &str) -> String {
    format!("{name:<40} {ours:>12} {peer:>12} {ratio:>7}  {bound}")
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
