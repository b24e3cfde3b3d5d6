//! Quiet speech: searches the parts in which the detector found nothing once more, with their level raised.
//!
//! A detector is trained on speech at usual levels, and finds none at 50 or 60 dB below them. The level is measured in
//! parts of a few seconds and only where no speech was found, so that neither a loud speaker beside the quiet one nor a
//! click affects it. Steady sound (noise, hum) is not searched. Sound that the detector still rejects, but whose level
//! changes as that of syllables does, is listed as possible speech.

use std::ops::Range;

use dsp::{QUIET_SPEECH_DBFS, amplify};
use stage_core::Pcm;

use crate::channel::{ChannelAnalysis, LEVEL_HOP};
use crate::config::{SegmentConfig, VadChoice};
use crate::error::SegmentError;
use crate::spans::Run;
use crate::vad::Vad;

/// Lower levels are the rounding of samples, in dBFS: 16-bit samples round at -98.
const LOWEST_DBFS: f32 = -100.0;
/// The level to which a part is raised, in dBFS.
const TARGET_DBFS: f32 = -26.0;
/// Percentiles of a part's levels: the level of its sound, and that of its background.
const SOUND_PERCENTILE: usize = 95;
const BACKGROUND_PERCENTILE: usize = 10;
/// Sound that is less than this above its background is steady, in dB. Levels of white noise spread by 2 dB.
const STEADY_DB: f32 = 6.0;
/// Levels in a part: 3 s.
const PART: usize = 300;
/// Shortest part that is searched, in levels: 0.3 s.
const SHORTEST: usize = 30;
/// Levels next to detected speech that are not searched: 0.1 s.
const MARGIN: usize = 10;
/// Samples before a part that the detector gets first: half a second.
const LEAD: u64 = 8_000;
/// Possible speech is this far above its background, in dB, and rises from it this often per second.
const POSSIBLE_DB: f32 = 15.0;
const RISES_PER_S: Range<f32> = 1.0..10.0;
/// Possible speech is at least this long, in levels: 1 s.
const POSSIBLE: usize = 100;

/// Searches a channel once more: raises the probabilities of frames with quiet speech, and returns the intervals of
/// possible speech with their reasons.
pub(crate) fn search(
    vad: &dyn Vad,
    pcm: &Pcm,
    channel: usize,
    analysis: &mut ChannelAnalysis,
    config: &SegmentConfig,
) -> Result<Vec<(Run, String)>, SegmentError> {
    let mut possible: Vec<(Run, f32)> = Vec::new();
    if config.vad == VadChoice::Off {
        return Ok(Vec::new());
    }
    for part in parts(analysis, config.speech_off_probability) {
        let Some(sound_dbfs) = quiet_sound(&analysis.levels[part.clone()]) else { continue };
        let detected = vad.depends_on_level() && detect(vad, pcm, channel, analysis, &part, sound_dbfs, config)?;
        if !detected && is_modulated(&analysis.levels[part.clone()]) {
            push(&mut possible, analysis, &part, sound_dbfs);
        }
    }
    let reason =
        |level: f32| format!("possible speech: sound at {level:.0} dBFS that changes like speech, not recognized");
    Ok(possible.into_iter().map(|(run, level)| (run, reason(level))).collect())
}

/// Parts of the channel, as ranges of levels, that are not near frames at or above `off`.
fn parts(analysis: &ChannelAnalysis, off: f32) -> Vec<Range<usize>> {
    let levels = analysis.levels.len();
    let mut free = vec![true; levels];
    let level_of = |frame: usize| frame * analysis.frame / LEVEL_HOP;
    for (frame, _) in analysis.probabilities.iter().enumerate().filter(|(_, probability)| **probability >= off) {
        let to = (level_of(frame + 1) + MARGIN).min(levels);
        free[level_of(frame).saturating_sub(MARGIN).min(to)..to].fill(false);
    }
    let mut parts = Vec::new();
    let mut from = 0;
    for run in free.chunk_by(|a, b| a == b) {
        let to = from + run.len();
        if run[0] {
            // Equal parts, so that none of them is short.
            let length = run.len().div_ceil(run.len().div_ceil(PART));
            parts.extend((from..to).step_by(length).map(|start| start..(start + length).min(to)));
        }
        from = to;
    }
    parts.retain(|part| part.len() >= SHORTEST);
    parts
}

/// The level of a part's sound and that of its background, in dBFS.
fn percentiles(levels: &[f32]) -> (f32, f32) {
    let mut sorted = levels.to_vec();
    sorted.sort_by(f32::total_cmp);
    let percentile = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
    (percentile(SOUND_PERCENTILE), percentile(BACKGROUND_PERCENTILE))
}

/// The level of a part's sound in dBFS, if it is quiet and not steady.
fn quiet_sound(levels: &[f32]) -> Option<f32> {
    let (sound, background) = percentiles(levels);
    ((LOWEST_DBFS..QUIET_SPEECH_DBFS).contains(&sound) && sound - background >= STEADY_DB).then_some(sound)
}

/// Runs the detector on a part whose sound is raised from `sound_dbfs` to the target level. Returns whether it found
/// speech.
fn detect(
    vad: &dyn Vad,
    pcm: &Pcm,
    channel: usize,
    analysis: &mut ChannelAnalysis,
    part: &Range<usize>,
    sound_dbfs: f32,
    config: &SegmentConfig,
) -> Result<bool, SegmentError> {
    let frame = analysis.frame;
    let first = (part.start * LEVEL_HOP).div_ceil(frame);
    let last = (part.end * LEVEL_HOP / frame).min(analysis.probabilities.len());
    let lead = ((LEAD / frame as u64) as usize).min(first);
    let start = ((first - lead) * frame) as u64;
    let mut samples = pcm.read(channel, start, (last.saturating_sub(first) + lead) * frame)?;
    amplify(&mut samples, TARGET_DBFS - sound_dbfs);
    let mut detection = vad.detection();
    detection.push(&samples)?;
    let raised = detection.finish(&[])?;
    let mut detected = false;
    for (probability, raised) in analysis.probabilities[first..last.max(first)].iter_mut().zip(raised.iter().skip(lead))
    {
        *probability = probability.max(*raised);
        detected |= *raised >= config.speech_off_probability;
    }
    Ok(detected)
}

/// Whether the level rises from the background and falls back as often as the syllables and words of speech do.
fn is_modulated(levels: &[f32]) -> bool {
    let (sound, background) = percentiles(levels);
    let range = sound - background;
    let (low, high) = (background + range / 3.0, background + range * 2.0 / 3.0);
    let (mut up, mut rises) = (false, 0);
    for level in levels {
        if !up && *level >= high {
            rises += 1;
        }
        up = *level >= if up { low } else { high };
    }
    let per_s = rises as f32 * 100.0 / levels.len() as f32;
    levels.len() >= POSSIBLE && range >= POSSIBLE_DB && RISES_PER_S.contains(&per_s)
}

/// Adds a part to the possible speech. Adjacent parts become one interval with the higher level.
fn push(possible: &mut Vec<(Run, f32)>, analysis: &ChannelAnalysis, part: &Range<usize>, sound_dbfs: f32) {
    let start = (part.start * LEVEL_HOP) as u64;
    let end = ((part.end * LEVEL_HOP) as u64).min(analysis.samples);
    match possible.last_mut() {
        Some((run, level)) if run.end == start => {
            run.end = end;
            *level = level.max(sound_dbfs);
        }
        _ => possible.push((Run { start, end, probability: 0.0 }, sound_dbfs)),
    }
}
