//! Glottal pulses of voiced speech by cross-correlation of successive periods (P. Boersma, "Should jitter be measured by
//! peak picking or by waveform matching?", Folia Phoniatrica et Logopaedica 61, 2009).

use std::ops::Range;

use dsp::dot_inline;

use crate::Contour;

/// A new pulse is this far from the pulse before it, in periods of the contour. The limits are each other's reciprocal; with
/// them, more pulses agree with Praat's than with 1.2 or 1.3 as the farther one.
const NEAREST: f64 = 0.8;
const FARTHEST: f64 = 1.25;
/// A pulse whose period correlates less with the period next to it is left out.
const CORRELATION_MIN: f64 = 0.3;
/// A pulse just outside the voiced interval is kept if it correlates more, and if its period is not much quieter than the
/// channel: its peak is at least this share of the channel's. Praat's pulses end at that share, measured over 46 recordings.
const CORRELATION_AT_EDGE: f64 = 0.7;
const PEAK_AT_EDGE: f32 = 0.023;

/// Times of the pulses in seconds from the start of `samples`, ascending. `peak` is the largest magnitude of the channel.
#[must_use]
pub fn pulses(samples: &[f32], rate_hz: f64, peak: f32, contour: &Contour<'_>) -> Vec<f64> {
    let mut times: Vec<f64> = Vec::new();
    for run in contour.voiced() {
        let search = Search { samples, rate_hz, peak, contour, run: &run };
        let found = search.pulses();
        // A pulse just outside this interval may be one of the interval before.
        let after = |time: &f64| match times.last() {
            Some(last) => *time > last + 0.5 / contour.f0_hz[run.start].unwrap_or(f64::INFINITY),
            None => true,
        };
        let found: Vec<f64> = found.into_iter().skip_while(|time| !after(time)).collect();
        times.extend(found);
    }
    times
}

/// The search in one run of voiced frames.
struct Search<'a> {
    samples: &'a [f32],
    rate_hz: f64,
    peak: f32,
    contour: &'a Contour<'a>,
    run: &'a Range<usize>,
}

impl Search<'_> {
    fn pulses(&self) -> Vec<f64> {
        let half_step_s = self.contour.step_s / 2.0;
        let left_s = self.contour.time_s(self.run.start) - half_step_s;
        let right_s = self.contour.time_s(self.run.end - 1) + half_step_s;
        let Some(first_s) = self.extremum(f64::midpoint(left_s, right_s)) else { return Vec::new() };
        let mut times = self.follow(first_s, -1.0, left_s);
        times.reverse();
        times.push(first_s);
        times.extend(self.follow(first_s, 1.0, right_s));
        times
    }

    fn period_s(&self, time_s: f64) -> Option<f64> {
        self.contour.f0_at(time_s, self.run).map(f64::recip)
    }

    /// Samples of the period around a time.
    fn period_around(&self, time_s: f64) -> Option<Range<usize>> {
        let half_s = self.period_s(time_s)? / 2.0;
        let place = |time_s: f64| (time_s * self.rate_hz).clamp(0.0, self.samples.len() as f64) as usize;
        Some(place(time_s - half_s)..place(time_s + half_s))
    }

    fn peak_near(&self, time_s: f64) -> f32 {
        let period = self.period_around(time_s).and_then(|period| self.samples.get(period)).unwrap_or_default();
        period.iter().fold(0.0, |peak, x| peak.max(x.abs()))
    }

    /// Time of the largest magnitude in the period around `middle_s`.
    fn extremum(&self, middle_s: f64) -> Option<f64> {
        let mut period = self.period_around(middle_s)?;
        let largest = period.by_ref().max_by(|a, b| self.samples[*a].abs().total_cmp(&self.samples[*b].abs()))?;
        let at = |place: usize| self.samples.get(place).map_or(0.0, |x| f64::from(x.abs()));
        let (offset, _) = vertex(at(largest.wrapping_sub(1)), at(largest), at(largest + 1));
        Some((largest as f64 + 0.5 + offset) / self.rate_hz)
    }

    /// Follows the periods from a pulse in one direction up to the edge of the voiced interval. The nearest pulse is first.
    fn follow(&self, from_s: f64, direction: f64, edge_s: f64) -> Vec<f64> {
        let (mut time_s, mut times) = (from_s, Vec::new());
        while let Some((next_s, correlation)) = self.next(time_s, direction) {
            if (next_s - edge_s) * direction > 0.0 {
                if correlation > CORRELATION_AT_EDGE && self.peak_near(next_s) >= PEAK_AT_EDGE * self.peak {
                    times.push(next_s);
                }
                break;
            }
            if correlation > CORRELATION_MIN {
                times.push(next_s);
            }
            time_s = next_s;
        }
        times
    }

    /// The pulse after `time_s` in a direction, and the correlation of both periods.
    fn next(&self, time_s: f64, direction: f64) -> Option<(f64, f64)> {
        let period = self.period_s(time_s)? * self.rate_hz;
        let half = (period / 2.0).round().max(1.0) as usize;
        let start = ((time_s * self.rate_hz).round() as usize).checked_sub(half)?;
        let reference = self.samples.get(start..start + 2 * half)?;
        let (near, far) = ((NEAREST * period).floor() as usize, (FARTHEST * period).ceil() as usize);
        let energy = dsp::dot(reference, reference);
        // One lag more on each side, for the parabola.
        let at = |lag: usize| {
            let start = if direction < 0.0 { start.checked_sub(lag) } else { Some(start + lag) };
            self.samples.get(start?..start? + 2 * half)
        };
        let others = (near.max(2) - 1..=far + 1).map_while(at);
        let values: Vec<f64> = others.map(|other| correlation(reference, energy, other)).collect();
        let peaks =
            (1..values.len().checked_sub(1)?).filter(|i| values[*i] > values[i - 1] && values[*i] >= values[i + 1]);
        let Some(best) = peaks.max_by(|a, b| values[*a].total_cmp(&values[*b])) else {
            return Some((time_s + direction * period / self.rate_hz, 0.0));
        };
        let (offset, height) = vertex(values[best - 1], values[best], values[best + 1]);
        let lag = (near.max(2) - 1 + best) as f64 + offset;
        Some((time_s + direction * lag / self.rate_hz, height))
    }
}

dsp::vectorized! {
    /// Normalized correlation of two intervals of the same length, -1 to 1; 0 for silence. `energy` is that of `a`.
    fn correlation<'a>(a: &'a [f32], energy: f32, b: &'a [f32]) -> f64 {
        let norm = (f64::from(energy) * f64::from(dot_inline(b, b))).sqrt();
        if norm > 0.0 { f64::from(dot_inline(a, b)) / norm } else { 0.0 }
    }
}

/// Offset of the vertex of the parabola through three values from the middle one, at most 1, and its height.
fn vertex(left: f64, middle: f64, right: f64) -> (f64, f64) {
    let curvature = 2.0 * middle - left - right;
    if curvature <= 0.0 {
        return (0.0, middle);
    }
    let slope = 0.5 * (right - left);
    let offset = (slope / curvature).clamp(-1.0, 1.0);
    (offset, middle + 0.5 * slope * offset)
}
