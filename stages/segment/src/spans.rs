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
    let candidates = candidates(hearing, config);
    let speech: Vec<Run> = candidates.iter().filter_map(|candidate| candidate.speech).collect();
    for run in bridged(speech, samples(config.min_silence_s)) {
        if run.len() < samples(config.min_speech_s) {
            found.dropped.push((run, format!("shorter than {:.2} s", config.min_speech_s)));
        } else {
            found.kept.push(run);
        }
    }
    pad(&mut found.kept, samples(config.pad_s), hearing.samples);
    let on = config.speech_on_probability;
    for Candidate { whole, peak, .. } in candidates.into_iter().filter(|candidate| candidate.speech.is_none()) {
        let covered = found.kept.iter().any(|kept| kept.start < whole.end && whole.start < kept.end);
        if !covered && whole.len() >= samples(config.min_speech_s) {
            found.dropped.push((whole, format!("the probability of speech rises to {peak:.2}, below {on:.2}")));
        }
    }
    found.dropped.sort_by_key(|(run, _)| run.start);
    found
}

/// Time in samples.
pub(crate) fn samples(seconds: f64) -> u64 {
    (seconds * f64::from(SAMPLE_RATE_HZ)).round() as u64
}

/// A stretch of frames at or above the off-threshold.
struct Candidate {
    whole: Run,
    peak: f32,
    /// From the first frame at the on-threshold to the end, if there is such a frame.
    speech: Option<Run>,
}

fn candidates(hearing: &Hearing, config: &SegmentConfig) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut from = 0;
    let is_up = |probability: &f32| *probability >= config.speech_off_probability;
    for frames in hearing.probabilities.chunk_by(|a, b| is_up(a) == is_up(b)) {
        let to = from + frames.len();
        if is_up(&frames[0]) {
            let on = frames.iter().position(|probability| *probability >= config.speech_on_probability);
            found.push(Candidate {
                whole: run_of(hearing, from, to),
                peak: frames.iter().copied().fold(0.0, f32::max),
                speech: on.map(|on| run_of(hearing, from + on, to)),
            });
        }
        from = to;
    }
    found
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
