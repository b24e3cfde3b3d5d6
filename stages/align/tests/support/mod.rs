//! Real digits joined with known pauses, for the tests and the bench of this crate.
#![expect(clippy::unwrap_used, reason = "a test or bench that cannot read its recordings must stop")]

use std::path::Path;

use stage_core::{Pcm, Segment, SpeechSegments, SpeechSpan, TokenGroup, Transcript, VadIdentity, Word};
use testkit::{DIGIT_SPEAKERS, Random, digit, fixture, sounding};

const RATE: f64 = 16_000.0;
const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/// Pauses between the digits in seconds, repeated.
const PAUSES_S: [f64; 6] = [0.25, 0.1, 0.5, 0.15, 0.8, 0.3];
/// Amplitude of the noise in the whole call: -60 dBFS.
const NOISE: f32 = 0.001;

/// Error model of the attention's times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Attention {
    /// Starts and ends are each off by up to 100 ms.
    Scattered,
    /// Starts are off by up to 100 ms; each word ends where the next begins, like token times from a DTW path.
    Contiguous,
}

/// One channel of digits and the time of each.
pub(crate) struct Call {
    pub(crate) pcm: Pcm,
    words: Vec<(String, f64, f64)>,
}

impl Call {
    /// Digits 0 to 9 of one take of the fixtures ([`testkit::DIGIT_TAKES`]), by each speaker in turn.
    pub(crate) fn of_digits(take: usize) -> Self {
        Self::of_digits_in(&fixture("speech/fsdd"), take)
    }

    /// Digits of one take in a folder of the data set.
    pub(crate) fn of_digits_in(folder: &Path, take: usize) -> Self {
        let clips = (0..40).map(|at| {
            let (number, speaker) = (at % 10, DIGIT_SPEAKERS[at / 10]);
            (NAMES[number].to_owned(), trimmed(&digit(folder, number, speaker, take)))
        });
        Self::joined(clips)
    }

    fn joined(clips: impl Iterator<Item = (String, Vec<f32>)>) -> Self {
        let mut samples: Vec<f32> = vec![0.0; 4800];
        let mut words = Vec::new();
        for (at, (text, clip)) in clips.enumerate() {
            let start_s = samples.len() as f64 / RATE;
            samples.extend(&clip);
            words.push((text, start_s, samples.len() as f64 / RATE));
            samples.resize(samples.len() + (PAUSES_S[at % PAUSES_S.len()] * RATE) as usize, 0.0);
        }
        let mut random = Random(7);
        samples.iter_mut().for_each(|sample| *sample += NOISE * random.signed());
        Self { pcm: Pcm::from_channels(vec![samples]), words }
    }

    /// A transcript of ten words per segment, with the attention's times.
    pub(crate) fn transcript(&self, attention: Attention, seed: u32) -> Transcript {
        let mut random = Random(seed);
        let mut off = || 0.1 * f64::from(random.signed());
        let segments = self.words.chunks(10).enumerate().map(|(index, words)| {
            let (start_s, end_s) = (words[0].1 - 0.15, words[words.len() - 1].2 + 0.09);
            let starts: Vec<f64> = words.iter().map(|word| (word.1 + off()).max(start_s)).collect();
            let token_groups = words.iter().enumerate().map(|(at, (text, _, end))| TokenGroup {
                ids: vec![at as u32],
                text: format!(" {text}"),
                start_s: starts[at],
                end_s: match (attention, starts.get(at + 1)) {
                    (Attention::Contiguous, Some(next)) => *next,
                    (Attention::Contiguous, None) => end_s,
                    (Attention::Scattered, _) => (end + off()).max(starts[at]),
                },
                logprob: -0.1 * index as f32,
            });
            segment(start_s, end_s, token_groups.collect())
        });
        Transcript { model: "none".to_owned(), segments: segments.collect(), dropped: Vec::new() }
    }

    /// Speech spans from the start to the end of each transcript segment.
    pub(crate) fn speech(&self) -> SpeechSegments {
        let spans = self.words.chunks(10).map(|words| SpeechSpan {
            channel: 0,
            start_s: words[0].1 - 0.15,
            end_s: words[words.len() - 1].2 + 0.09,
            probability: 1.0,
        });
        SpeechSegments {
            vad: VadIdentity { name: "known".to_owned(), model_sha256: None },
            spans: spans.collect(),
            windows: Vec::new(),
            dropped: Vec::new(),
            duplicates: Vec::new(),
        }
    }

    /// Errors of the starts and of the ends of words, in seconds.
    pub(crate) fn errors(&self, words: &[Word]) -> (Vec<f64>, Vec<f64>) {
        assert_eq!(words.len(), self.words.len());
        let pairs = || words.iter().zip(&self.words);
        let starts = pairs().map(|(found, truth)| (found.start_s - truth.1).abs());
        (starts.collect(), pairs().map(|(found, truth)| (found.end_s - truth.2).abs()).collect())
    }
}

/// A segment of channel 0 with these token groups.
pub(crate) fn segment(start_s: f64, end_s: f64, token_groups: Vec<TokenGroup>) -> Segment {
    let text: String = token_groups.iter().map(|group| group.text.as_str()).collect();
    Segment { token_groups, ..Segment::of_text(0, (start_s, end_s), text.trim(), "en") }
}

/// The `percent`-th percentile.
pub(crate) fn percentile(values: Vec<f64>, percent: usize) -> f64 {
    measure::percentile(&values, percent as f64).unwrap()
}

/// The clip from the first to the last frame of 5 ms within 35 dB of its loudest frame, scaled to a peak of 0.5.
fn trimmed(clip: &[f32]) -> Vec<f32> {
    let peak = clip.iter().fold(0f32, |a, b| a.max(b.abs()));
    sounding(clip, 80, 35.0).iter().map(|x| x * 0.5 / peak).collect()
}
