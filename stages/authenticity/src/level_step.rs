//! Steps of the level: from one moment to the next, the noise floor of all bands rises or falls by the same amount. A
//! gain does that to the sound of a room, a line and a codec alike; a natural change favors some bands.
//!
//! The floor is a low percentile of levels on each side of a place, as in the minimum statistics of R. Martin, "Noise power
//! spectral density estimation based on optimal smoothing and minimum statistics", IEEE TSAP 9(5), 2001. Speech leaves
//! some bands of most frames free, so that the quieter bands of a frame, relative to the floor of the recording, follow
//! the noise through speech. Their percentiles over a short and over a long window must agree on the step: speech
//! that fills a short window raises them, and noise that drifts differs over long windows only.

use std::ops::Range;

use crate::bands::{FRAME_RATE, Level};
use crate::maxima::maxima;
use crate::noise::{EDGE, Noise, floor_db, percentiles};
use crate::{Cue, CueKind};

/// Lengths of the windows on each side, in frames.
const SIDES: [usize; 3] = [25, 75, 125];
/// Frames beside the place that are left out.
const GUARD: usize = 2;
/// Shortest window, in frames.
const SIDE_MIN: usize = 20;
/// Places that are examined, in frames.
const STEP: usize = 5;
/// Percentile over time of the quieter bands that windows of all lengths must agree on.
const PERCENTILE: usize = 10;
/// The distance of these percentiles over time is the spread of the levels, which is small for steady noise.
const SPREAD: [usize; 2] = [5, 25];
const STEADY_SPREAD_DB: f32 = 2.0;
/// What one dB of further spread, and one dB of deviation of the bands from a common step, take off the step.
const SPREAD_WEIGHT: f32 = 1.0;
const DEVIATION_WEIGHT: f32 = 2.0;
/// Larger steps are those of a gate or of digital silence.
const LARGEST_DB: f32 = 20.0;
/// Steps below this are not followed, in dB.
const SMALLEST_DB: f32 = 0.3;

/// The steps of the level.
pub(crate) fn steps(noise: &Noise<'_>) -> Vec<Cue> {
    let places: Vec<usize> = (EDGE..noise.quieter.len().saturating_sub(EDGE)).step_by(STEP).collect();
    if places.is_empty() {
        return Vec::new();
    }
    let steps = Steps(noise);
    let steps_db: Vec<f32> = places.iter().map(|at| steps.step_db(*at)).collect();
    let cue = |(at, step_db): (usize, f32)| {
        let second = places[at] as f64 / FRAME_RATE;
        Cue::new(CueKind::LevelStep, second - 0.1, second + 0.1, step_db)
    };
    maxima(&steps_db, SMALLEST_DB, [SIDES[1] / STEP; 2]).map(cue).collect()
}

struct Steps<'a>(&'a Noise<'a>);

impl Steps<'_> {
    /// Size of the step at a place, less what is uncertain about it, in dB.
    fn step_db(&self, at: usize) -> f32 {
        let (begin, end) = (EDGE, self.0.quieter.len() - EDGE);
        let sides = SIDES.map(|side| {
            let left = at.saturating_sub(side + GUARD).max(begin)..at.saturating_sub(GUARD).max(begin);
            (left, (at + GUARD).min(end)..(at + GUARD + side).min(end))
        });
        if sides.iter().any(|(left, right)| left.len() < SIDE_MIN || right.len() < SIDE_MIN) {
            return 0.0;
        }
        let levels = sides.clone().map(|(left, right)| [left, right].map(|side| Levels::of(&self.0.quieter[side])));
        let steps = levels.iter().map(|[left, right]| right.floor_db - left.floor_db);
        let (least, most) = steps.fold((f32::MAX, f32::MIN), |(least, most), x| (least.min(x), most.max(x)));
        let agreed = if least > 0.0 { least } else { (-most).max(0.0) };
        if agreed < SMALLEST_DB || least.abs().max(most.abs()) > LARGEST_DB {
            return 0.0;
        }
        let spread = levels.iter().flatten().fold(0.0f32, |most, side| most.max(side.spread_db - STEADY_SPREAD_DB));
        let mut certain = agreed - SPREAD_WEIGHT * spread;
        // The deviations take most of the time, and most places have no step that is certain without them.
        for ((left, right), levels) in sides.iter().zip(&levels) {
            if certain <= SMALLEST_DB {
                return 0.0;
            }
            let spread = levels[0].spread_db.max(levels[1].spread_db) - STEADY_SPREAD_DB;
            let uncertain = DEVIATION_WEIGHT * self.deviation_db(left, right) + SPREAD_WEIGHT * spread.max(0.0);
            certain = certain.min(agreed - uncertain);
        }
        certain.max(0.0)
    }

    /// Median deviation of the steps of the bands from their median, in dB.
    fn deviation_db(&self, left: &Range<usize>, right: &Range<usize>) -> f32 {
        let step = |band: &&[Level]| floor_db(&band[right.clone()]) - floor_db(&band[left.clone()]);
        let steps: Vec<f32> = self.0.bands.iter().map(step).collect();
        let [median] = percentiles(&steps, [50]);
        let deviations: Vec<f32> = steps.iter().map(|step| (step - median).abs()).collect();
        percentiles(&deviations, [50])[0]
    }
}

struct Levels {
    floor_db: f32,
    spread_db: f32,
}

impl Levels {
    fn of(levels: &[f32]) -> Self {
        let [low, floor_db, high] = percentiles(levels, [SPREAD[0], PERCENTILE, SPREAD[1]]);
        Self { floor_db, spread_db: high - low }
    }
}
