//! Detects speech by energy: compares the level of the telephone band with an adaptive noise floor.
//!
//! The floor is a low percentile of the levels before and after a frame (percentile tracking, after V. Stahl et al.,
//! "Quantile based noise estimation", ICASSP 2000). It follows changing noise and needs no pause to learn from, because
//! speech itself dips between syllables by more than the threshold. Digital silence is excluded, so that a recording
//! that is muted between words has the floor of its words. Sound with a constant level for a second is steady noise, a
//! hum or a tone, at any level.

use dsp::SILENCE_DBFS;
use stage_core::VadIdentity;

use super::{Detection, Vad};
use crate::channel::LEVEL_HOP;
use crate::error::SegmentError;

/// Levels below this are digital silence; no converter is this quiet.
const MUTED_DBFS: f32 = -95.0;
/// Number of levels in a block. Floor and peak are computed once per block: 0.1 s.
const BLOCK: usize = 10;
/// Number of blocks on each side that the floor is computed over: 7.5 s.
const FLOOR_REACH: usize = 75;
/// Number of blocks on each side that the peak is computed over: one minute.
const PEAK_REACH: usize = 600;
/// Number of blocks on each side that steadiness is computed over: half a second.
const STEADY_REACH: usize = 5;
/// Percentiles that estimate the noise floor and the level of speech.
const FLOOR_PERCENTILE: f32 = 10.0;
const PEAK_PERCENTILE: f32 = 95.0;
/// The threshold above the floor is this share of the distance from floor to peak, limited to this range in dB.
const THRESHOLD_SHARE: f32 = 0.3;
const THRESHOLD_DB: (f32, f32) = (6.0, 15.0);
/// Levels further below the level of speech than this are echo or crosstalk, not speech, in dB.
const SPEECH_RANGE_DB: f32 = 35.0;
/// A level that varies by less than this within a second is steady, in dB. White noise in frames of 30 ms varies by 2
/// to 3 dB.
const STEADY_DB: f32 = 4.0;
/// Width of the logistic curve from SNR to probability, in dB.
const SLOPE_DB: f32 = 4.0;

/// A detector without weights.
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

/// Mean power over three frames, as levels.
fn smoothed(levels: &[f32]) -> Vec<f32> {
    let power: Vec<f32> = levels.iter().map(|level| 10f32.powf(level / 10.0)).collect();
    (0..levels.len())
        .map(|at| {
            let around = &power[at.saturating_sub(1)..(at + 2).min(power.len())];
            (10.0 * (around.iter().sum::<f32>() / around.len() as f32).log10()).max(SILENCE_DBFS)
        })
        .collect()
}

/// Computes for each block the percentile of the levels in the blocks up to `reach` away. Muted levels are excluded; if
/// all are muted, the result is [`MUTED_DBFS`]. Exact to 1 dB.
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

/// Histogram of levels from [`MUTED_DBFS`] up, in bins of 1 dB.
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

/// For each block, whether the level is constant over the second around it.
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
