//! Jitter and shimmer: how much successive periods of the voice differ in length and in amplitude.
//!
//! The measures are those of J. Koike, "Application of some acoustic measures for the evaluation of laryngeal
//! dysfunction", Studia Phonologica 7, 1973, and D. Deliyski, "Acoustic model and evaluation of pathological voice
//! production", Eurospeech 1993. Period factor 1.3 and amplitude factor 1.6 are those that Praat uses by default.

/// Shortest and longest period, in seconds. A longer interval between pulses is a gap.
const PERIOD_MIN_S: f64 = 0.0001;
const PERIOD_MAX_S: f64 = 0.02;
/// Successive periods whose lengths differ by a larger factor are not periods of the same voice.
const PERIOD_FACTOR: f64 = 1.3;
/// Successive amplitudes that differ by a larger factor are not compared.
const AMPLITUDE_FACTOR: f64 = 1.6;
/// The amplitude of a pulse is measured this far into the period on each side, relative to the period.
const AMPLITUDE_REACH: f64 = 0.2;

/// A sum and the number of its terms.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sum {
    /// The sum.
    pub total: f64,
    /// The number of its terms.
    pub count: u32,
}

impl Sum {
    /// Adds a term.
    pub fn add(&mut self, value: f64) {
        self.total += value;
        self.count += 1;
    }

    /// Adds the terms of another sum.
    pub fn merge(&mut self, other: Self) {
        self.total += other.total;
        self.count += other.count;
    }

    /// The mean of the terms; `None` if there are none.
    #[must_use]
    pub fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.total / f64::from(self.count))
    }
}

/// Sums over periods and amplitudes, from which jitter and shimmer of any set of intervals are computed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Perturbation {
    period_s: Sum,
    /// Differences of periods: of two, three and five.
    jitter: [Sum; 3],
    amplitude: Sum,
    /// Differences of amplitudes: of two, three, five and eleven.
    shimmer: [Sum; 4],
}

impl Perturbation {
    /// Adds the sums of other intervals.
    pub fn merge(&mut self, other: &Self) {
        self.period_s.merge(other.period_s);
        self.amplitude.merge(other.amplitude);
        self.jitter.iter_mut().zip(other.jitter).for_each(|(sum, other)| sum.merge(other));
        self.shimmer.iter_mut().zip(other.shimmer).for_each(|(sum, other)| sum.merge(other));
    }

    /// Number of periods that were compared.
    #[must_use]
    pub const fn periods(&self) -> u32 {
        self.period_s.count
    }

    /// Jitter local, rap, ppq5 and ddp: the mean difference relative to the mean period.
    #[must_use]
    pub fn jitter(&self) -> [Option<f64>; 4] {
        let [local, rap, ppq5] = self.jitter.map(|sum| Some(sum.mean()? / self.period_s.mean()?));
        [local, rap, ppq5, rap.map(|rap| 3.0 * rap)]
    }

    /// Shimmer local, apq3, apq5 and apq11: the mean difference relative to the mean amplitude.
    #[must_use]
    pub fn shimmer(&self) -> [Option<f64>; 4] {
        self.shimmer.map(|sum| Some(sum.mean()? / self.amplitude.mean()?))
    }
}

/// The terms of each pulse, which can be merged over any interval. A term belongs to the first pulse of a pair and to the
/// pulse in the middle of three or more.
#[must_use]
pub fn perturbation(samples: &[f32], rate_hz: f64, pulses_s: &[f64]) -> Vec<Perturbation> {
    let periods: Vec<Option<f64>> = pulses_s.windows(2).map(|pair| period(pair[1] - pair[0])).collect();
    let mut terms = vec![Perturbation::default(); pulses_s.len()];
    add_jitter(&periods, &mut terms);
    add_shimmer(samples, rate_hz, pulses_s, &periods, &mut terms);
    terms
}

fn period(interval_s: f64) -> Option<f64> {
    (PERIOD_MIN_S..=PERIOD_MAX_S).contains(&interval_s).then_some(interval_s)
}

fn is_within(a: f64, b: f64, factor: f64) -> bool {
    a.max(b) <= factor * a.min(b)
}

fn add_jitter(periods: &[Option<f64>], terms: &mut [Perturbation]) {
    let follows = |pair: &[Option<f64>]| match (pair[0], pair[1]) {
        (Some(a), Some(b)) => is_within(a, b, PERIOD_FACTOR),
        _ => false,
    };
    // Whether a period may be compared with the next one.
    let linked: Vec<bool> = periods.windows(2).map(follows).collect();
    let is_linked = |at: usize| linked.get(at).copied().unwrap_or(false);
    for (at, period) in periods.iter().enumerate() {
        let Some(period) = period else { continue };
        let sums = &mut terms[at];
        if is_linked(at) || at > 0 && is_linked(at - 1) {
            sums.period_s.add(*period);
        }
        let all_linked = |from: usize, to: usize| (from..to).all(is_linked);
        if is_linked(at) {
            sums.jitter[0].add((period - periods[at + 1].unwrap_or(*period)).abs());
        }
        for (kind, reach) in [(1, 1), (2, 2)] {
            if at >= reach && all_linked(at - reach, at + reach) {
                let around = periods[at - reach..=at + reach].iter().flatten().sum::<f64>();
                sums.jitter[kind].add((period - around / (2 * reach + 1) as f64).abs());
            }
        }
    }
}

fn add_shimmer(samples: &[f32], rate_hz: f64, pulses_s: &[f64], periods: &[Option<f64>], terms: &mut [Perturbation]) {
    // Pulses between two periods of the same voice have an amplitude.
    let measured = |at: usize| match (periods[at - 1], periods[at]) {
        (Some(a), Some(b)) if is_within(a, b, PERIOD_FACTOR) => {
            amplitude(samples, rate_hz, pulses_s[at], a, b).map(|amplitude| (at, amplitude))
        }
        _ => None,
    };
    let amplitudes: Vec<(usize, f64)> = (1..periods.len()).filter_map(measured).collect();
    let follows = |pair: &[(usize, f64)]| {
        let near = period(pulses_s[pair[1].0] - pulses_s[pair[0].0]).is_some();
        near && is_within(pair[0].1, pair[1].1, AMPLITUDE_FACTOR)
    };
    let linked: Vec<bool> = amplitudes.windows(2).map(follows).collect();
    for (at, (pulse, value)) in amplitudes.iter().enumerate() {
        let sums = &mut terms[*pulse];
        // The last one is not the first of any pair.
        if at < linked.len() {
            sums.amplitude.add(*value);
        }
        if linked.get(at) == Some(&true) {
            sums.shimmer[0].add((value - amplitudes[at + 1].1).abs());
        }
        for (kind, reach) in [(1, 1), (2, 2), (3, 5)] {
            let Some(from) = at.checked_sub(reach) else { continue };
            if linked.get(from..at + reach).is_some_and(|linked| linked.iter().all(|linked| *linked)) {
                let around = amplitudes[from..=at + reach].iter().map(|(_, value)| value).sum::<f64>();
                sums.shimmer[kind].add((value - around / (2 * reach + 1) as f64).abs());
            }
        }
    }
}

/// Root mean square around a pulse under a Hann window that reaches into the periods before and after it.
fn amplitude(samples: &[f32], rate_hz: f64, pulse_s: f64, before_s: f64, after_s: f64) -> Option<f64> {
    let (left, right) = (AMPLITUDE_REACH * before_s * rate_hz, AMPLITUDE_REACH * after_s * rate_hz);
    let center = pulse_s * rate_hz - 0.5;
    let from = (center - left).ceil().max(0.0) as usize;
    let to = ((center + right).floor().max(0.0) as usize).min(samples.len().checked_sub(1)?);
    let (mut energy, mut weights) = (0.0, 0.0);
    for (at, sample) in samples.iter().enumerate().take(to + 1).skip(from) {
        let distance = at as f64 - center;
        let reach = if distance < 0.0 { left } else { right };
        let weight = (0.5 + 0.5 * (std::f64::consts::PI * distance / reach).cos()).powi(2);
        energy += weight * f64::from(*sample).powi(2);
        weights += weight;
    }
    (energy > 0.0 && weights > 0.0).then(|| (energy / weights).sqrt())
}
