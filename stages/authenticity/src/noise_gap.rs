//! Gaps in the background noise: for some frames, it is below what it falls to on either side. Noise does not fall for a
//! moment by itself; a part of another recording, or a muted part that a codec fills, does that. Steady noise is needed: the
//! more the noise around varies, the deeper a gap has to be.

use crate::bands::FRAME_RATE;
use crate::maxima::maxima;
use crate::noise::{EDGE, Noise, percentiles};
use crate::{Cue, CueKind};

/// Frames of a gap.
const GAP: usize = 2;
/// Frames before and after the place of a gap from which and up to which its surroundings count.
const NEAR: usize = 6;
const FAR: usize = 75;
/// Fewest frames of the surroundings on each side.
const SIDE_MIN: usize = 14;
/// The surroundings fall to the first of these percentiles, and spread from there to the second; steady noise spreads less.
const PERCENTILES: [usize; 2] = [5, 25];
const STEADY_SPREAD_DB: f32 = 2.0;
/// Gaps below this are not followed, in dB.
const SMALLEST_DB: f32 = 0.3;

/// The gaps of a channel.
pub(crate) fn gaps(noise: &Noise<'_>) -> Vec<Cue> {
    let end = noise.quieter.len().saturating_sub(EDGE);
    let places = EDGE + NEAR + SIDE_MIN..end.saturating_sub(NEAR + SIDE_MIN);
    let first = places.start;
    let depths_db: Vec<f32> = places.map(|at| depth_db(noise, at)).collect();
    let cue = |(at, depth_db): (usize, f32)| {
        let second = |frame: usize| frame as f64 / FRAME_RATE;
        let place = first + at;
        Cue::new(CueKind::NoiseGap, second(place - GAP / 2), second(place + GAP / 2), depth_db)
    };
    maxima(&depths_db, SMALLEST_DB, [FAR; 2]).map(cue).collect()
}

/// How far the loudest frame of a gap is below what both sides fall to, less their spread, in dB.
fn depth_db(noise: &Noise<'_>, at: usize) -> f32 {
    let end = noise.quieter.len() - EDGE;
    let gap = noise.quieter[at - GAP / 2..at + GAP / 2].iter().fold(f32::MIN, |highest, level| highest.max(*level));
    let left = &noise.quieter[at.saturating_sub(FAR).max(EDGE)..at - NEAR];
    let right = &noise.quieter[at + NEAR..(at + FAR).min(end)];
    let [left, right] = [left, right].map(|side| percentiles(side, PERCENTILES));
    let spread = (left[1] - left[0]).max(right[1] - right[0]);
    left[0].min(right[0]) - gap - (spread - STEADY_SPREAD_DB).max(0.0)
}
