//! Turns probabilities into spans: hysteresis, minimum silence, minimum speech, padding.
//!
//! Every interval at or above the off-threshold is accounted for: it is in a span, it is listed as dropped, or it is
//! shorter than the minimum speech and never reached the on-threshold.

use stage_core::SAMPLE_RATE_HZ;

use crate::channel::ChannelAnalysis;
use crate::config::{SegmentConfig, VadChoice};

/// Speech from sample `start` to sample `end`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Mean probability over the detector's frames.
    pub(crate) probability: f32,
}

impl Run {
    pub(crate) const fn len(&self) -> u64 {
        self.end - self.start
    }
}

/// All runs detected in a channel.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Spans with their padding, in order, without overlap.
    pub(crate) kept: Vec<Run>,
    /// Dropped runs, each with its reason.
    pub(crate) dropped: Vec<(Run, String)>,
}

pub(crate) fn find(analysis: &ChannelAnalysis, config: &SegmentConfig) -> Found {
    let mut found = Found::default();
    let shortest = if config.vad == VadChoice::Off { 0 } else { samples(config.min_speech_s) };
    let candidates = candidates(analysis, config);
    let speech: Vec<Run> = candidates.iter().filter_map(|candidate| candidate.speech).collect();
    for run in bridged(speech, samples(config.min_silence_s)) {
        if run.len() < shortest {
            found.dropped.push((run, format!("shorter than {:.2} s", config.min_speech_s)));
        } else {
            found.kept.push(run);
        }
    }
    let short = std::mem::take(&mut found.dropped);
    pad(&mut found.kept, samples(config.pad_s), analysis.samples);
    found.dropped = short.into_iter().filter_map(|(run, why)| Some((outside(run, &found.kept)?, why))).collect();
    let uncertain = candidates.iter().filter_map(|candidate| candidate.uncertain);
    for run in uncertain.filter_map(|run| outside(run, &found.kept)).filter(|run| run.len() >= shortest) {
        let (on, peak) = (config.speech_on_probability, peak(analysis, &run));
        found.dropped.push((run, format!("below the on threshold {on:.2}: peak {peak:.2}")));
    }
    found.dropped.sort_by_key(|(run, _)| run.start);
    found
}

/// Converts seconds to samples.
pub(crate) fn samples(seconds: f64) -> u64 {
    (seconds * f64::from(SAMPLE_RATE_HZ)).round() as u64
}

/// An interval of frames at or above the off-threshold.
struct Candidate {
    /// The part before the first frame at the on-threshold, or all of it if there is no such frame.
    uncertain: Option<Run>,
    /// The part from the first frame at the on-threshold to the end, if there is such a frame.
    speech: Option<Run>,
}

fn candidates(analysis: &ChannelAnalysis, config: &SegmentConfig) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut from = 0;
    let is_up = |probability: &f32| *probability >= config.speech_off_probability;
    for frames in analysis.probabilities.chunk_by(|a, b| is_up(a) == is_up(b)) {
        let to = from + frames.len();
        if is_up(&frames[0]) {
            let on = frames.iter().position(|probability| *probability >= config.speech_on_probability);
            let uncertain_to = on.map_or(to, |on| from + on);
            found.push(Candidate {
                uncertain: (uncertain_to > from).then(|| run_of(analysis, from, uncertain_to)),
                speech: on.map(|on| run_of(analysis, from + on, to)),
            });
        }
        from = to;
    }
    found
}

fn run_of(analysis: &ChannelAnalysis, from: usize, to: usize) -> Run {
    let frames = &analysis.probabilities[from..to];
    Run {
        start: (from * analysis.frame) as u64,
        end: ((to * analysis.frame) as u64).min(analysis.samples),
        probability: frames.iter().sum::<f32>() / frames.len() as f32,
    }
}

impl Found {
    /// Adds intervals of possible speech, as far as they are not part of a span or a dropped run.
    pub(crate) fn list(&mut self, possible: Vec<(Run, String)>) {
        for (run, reason) in possible {
            let listed = self.dropped.iter().any(|(other, _)| other.start < run.end && run.start < other.end);
            if let (false, Some(run)) = (listed, outside(run, &self.kept)) {
                self.dropped.push((run, reason));
            }
        }
        self.dropped.sort_by_key(|(run, _)| run.start);
    }
}

/// Returns the part of a dropped run that no padded span covers. Spans are next to such a run and never inside it, so
/// their padding covers its start, its end, or all of it.
fn outside(run: Run, kept: &[Run]) -> Option<Run> {
    let (mut start, mut end) = (run.start, run.end);
    let first = kept.partition_point(|span| span.end <= run.start);
    for span in kept[first..].iter().take_while(|span| span.start < run.end) {
        if span.start <= start {
            start = span.end;
        } else {
            end = span.start;
        }
    }
    (start < end).then_some(Run { start, end, ..run })
}

/// Highest probability of the frames that a run overlaps.
fn peak(analysis: &ChannelAnalysis, run: &Run) -> f32 {
    let frame = analysis.frame as u64;
    let frames = (run.start / frame) as usize..run.end.div_ceil(frame) as usize;
    analysis.probabilities[frames].iter().copied().fold(0.0, f32::max)
}

/// Joins runs across silences shorter than `min_silence`. The probability is that of the speech alone.
fn bridged(runs: Vec<Run>, min_silence: u64) -> Vec<Run> {
    let mut joined: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        match joined.last_mut() {
            Some(last) if run.start - last.end < min_silence => {
                let (a, b) = (last.len() as f32, run.len() as f32);
                last.probability = (last.probability * a + run.probability * b) / (a + b);
                last.end = run.end;
            }
            _ => joined.push(run),
        }
    }
    joined
}

/// Extends each run by `pad`, up to the middle of the adjacent pause and to the ends of the channel.
fn pad(runs: &mut [Run], pad: u64, end: u64) {
    for at in 0..runs.len() {
        let next = runs.get(at + 1).map(|next| next.start);
        let run = &mut runs[at];
        if at == 0 {
            run.start = run.start.saturating_sub(pad);
        }
        let Some(next) = next else {
            run.end = (run.end + pad).min(end);
            return;
        };
        let middle = run.end.midpoint(next);
        run.end = (run.end + pad).min(middle);
        let next = &mut runs[at + 1];
        next.start = next.start.saturating_sub(pad).max(middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Frames of 10 ms.
    const FRAME: usize = 160;

    fn analysis(probabilities: Vec<f32>) -> ChannelAnalysis {
        let samples = (probabilities.len() * FRAME) as u64;
        ChannelAnalysis { levels: vec![-20.0; probabilities.len()], probabilities, frame: FRAME, samples }
    }

    /// Builds an analysis from intervals of (frames, probability).
    fn intervals(intervals: &[(usize, f32)]) -> ChannelAnalysis {
        analysis(intervals.iter().flat_map(|(frames, probability)| vec![*probability; *frames]).collect())
    }

    /// Start and end in frames, and the reason, of each dropped run.
    fn dropped(found: &Found) -> Vec<(u64, u64, &str)> {
        let frame = FRAME as u64;
        found.dropped.iter().map(|(run, reason)| (run.start / frame, run.end / frame, reason.as_str())).collect()
    }

    #[test]
    fn intervals_that_are_uncertain_are_listed_as_far_as_no_span_covers_them() {
        let analysis = intervals(&[(100, 0.0), (50, 0.4), (100, 0.9), (20, 0.0), (60, 0.45), (100, 0.0), (8, 0.4)]);
        let found = find(&analysis, &SegmentConfig::new(VadChoice::Energy, 30.0));
        assert_eq!((found.kept[0].start, found.kept[0].end), (135 * 160, 265 * 160), "15 frames of padding");
        let reasons = ["below the on threshold 0.50: peak 0.40", "below the on threshold 0.50: peak 0.45"];
        assert_eq!(dropped(&found), [(100, 135, reasons[0]), (270, 330, reasons[1])], "8 frames are too few");
        let near = intervals(&[(100, 0.9), (5, 0.0), (60, 0.45)]);
        let found = find(&near, &SegmentConfig::new(VadChoice::Energy, 30.0));
        assert_eq!(dropped(&found), [(115, 165, reasons[1])]);
    }

    #[test]
    fn vad_off_keeps_the_shortest_recording() {
        let found = find(&intervals(&[(3, 1.0)]), &SegmentConfig::new(VadChoice::Off, 30.0));
        assert_eq!((found.kept.len(), found.kept[0].len(), found.dropped.len()), (1, 480, 0));
    }

    proptest! {
        #[test]
        fn spans_and_drops_account_for_all_speech_once(
            parts in prop::collection::vec((1usize..40, 0f32..1.0), 1..40),
            pad_s in 0f64..0.3,
            min_speech_s in 0f64..0.25,
            min_silence_s in 0f64..0.5,
        ) {
            let analysis = intervals(&parts);
            let config =
                SegmentConfig { pad_s, min_speech_s, min_silence_s, ..SegmentConfig::new(VadChoice::Energy, 30.0) };
            let found = find(&analysis, &config);
            let mut listed: Vec<Run> =
                found.kept.iter().copied().chain(found.dropped.iter().map(|(run, _)| *run)).collect();
            listed.sort_by_key(|run| run.start);
            prop_assert!(listed.windows(2).all(|pair| pair[0].end <= pair[1].start), "twice: {:?}", listed);
            let mut unlisted = 0;
            for (frame, probability) in analysis.probabilities.iter().enumerate() {
                let middle = (frame * FRAME + FRAME / 2) as u64;
                let is_listed = listed.iter().any(|run| (run.start..run.end).contains(&middle));
                prop_assert!(is_listed || *probability < config.speech_on_probability, "speech at {} is lost", frame);
                unlisted = if is_listed || *probability < config.speech_off_probability { 0 } else { unlisted + 1 };
                prop_assert!(unlisted * FRAME < samples(min_speech_s) as usize + FRAME, "lost up to {}", frame);
            }
        }
    }
}
