//! Sound activity of a channel: compares short-time levels with the noise around them.

use std::ops::Range;

use crate::level::LevelMeter;

/// Samples between two levels at 16 kHz: 5 ms.
pub const ACTIVITY_HOP: usize = 80;
/// Shortest pause, in milliseconds. A shorter silence may be part of a word: the closure of a stop is shorter than
/// this.
pub const PAUSE_MIN_MS: usize = 200;
/// Band of speech in Hz. It includes sibilants and excludes hum.
const BAND_HZ: (f64, f64) = (100.0, 7000.0);
/// Floor and threshold are computed once per this number of levels: 50 ms.
const GRID: usize = 10;
/// The noise is measured from the levels outside speech within 0.75 s, if there are at least 0.1 s of them. The reach
/// is short because the noise can differ before and after an utterance, where recordings or channels were joined.
const NOISE_REACH: usize = 150;
const ENOUGH_NOISE: usize = 20;
/// Otherwise the noise is the 5th percentile of all levels within 1.5 s, because speech contains closures and short
/// pauses.
const SPEECH_REACH: usize = 300;
const FLOOR_PERCENTILE: usize = 5;
/// Lower limit of the noise level. Lower levels are digital silence.
const LOWEST_FLOOR_DBFS: f32 = -80.0;
/// The reference peak of a level is the highest level within 1 s.
const PEAK_BLOCKS: usize = 20;
/// A level counts as sound if it exceeds the noise by this many dB and by this share of the distance from the noise to
/// the peak. Noise fluctuates by less than 6 dB in 15 ms. Below 30 % of the range, echoes and breaths are as frequent
/// as speech.
const ABOVE_NOISE_DB: f32 = 6.0;
const ABOVE_NOISE_SHARE: f32 = 0.3;
/// Levels further below the peak than this are never sound, in dB.
const SOUND_RANGE_DB: f32 = 40.0;
/// Silences in speech are detected only if the speech is this far above the noise, in dB.
const CLEAR_DB: f32 = 12.0;
/// Length of an onset or offset that a voice activity detector may cut off, in levels: 0.25 s.
const CUT_OFF: usize = 50;
/// Shorter sounds are clicks and shorter silences are dips; both are ignored: 30 ms.
const SHORTEST: usize = 6;

/// Levels of an interval of a channel, [`ACTIVITY_HOP`] samples apart, and which of them are sound.
#[derive(Debug, Clone)]
pub struct Activity {
    levels: Vec<f32>,
    floor: Vec<f32>,
    sounding: Vec<bool>,
}

impl Activity {
    /// Classifies samples that start at sample `origin` of their channel. `speech_s` lists start and end of the spans
    /// of a voice activity detector, in seconds of the channel. If it is empty, any level may be speech.
    #[must_use]
    pub fn of_samples(
        samples: &[f32],
        origin: i64,
        sample_rate_hz: f64,
        speech_s: impl Iterator<Item = (f64, f64)>,
    ) -> Self {
        let mut meter = LevelMeter::new(sample_rate_hz, BAND_HZ.0, BAND_HZ.1, ACTIVITY_HOP);
        meter.push(samples);
        let hops = |second: f64| ((second * sample_rate_hz - origin as f64) / ACTIVITY_HOP as f64).round() as i64;
        let speech: Vec<_> = speech_s.map(|(start_s, end_s)| hops(start_s)..hops(end_s)).collect();
        Self::new(&meter.finish(), &speech)
    }

    /// Classifies levels in dBFS, one per hop. `speech` lists the spans of a voice activity detector in hops from the
    /// first level. If it is empty, any level may be speech.
    ///
    /// Sound is inside the spans, or up to 0.25 s outside them, and above the local noise. A span that is not clearly
    /// above its noise counts as sound as a whole, because no silence can be detected there.
    fn new(levels: &[f32], speech: &[Range<i64>]) -> Self {
        let levels = smoothed(levels);
        let speech = mask(levels.len(), speech);
        let near = dilated(&speech, CUT_OFF);
        let blocks: Vec<f32> = levels.chunks(GRID).map(|block| highest(block.iter())).collect();
        let (mut floor, mut sounding) = (Vec::new(), Vec::with_capacity(levels.len()));
        for (at, block) in levels.chunks(GRID).enumerate() {
            let noise = noise_floor(&levels, &speech, at * GRID);
            let peak = highest(blocks[at.saturating_sub(PEAK_BLOCKS)..(at + PEAK_BLOCKS + 1).min(blocks.len())].iter());
            let above_noise = noise + ABOVE_NOISE_DB.max((peak - noise) * ABOVE_NOISE_SHARE);
            let threshold = above_noise.max(peak - SOUND_RANGE_DB);
            let clear = peak - noise >= CLEAR_DB;
            let frames = (at * GRID..).zip(block);
            let sounds =
                |(frame, level): (usize, &f32)| if clear { *level >= threshold && near[frame] } else { speech[frame] };
            sounding.extend(frames.map(sounds));
            floor.push(noise);
        }
        drop_short(&mut sounding);
        Self { levels, floor, sounding }
    }

    /// Levels in dBFS, each of the mean power over three hops.
    #[must_use]
    pub fn levels(&self) -> &[f32] {
        &self.levels
    }

    /// Whether each level is sound.
    #[must_use]
    pub fn sounding(&self) -> &[bool] {
        &self.sounding
    }

    /// Noise level around the level with index `at`, in dBFS, at least -80; -80 if there are no levels.
    #[must_use]
    pub fn floor(&self, at: usize) -> f32 {
        self.floor.get(at / GRID).or(self.floor.last()).copied().unwrap_or(LOWEST_FLOOR_DBFS)
    }
}

/// Median level outside speech, or a low percentile of all levels if speech leaves no pause.
fn noise_floor(levels: &[f32], speech: &[bool], at: usize) -> f32 {
    let around = |reach: usize| at.saturating_sub(reach)..(at + reach).min(levels.len());
    let outside = around(NOISE_REACH).filter(|frame| !speech[*frame]).map(|frame| levels[frame]);
    let mut noise: Vec<f32> = outside.collect();
    let floor = if noise.len() >= ENOUGH_NOISE {
        percentile(&mut noise, 50)
    } else {
        percentile(&mut levels[around(SPEECH_REACH)].to_vec(), FLOOR_PERCENTILE)
    };
    floor.max(LOWEST_FLOOR_DBFS)
}

/// Marks the hops that are in speech; all of them if there are no spans.
fn mask(len: usize, speech: &[Range<i64>]) -> Vec<bool> {
    let mut mask = vec![false; len];
    let index = |hop: i64| hop.clamp(0, len as i64) as usize;
    for span in speech {
        let start = index(span.start);
        mask[start..index(span.end).max(start)].fill(true);
    }
    if mask.contains(&true) { mask } else { vec![true; len] }
}

/// Returns the mask with every run extended on both sides.
fn dilated(mask: &[bool], by: usize) -> Vec<bool> {
    let mut dilated = mask.to_vec();
    for run in runs(mask, true) {
        dilated[run.start.saturating_sub(by)..(run.end + by).min(mask.len())].fill(true);
    }
    dilated
}

/// Removes short sounds, then closes short silences between sounds.
fn drop_short(sounding: &mut [bool]) {
    for run in runs(sounding, true).into_iter().filter(|run| run.len() < SHORTEST) {
        sounding[run].fill(false);
    }
    let between = |run: &Range<usize>, len: usize| run.start > 0 && run.end < len;
    for run in runs(sounding, false).into_iter().filter(|run| run.len() < SHORTEST) {
        if between(&run, sounding.len()) {
            sounding[run].fill(true);
        }
    }
}

/// Ranges of consecutive entries that equal `value`, in order.
#[must_use]
pub fn runs(mask: &[bool], value: bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, _) in mask.iter().enumerate().filter(|(_, other)| **other == value) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end = at + 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

fn highest<'a>(levels: impl Iterator<Item = &'a f32>) -> f32 {
    levels.copied().fold(f32::NEG_INFINITY, f32::max)
}

fn percentile(levels: &mut [f32], percent: usize) -> f32 {
    if levels.is_empty() {
        return LOWEST_FLOOR_DBFS;
    }
    let at = (levels.len() - 1) * percent / 100;
    *levels.select_nth_unstable_by(at, f32::total_cmp).1
}

/// Mean power over each level and its neighbors.
fn smoothed(levels: &[f32]) -> Vec<f32> {
    let power: Vec<f32> = levels.iter().map(|level| 10f32.powf(level / 10.0)).collect();
    (0..power.len())
        .map(|at| {
            let around = &power[at.saturating_sub(1)..(at + 2).min(power.len())];
            10.0 * (around.iter().sum::<f32>() / around.len() as f32).log10()
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of one interval")]
mod tests {
    use super::*;

    /// Levels of consecutive parts, each given as a number of hops and a level.
    fn levels(parts: &[(usize, f32)]) -> Vec<f32> {
        parts.iter().flat_map(|(hops, level)| vec![*level; *hops]).collect()
    }

    fn sounds(levels: &[f32], speech: &[Range<i64>]) -> Vec<Range<usize>> {
        runs(Activity::new(levels, speech).sounding(), true)
    }

    #[test]
    fn activity_ends_where_the_level_falls_to_the_noise() {
        let levels = levels(&[(100, -60.0), (60, -20.0), (40, -60.0), (50, -25.0), (100, -60.0)]);
        let found = sounds(&levels, &[80..270]);
        let expected = [100..160, 200..250];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(&expected) {
            let off = found.start.abs_diff(expected.start).max(found.end.abs_diff(expected.end));
            assert!(off <= 1, "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn activity_takes_the_noise_of_its_own_side() {
        // Loud noise before the speech, soft noise after it. Speech that is softer than the loud noise must be found.
        let levels = levels(&[(300, -35.0), (200, -15.0), (60, -45.0), (40, -30.0), (300, -65.0)]);
        let found = sounds(&levels, &[290..610]);
        assert!(found[0].start.abs_diff(300) <= 1, "{found:?}: the loud noise is not sound");
        assert!(found.iter().any(|run| run.contains(&570)), "{found:?}: soft speech is sound");
    }

    #[test]
    fn activity_far_from_speech_does_not_count_and_a_cut_onset_does() {
        let levels = levels(&[(50, -60.0), (40, -20.0), (200, -60.0), (100, -20.0), (100, -60.0)]);
        let found = sounds(&levels, &[310..380]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].start.abs_diff(290) <= 1 && found[0].end.abs_diff(390) <= 1, "{found:?}");
    }

    #[test]
    fn activity_without_contrast_is_the_spans() {
        assert_eq!(sounds(&levels(&[(400, -30.0)]), &[100..300]), [100..300]);
        assert_eq!(sounds(&levels(&[(400, -30.0)]), &[]), [0..400], "no span: everything may be speech");
        assert!(sounds(&[], &[]).is_empty());
    }

    #[test]
    fn activity_has_neither_clicks_nor_dips() {
        let levels =
            levels(&[(100, -60.0), (2, -20.0), (40, -60.0), (60, -20.0), (2, -60.0), (60, -20.0), (100, -60.0)]);
        let found = sounds(&levels, &[90..280]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].start.abs_diff(142) <= 1 && found[0].end.abs_diff(264) <= 1, "{found:?}");
    }
}
