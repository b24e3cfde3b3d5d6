//! Real digits joined with known pauses, for the tests and the bench of this crate.
#![expect(clippy::unwrap_used, reason = "a test or bench that cannot read its recordings must stop")]

use std::path::{Path, PathBuf};

use stage_core::{Pcm, Segment, SpeechSegments, SpeechSpan, TokenGroup, Transcript, VadIdentity, Word};

const RATE: f64 = 16_000.0;
const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const SPEAKERS: [&str; 4] = ["george", "jackson", "lucas", "nicolas"];
/// Pauses between the digits in seconds, repeated.
const PAUSES_S: [f64; 6] = [0.25, 0.1, 0.5, 0.15, 0.8, 0.3];
/// Amplitude of the noise in the whole call: -60 dBFS.
const NOISE: f64 = 0.001;

/// Error model of the attention's times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Attention {
    /// Starts and ends are each off by up to 100 ms.
    Scattered,
    /// Starts are off by up to 100 ms; each word ends where the next begins, like token times from a DTW path.
    Contiguous,
}

/// Returns the folder of digits. Prints a message if it is missing.
pub(crate) fn digits() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/fsdd");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} is missing", folder.display());
    None
}

/// One channel of digits and the time of each.
pub(crate) struct Call {
    pub(crate) pcm: Pcm,
    words: Vec<(String, f64, f64)>,
}

impl Call {
    /// Digits 0 to 9 of one take, by each speaker in turn.
    pub(crate) fn of_digits(folder: &Path, take: usize) -> Self {
        let clips = (0..40).map(|at| {
            let (digit, speaker) = (at % 10, SPEAKERS[at / 10]);
            let clip = read_8_khz(&folder.join(format!("{digit}_{speaker}_{take}.wav")));
            (NAMES[digit].to_owned(), trimmed(&clip))
        });
        Self::joined(clips)
    }

    /// Tones that replace words if the digits are missing.
    #[allow(dead_code, reason = "only the bench falls back to tones")]
    pub(crate) fn of_tones() -> Self {
        Self::joined((0..40).map(|at| {
            let tone = (0..6400).map(|n| 0.3 * (n as f32 * 0.1).sin() * (n as f32 * 0.001).cos().abs().max(0.1));
            (format!("tone{at}"), tone.collect())
        }))
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
        samples.iter_mut().for_each(|sample| *sample += (NOISE * random.next()) as f32);
        Self { pcm: Pcm::from_channels(vec![samples]), words }
    }

    /// A transcript of ten words per segment, with the attention's times.
    pub(crate) fn transcript(&self, attention: Attention, seed: u32) -> Transcript {
        let mut random = Random(seed);
        let mut off = || 0.1 * random.next();
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
    let levels: Vec<f32> =
        clip.chunks(80).map(|frame| frame.iter().map(|x| x * x).sum::<f32>() / frame.len() as f32).collect();
    let threshold = levels.iter().fold(0f32, |a, b| a.max(*b)) * 10f32.powf(-3.5);
    let loud = |level: &f32| *level >= threshold;
    let (first, last) = (levels.iter().position(loud).unwrap(), levels.iter().rposition(loud).unwrap());
    let peak = clip.iter().fold(0f32, |a, b| a.max(b.abs()));
    clip[first * 80..((last + 1) * 80).min(clip.len())].iter().map(|x| x * 0.5 / peak).collect()
}

/// Reads a mono file of 8 kHz at 16 kHz: every second sample is interpolated with a windowed sinc.
fn read_8_khz(path: &Path) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (8000, 1), "{}", path.display());
    let samples: Vec<f32> = reader.samples::<i16>().map(|x| f32::from(x.unwrap()) / 32_768.0).collect();
    let half = |at: usize| -> f32 {
        (-8i32..8)
            .map(|tap| {
                let distance = (tap as f32 + 0.5) * std::f32::consts::PI;
                let window = (distance / 16.0).cos().powi(2);
                let index = at as i32 - tap;
                let sample = usize::try_from(index).ok().and_then(|index| samples.get(index)).unwrap_or(&0.0);
                sample * distance.sin() / distance * window
            })
            .sum()
    };
    (0..samples.len()).flat_map(|at| [samples[at], half(at)]).collect()
}

/// A linear congruential generator: the same numbers on every machine.
struct Random(u32);

impl Random {
    /// From -1 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0 >> 8) / f64::from(1 << 23) - 1.0
    }
}
