//! Speech by energy: how far the level of the telephone band stands above an adaptive noise floor.
//!
//! The floor is a low percentile of the levels around a frame, before it and after it (percentile tracking, after
//! V. Stahl et al., "Quantile based noise estimation", ICASSP 2000): it follows noise that changes, and needs no
//! pause to learn from, because speech itself dips between syllables by more than the threshold. Digital silence is
//! kept out of it, so that a recording that is muted between the words has the floor of its words. What holds its
//! level for a second is steady noise, a hum or a tone, however loud.

use dsp::SILENCE_DBFS;
use stage_core::VadIdentity;

use super::{Detection, Vad};
use crate::channel::LEVEL_HOP;
use crate::error::SegmentError;

/// Levels below this are digital silence: no converter is this quiet.
const MUTED_DBFS: f32 = -95.0;
/// Levels in a block, for which floor and peak are found once: 0.1 s.
const BLOCK: usize = 10;
/// How far the floor's statistics reach to each side, in blocks: 7.5 s.
const FLOOR_REACH: usize = 75;
/// How far the peak's statistics reach to each side, in blocks: a minute.
const PEAK_REACH: usize = 600;
/// How far steadiness reaches to each side, in blocks: half a second.
const STEADY_REACH: usize = 5;
/// Percentiles that stand for the noise floor and for the level of speech.
const FLOOR_PERCENTILE: f32 = 10.0;
const PEAK_PERCENTILE: f32 = 95.0;
/// The threshold is this share of the way from the floor to the peak above the floor, within these bounds, in dB.
const THRESHOLD_SHARE: f32 = 0.3;
const THRESHOLD_DB: (f32, f32) = (6.0, 15.0);
/// Nothing further below the level of speech is speech: echo and crosstalk are, in dB.
const SPEECH_RANGE_DB: f32 = 35.0;
/// A second that varies by less than this is steady, in dB. White noise in frames of 30 ms varies by 2 to 3 dB.
const STEADY_DB: f32 = 4.0;
/// Width of the logistic curve from SNR to probability, in dB.
const SLOPE_DB: f32 = 4.0;

/// The detector that needs no weights.
#[derive(Debug)]
pub(crate) struct EnergyVad;

struct EnergyDetection;

impl Vad for EnergyVad {
    fn identity(&self) -> VadIdentity {
        VadIdentity { name: "energy".to_owned(), model_sha256: None }
    }

    fn frame(&self) -> usize {
        LEVEL_HOP
    }

    fn detection(&self) -> Box<dyn Detection + '_> {
        Box::new(EnergyDetection)
    }
}

impl Detection for EnergyDetection {
    fn push(&mut self, _samples: &[f32]) -> Result<(), SegmentError> {
        Ok(())
    }

    fn finish(self: Box<Self>, levels: &[f32]) -> Result<Vec<f32>, SegmentError> {
        let levels = smoothed(levels);
        let blocks: Vec<&[f32]> = levels.chunks(BLOCK).collect();
        let floors = sliding_percentile(&blocks, FLOOR_REACH, FLOOR_PERCENTILE);
        let nearby = sliding_percentile(&blocks, FLOOR_REACH, PEAK_PERCENTILE);
        let peaks = sliding_percentile(&blocks, PEAK_REACH, PEAK_PERCENTILE);
        let steady = steady(&blocks);
        let mut probabilities = Vec::with_capacity(levels.len());
        for (index, block) in blocks.iter().enumerate() {
            let range = (nearby[index] - floors[index]) * THRESHOLD_SHARE;
            let above_floor = floors[index] + range.clamp(THRESHOLD_DB.0, THRESHOLD_DB.1);
            let threshold = above_floor.max(peaks[index] - SPEECH_RANGE_DB);
            probabilities.extend(block.iter().map(|level| {
                if steady[index] || *level < MUTED_DBFS {
                    0.0
                } else {
                    1.0 / (1.0 + ((threshold - level) / SLOPE_DB).exp())
                }
            }));
        }
        Ok(probabilities)
    }
}

/// Levels of the mean power over three frames.
fn smoothed(levels: &[f32]) -> Vec<f32> {
    let power: Vec<f32> = levels.iter().map(|level| 10f32.powf(level / 10.0)).collect();
    (0..levels.len())
        .map(|at| {
            let around = &power[at.saturating_sub(1)..(at + 2).min(power.len())];
            (10.0 * (around.iter().sum::<f32>() / around.len() as f32).log10()).max(SILENCE_DBFS)
        })
        .collect()
}

/// For each block, the percentile of the levels in the blocks up to `reach` away, muted ones left out; where all are
/// muted, [`MUTED_DBFS`]. Exact to 1 dB.
fn sliding_percentile(blocks: &[&[f32]], reach: usize, percentile: f32) -> Vec<f32> {
    let mut histogram = Histogram { counts: [0; Histogram::BINS], total: 0 };
    blocks.iter().take(reach).for_each(|block| histogram.add(block));
    (0..blocks.len())
        .map(|at| {
            if let Some(entering) = blocks.get(at + reach) {
                histogram.add(entering);
            }
            if let Some(leaving) = at.checked_sub(reach + 1) {
                histogram.remove(blocks[leaving]);
            }
            histogram.percentile(percentile)
        })
        .collect()
}

/// Counts of levels from [`MUTED_DBFS`] up, 1 dB each.
struct Histogram {
    counts: [u32; Self::BINS],
    total: u32,
}

impl Histogram {
    const BINS: usize = 100;

    fn add(&mut self, levels: &[f32]) {
        for bin in levels.iter().filter_map(|level| Self::bin(*level)) {
            self.counts[bin] += 1;
            self.total += 1;
        }
    }

    fn remove(&mut self, levels: &[f32]) {
        for bin in levels.iter().filter_map(|level| Self::bin(*level)) {
            self.counts[bin] -= 1;
            self.total -= 1;
        }
    }

    fn percentile(&self, percentile: f32) -> f32 {
        let wanted = (percentile / 100.0 * self.total as f32).ceil() as u32;
        let mut seen = 0;
        let bin = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        MUTED_DBFS + bin.unwrap_or(0) as f32
    }

    fn bin(level: f32) -> Option<usize> {
        (level >= MUTED_DBFS).then(|| ((level - MUTED_DBFS) as usize).min(Self::BINS - 1))
    }
}

/// For each block, whether a whole second around it holds its level.
fn steady(blocks: &[&[f32]]) -> Vec<bool> {
    let extremes: Vec<(f32, f32)> = blocks
        .iter()
        .map(|block| block.iter().fold((f32::MAX, f32::MIN), |(low, high), level| (low.min(*level), high.max(*level))))
        .collect();
    (0..blocks.len())
        .map(|at| {
            let around = &extremes[at.saturating_sub(STEADY_REACH)..(at + STEADY_REACH + 1).min(extremes.len())];
            let low = around.iter().fold(f32::MAX, |low, extreme| low.min(extreme.0));
            let high = around.iter().fold(f32::MIN, |high, extreme| high.max(extreme.1));
            high - low < STEADY_DB
        })
        .collect()
}
