//! From probabilities to spans: hysteresis, shortest silence, shortest speech, padding.

use stage_core::SAMPLE_RATE_HZ;

use crate::channel::Hearing;
use crate::config::SegmentConfig;

/// Speech from sample `start` to sample `end`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Mean probability of the detector's frames.
    pub(crate) probability: f32,
}

impl Run {
    pub(crate) const fn len(&self) -> u64 {
        self.end - self.start
    }
}

/// Everything that was detected in a channel.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Spans with their padding, in order, without overlap.
    pub(crate) kept: Vec<Run>,
    /// The rest, each with its reason.
    pub(crate) dropped: Vec<(Run, String)>,
}

pub(crate) fn find(hearing: &Hearing, config: &SegmentConfig) -> Found {
    let mut found = Found::default();
    for run in bridged(detected(hearing, config), samples(config.min_silence_s)) {
        if run.len() < samples(config.min_speech_s) {
            found.dropped.push((run, format!("shorter than {:.2} s", config.min_speech_s)));
        } else {
            found.kept.push(run);
        }
    }
    pad(&mut found.kept, samples(config.pad_s), hearing.samples);
    found
}

/// Time in samples.
pub(crate) fn samples(seconds: f64) -> u64 {
    (seconds * f64::from(SAMPLE_RATE_HZ)).round() as u64
}

/// Runs of frames that begin at the on-threshold and end below the off-threshold.
fn detected(hearing: &Hearing, config: &SegmentConfig) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut start = None;
    let ends = std::iter::once(&0.0);
    for (at, probability) in hearing.probabilities.iter().chain(ends).enumerate() {
        match start {
            None if *probability >= config.speech_on_probability => start = Some(at),
            Some(from) if *probability < config.speech_off_probability => {
                runs.push(run_of(hearing, from, at));
                start = None;
            }
            _ => {}
        }
    }
    runs
}

fn run_of(hearing: &Hearing, from: usize, to: usize) -> Run {
    let frames = &hearing.probabilities[from..to];
    Run {
        start: (from * hearing.frame) as u64,
        end: ((to * hearing.frame) as u64).min(hearing.samples),
        probability: frames.iter().sum::<f32>() / frames.len() as f32,
    }
}

/// Joins runs over silences shorter than `min_silence`; the probability is that of the speech.
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

/// Widens each run by `pad`, at most to the middle of the pause beside it and to the channel's ends.
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
