//! Synthetic signals and transcripts.

use stage_core::{Segment, SpeechSegments, TokenGroup, Transcript};

/// A tone of 300 Hz with silences, given as (samples of tone, samples of silence), then tone to the end.
pub(crate) fn bursts(pattern: &[(usize, usize)], seconds: f64) -> Vec<f32> {
    let mut samples = tone((seconds * 16_000.0) as usize);
    let mut at = 0;
    for (sounding, silent) in pattern {
        let from = (at + sounding).min(samples.len());
        at = (from + silent).min(samples.len());
        samples[from..at].fill(0.0);
    }
    samples
}

/// A tone that falls by 8 dB and rises again within 60 ms around `at_s`, like two words that touch.
pub(crate) fn dip(at_s: f64, seconds: f64) -> Vec<f32> {
    let mut samples = tone((seconds * 16_000.0) as usize);
    let middle = (at_s * 16_000.0) as usize;
    for distance in 0..480 {
        let gain = 0.4 + 0.6 * distance as f32 / 480.0;
        samples[middle - 1 - distance] *= gain;
        samples[middle + distance] *= gain;
    }
    samples[..1600].fill(0.0);
    samples
}

fn tone(len: usize) -> Vec<f32> {
    (0..len).map(|n| 0.3 * (std::f32::consts::TAU * 300.0 / 16_000.0 * n as f32).sin()).collect()
}

pub(crate) fn group(text: &str, start_s: f64, end_s: f64, logprob: f32) -> TokenGroup {
    TokenGroup { ids: vec![1], text: text.to_owned(), start_s, end_s, logprob }
}

pub(crate) fn segment(channel: u16, (start_s, end_s): (f64, f64), token_groups: Vec<TokenGroup>) -> Segment {
    let text: String = token_groups.iter().map(|group| group.text.as_str()).collect();
    Segment { token_groups, ..Segment::of_text(channel, (start_s, end_s), text.trim(), "en") }
}

pub(crate) fn transcript(segments: Vec<Segment>) -> Transcript {
    Transcript { model: "none".to_owned(), segments, dropped: Vec::new() }
}

/// No spans, so the noise floor is measured over all audio around a segment.
pub(crate) fn speech() -> SpeechSegments {
    SpeechSegments::of_windows(Vec::new())
}
