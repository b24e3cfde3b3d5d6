//! Digital silence inside a recording: a gap whose level is far below the noise around it, as a muted part leaves. A
//! codec fills it with a little noise, so the level counts and not the value zero.

use std::ops::Range;

use crate::{Cue, CueKind};

/// Blocks per second.
const BLOCK_RATE: u32 = 200;
/// Shortest gap, in blocks.
const GAP_MIN: usize = 5;
/// The noise around a gap is taken from segments of this many blocks ...
const SEGMENT: usize = 100;
/// ... this many to each side.
const SEGMENTS: usize = 20;
/// Level that 16 bit cannot go below, in dBFS.
const LOWEST_DBFS: f32 = -100.0;
/// Smallest depth of a gap.
const DEPTH_MIN_DB: f32 = 6.0;
/// Level that the noise of a room or a line exceeds.
const QUIET_DBFS: f32 = -55.0;
/// Blocks at the start and the end in which codecs and recorders are silent.
const EDGE: usize = 60;

/// Levels of a channel at its own rate.
#[derive(Debug)]
pub(crate) struct Levels {
    block: usize,
    sum: f64,
    filled: usize,
    /// Levels in steps of half a dB below full scale.
    levels: Vec<u8>,
}

impl Levels {
    pub(crate) fn new(rate_hz: u32) -> Self {
        Self { block: (rate_hz / BLOCK_RATE).max(1) as usize, sum: 0.0, filled: 0, levels: Vec::new() }
    }

    pub(crate) fn add(&mut self, samples: &[f32]) {
        for sample in samples {
            self.sum += f64::from(*sample) * f64::from(*sample);
            self.filled += 1;
            if self.filled == self.block {
                let level = 10.0 * (self.sum / self.block as f64 + 1e-12).log10();
                self.levels.push((-2.0 * level as f32).clamp(0.0, -2.0 * LOWEST_DBFS).round() as u8);
                (self.sum, self.filled) = (0.0, 0);
            }
        }
    }

    /// Gaps. The statistic is their depth below the noise around them in dB, or what their level is below
    /// [`QUIET_DBFS`] if that is less: the pauses of a clean recording are deep, too, but have noise of their own.
    pub(crate) fn finish(self) -> Vec<Cue> {
        let runs = (self.levels.len() + 1).saturating_sub(GAP_MIN);
        let minima: Vec<(usize, f32)> =
            (0..runs).step_by(SEGMENT).map(|at| self.minimum(at..(at + SEGMENT).min(runs))).collect();
        let mut gaps = Vec::new();
        for (segment, (at, level)) in minima.iter().enumerate() {
            if *at < EDGE || at + GAP_MIN + EDGE > self.levels.len() {
                continue;
            }
            let Some(floor) = floor(&minima, segment) else { continue };
            let depth = (floor - level).min(QUIET_DBFS - level);
            if depth >= DEPTH_MIN_DB {
                gaps.push(self.gap(*at, level + 0.5 * (floor - level), depth));
            }
        }
        without_overlaps(gaps)
    }

    /// The block of a segment from which on the highest level of [`GAP_MIN`] blocks is lowest, and that level in dBFS.
    fn minimum(&self, segment: Range<usize>) -> (usize, f32) {
        let highest = |at: &usize| self.levels[*at..*at + GAP_MIN].iter().min().copied().unwrap_or(0);
        let at = segment.clone().rev().max_by_key(highest).unwrap_or(segment.start);
        (at, dbfs(highest(&at)))
    }

    /// The blocks around `at` whose level is below `limit`.
    fn gap(&self, at: usize, limit: f32, depth: f32) -> Cue {
        let is_gap = |at: &usize| dbfs(self.levels[*at]) < limit;
        let first = (0..=at).rev().take_while(is_gap).last().unwrap_or(at);
        let end = (at..self.levels.len()).take_while(is_gap).last().unwrap_or(at) + 1;
        let second = |block: usize| block as f64 / f64::from(BLOCK_RATE);
        Cue::new(CueKind::DigitalSilence, second(first), second(end), depth)
    }
}

fn dbfs(level: u8) -> f32 {
    -0.5 * f32::from(level)
}

/// The deepest of gaps that overlap.
fn without_overlaps(mut gaps: Vec<Cue>) -> Vec<Cue> {
    gaps.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    let mut kept: Vec<Cue> = Vec::new();
    for gap in gaps {
        match kept.last_mut().filter(|last| gap.start_s <= last.end_s) {
            None => kept.push(gap),
            Some(last) if gap.statistic > last.statistic => *last = gap,
            Some(_) => {}
        }
    }
    kept
}

/// The noise around a segment: the lower quartile of the minima of the segments near it, without its neighbors.
fn floor(minima: &[(usize, f32)], segment: usize) -> Option<f32> {
    let near = segment.saturating_sub(SEGMENTS)..(segment + SEGMENTS + 1).min(minima.len());
    let mut levels: Vec<f32> = near.filter(|at| at.abs_diff(segment) > 2).map(|at| minima[at].1).collect();
    if levels.len() < 4 {
        return None;
    }
    let quarter = levels.len() / 4;
    Some(*levels.select_nth_unstable_by(quarter, f32::total_cmp).1)
}
