//! Measures level and quality of the signal in one pass over the samples at the file's own rate, because resampling
//! moves peaks.

use std::collections::VecDeque;

use dsp::dbfs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::{Measured, PipelineError, Recording, Span};

use super::{Channel, Measure, NoSettings};

/// Samples that are added up at once, and side by side.
const BLOCK: usize = 256;
const LANES: usize = 16;
/// Minimum magnitude of a clipped sample.
const CLIPPED: f32 = 0.999;
/// Minimum number of consecutive clipped samples that counts as clipping.
const CLIPPED_RUN: u64 = 3;
/// Minimum length of a run of exact zeros that counts as digital silence, in seconds. Shorter runs are zero crossings.
const SILENT_RUN_S: f64 = 0.05;

/// Level of the signal over the whole channel. dBFS is relative to a full-scale square wave (RMS 1.0 is 0 dBFS).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Level")]
pub(crate) struct LevelValue {
    /// Root mean square, in dBFS.
    #[schemars(extend("unit" = "dBFS"))]
    rms_dbfs: Measured,
    /// Maximum magnitude, in dBFS. A lossy codec may exceed 0.
    #[schemars(extend("unit" = "dBFS"))]
    peak_dbfs: Measured,
    /// Root mean square inside speech spans, in dBFS.
    #[schemars(extend("unit" = "dBFS"))]
    speech_rms_dbfs: Measured,
    /// Mean of the samples, -1 to 1.
    #[schemars(extend("unit" = "share of full scale"))]
    dc_offset: Measured,
    /// Share of samples within 0.1 % of full scale in runs of three or more, 0 to 1. A reason next to the value
    /// explains why it is a lower bound.
    #[schemars(extend("unit" = "ratio"))]
    clipping_ratio: Measured,
    /// Duration of exact digital silence in runs of 50 ms or more, in seconds.
    #[schemars(extend("unit" = "s"))]
    digital_silence_s: Measured,
}

/// Running sums over a channel.
#[derive(Debug)]
pub(crate) struct Level {
    rate_hz: u32,
    /// Speech intervals that are not yet completely read, in samples, by time.
    speech: VecDeque<(u64, u64)>,
    frames: u64,
    sum: f64,
    squares: f64,
    minimum: f32,
    maximum: f32,
    speech_frames: u64,
    speech_squares: f64,
    clipped: Runs,
    silent: Runs,
}

/// Counts the samples in runs of at least `shortest`.
#[derive(Debug)]
struct Runs {
    shortest: u64,
    current: u64,
    total: u64,
}

impl Runs {
    const fn new(shortest: u64) -> Self {
        Self { shortest, current: 0, total: 0 }
    }

    const fn add(&mut self, inside: bool) {
        if inside {
            self.current += 1;
        } else {
            self.end();
        }
    }

    const fn end(&mut self) {
        if self.current >= self.shortest {
            self.total += self.current;
        }
        self.current = 0;
    }
}

/// Sums over a block.
struct Totals {
    sum: f64,
    squares: f64,
    minimum: f32,
    maximum: f32,
    zeros: u32,
}

dsp::vectorized! {
    fn totals<'a>(block: &'a [f32]) -> Totals {
        let (mut sums, mut squares) = ([0.0f64; LANES], [0.0f64; LANES]);
        let (mut minima, mut maxima, mut zeros) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES], [0u32; LANES]);
        for lanes in block.chunks(LANES) {
            for (lane, &sample) in lanes.iter().enumerate() {
                let precise = f64::from(sample);
                sums[lane] += precise;
                squares[lane] += precise * precise;
                minima[lane] = if sample < minima[lane] { sample } else { minima[lane] };
                maxima[lane] = if sample > maxima[lane] { sample } else { maxima[lane] };
                zeros[lane] += u32::from(sample == 0.0);
            }
        }
        Totals {
            sum: sums.iter().sum(),
            squares: squares.iter().sum(),
            minimum: minima.into_iter().fold(f32::INFINITY, f32::min),
            maximum: maxima.into_iter().fold(f32::NEG_INFINITY, f32::max),
            zeros: zeros.iter().sum(),
        }
    }
}

impl Measure for Level {
    const NAME: &'static str = "level";
    const DESCRIPTION: &'static str = "Level and quality of the signal.";
    type Settings = NoSettings;
    type Value = LevelValue;

    fn begin(_settings: &NoSettings, channel: &Channel<'_>) -> Self {
        Self::new(channel.native_rate_hz, channel.spans())
    }

    fn add(&mut self, samples: &[f32]) {
        for block in samples.chunks(BLOCK) {
            self.add_block(block);
        }
        self.add_speech(samples);
        self.frames += samples.len() as u64;
    }

    fn finish(mut self, _settings: &NoSettings, channel: &Channel<'_>) -> Result<LevelValue, PipelineError> {
        self.clipped.end();
        self.silent.end();
        Ok(self.value(channel.input.recording))
    }
}

impl Level {
    /// Creates the sums for a channel at `rate_hz` with the speech `spans`.
    fn new(rate_hz: u32, spans: &[Span]) -> Self {
        let sample = |s: f64| (s.max(0.0) * f64::from(rate_hz)).round() as u64;
        Self {
            rate_hz,
            speech: spans.iter().map(|span| (sample(span.start_s), sample(span.end_s))).collect(),
            frames: 0,
            sum: 0.0,
            squares: 0.0,
            minimum: f32::INFINITY,
            maximum: f32::NEG_INFINITY,
            speech_frames: 0,
            speech_squares: 0.0,
            clipped: Runs::new(CLIPPED_RUN),
            silent: Runs::new(sample(SILENT_RUN_S)),
        }
    }

    fn add_block(&mut self, block: &[f32]) {
        let totals = totals(block);
        self.sum += totals.sum;
        self.squares += totals.squares;
        self.minimum = self.minimum.min(totals.minimum);
        self.maximum = self.maximum.max(totals.maximum);
        if totals.maximum.max(-totals.minimum) < CLIPPED {
            self.clipped.end();
        } else {
            block.iter().for_each(|sample| self.clipped.add(sample.abs() >= CLIPPED));
        }
        if totals.zeros == 0 {
            self.silent.end();
        } else {
            block.iter().for_each(|sample| self.silent.add(*sample == 0.0));
        }
    }

    /// Adds the part of the block that is speech.
    fn add_speech(&mut self, block: &[f32]) {
        let (first, end) = (self.frames, self.frames + block.len() as u64);
        while let Some(&(from, to)) = self.speech.front() {
            let (from, inside_to) = (from.max(first), to.min(end));
            if from < inside_to {
                let speech = &block[(from - first) as usize..(inside_to - first) as usize];
                self.speech_frames += speech.len() as u64;
                self.speech_squares += dsp::mean_square(speech) * speech.len() as f64;
            }
            if to > end {
                break;
            }
            self.speech.pop_front();
        }
    }

    fn value(&self, recording: &Recording) -> LevelValue {
        let empty = "the recording has no samples";
        let any = |value: f64| if self.frames == 0 { Measured::missing(empty) } else { Measured::of(value) };
        let peak = self.maximum.abs().max(self.minimum.abs());
        let mut clipping_ratio = any(self.clipped.total as f64 / self.frames.max(1) as f64);
        clipping_ratio.reason = clipping_ratio.reason.or_else(|| clipping_limit(recording));
        LevelValue {
            rms_dbfs: decibels(self.squares, self.frames, empty),
            peak_dbfs: decibels(f64::from(peak) * f64::from(peak), self.frames.min(1), empty),
            speech_rms_dbfs: decibels(self.speech_squares, self.speech_frames, "no speech"),
            dc_offset: any(self.sum / self.frames.max(1) as f64),
            clipping_ratio,
            digital_silence_s: any(self.silent.total as f64 / f64::from(self.rate_hz)),
        }
    }
}

/// Level of `frames` samples with the sum of squares `squares`. A sum of zero has no level.
fn decibels(squares: f64, frames: u64, without_frames: &str) -> Measured {
    match (frames, squares) {
        (0, _) => Measured::missing(without_frames),
        (_, 0.0) => Measured::missing("exact digital silence has no level"),
        _ => Measured::of(dbfs((squares / frames as f64).sqrt())),
    }
}

/// Reason why the measured clipping may be less than the clipping in the original recording.
fn clipping_limit(recording: &Recording) -> Option<String> {
    let lossy = format!("a lower bound: lossy codec ({}), which rounds clipped peaks", recording.codec);
    (!recording.lossless).then_some(lossy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(codec: &str, lossless: bool) -> Recording {
        Recording {
            container: "wav".into(),
            codec: codec.into(),
            lossless,
            sample_rate_hz: 16_000,
            channels: 1,
            duration_s: 1.0,
            pcm_sha256: String::new(),
            pcm: stage_core::PcmSource { source_frames: 0, frames: 0, trimmed_start_frames: 0, trimmed_end_frames: 0 },
            tags: Default::default(),
            external_decoder: None,
            account: None,
            warnings: vec![],
        }
    }

    /// Measures samples at `rate_hz` in blocks of 1,152.
    fn level_at(rate_hz: u32, samples: &[f32], spans: &[Span]) -> LevelValue {
        let mut level = Level::new(rate_hz, spans);
        samples.chunks(1_152).for_each(|block| level.add(block));
        level.clipped.end();
        level.silent.end();
        level.value(&recording("pcm_s16le", true))
    }

    fn level_of(samples: Vec<f32>, spans: &[Span]) -> LevelValue {
        level_at(16_000, &samples, spans)
    }

    fn near(measured: &Measured, expected: f64) -> bool {
        (measured.value.unwrap() - expected).abs() < 1e-3
    }

    #[test]
    fn level_of_a_sine_on_an_offset_is_known() {
        let sine = |n: usize| 0.25 + 0.5 * (n as f32 * 0.01 * std::f32::consts::TAU).sin();
        let level = level_of((0..160_000).map(sine).collect(), &[Span::new(0.0, 10.0)]);
        assert!(near(&level.dc_offset, 0.25) && near(&level.peak_dbfs, 20.0 * 0.75_f64.log10()), "{level:?}");
        assert!(near(&level.rms_dbfs, 10.0 * (0.0625_f64 + 0.125).log10()), "{level:?}");
        assert_eq!((level.clipping_ratio.value, level.digital_silence_s.value), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn level_of_speech_counts_speech_alone_across_blocks_at_any_rate() {
        for rate_hz in [8_000, 16_000, 44_100] {
            let second = |n: usize| n as f64 / f64::from(rate_hz);
            let is_speech = |n: usize| (3.75..8.75).contains(&second(n));
            let samples: Vec<f32> = (0..rate_hz as usize * 12).map(|n| if is_speech(n) { 0.5 } else { 0.01 }).collect();
            let spans = [Span::new(3.75, 6.25), Span::new(6.25, 8.75)];
            let level = level_at(rate_hz, &samples, &spans);
            assert!(near(&level.speech_rms_dbfs, 20.0 * 0.5_f64.log10()), "{rate_hz}: {level:?}");
        }
    }

    #[test]
    fn clipping_and_digital_silence_count_runs_and_not_single_samples() {
        let mut samples = vec![0.1; 16_000];
        samples[100] = 1.0;
        samples[200..204].fill(-1.0);
        samples[1_000..1_799].fill(0.0);
        samples[8_000..9_600].fill(0.0);
        let level = level_of(samples, &[]);
        assert!((level.clipping_ratio.value.unwrap() - 4.0 / 16_000.0).abs() < 1e-12);
        assert!(near(&level.digital_silence_s, 0.1));
        assert_eq!(level.speech_rms_dbfs, Measured::missing("no speech"));
    }

    #[test]
    fn level_of_silence_or_of_an_empty_recording_is_missing() {
        assert_eq!(level_of(vec![0.0; 8_000], &[]).rms_dbfs.value, None);
        assert!(near(&level_of(vec![0.0; 8_000], &[]).digital_silence_s, 0.5));
        let empty = level_of(vec![], &[]);
        assert_eq!((empty.rms_dbfs.value, empty.dc_offset.value, empty.clipping_ratio.value), (None, None, None));
    }

    #[test]
    fn clipping_after_a_lossy_codec_is_a_lower_bound() {
        let reason = |codec, lossless| {
            let mut level = Level::new(8_000, &[]);
            level.add(&[0.1; 100]);
            level.value(&recording(codec, lossless)).clipping_ratio.reason
        };
        assert!(reason("aac", false).unwrap().contains("lower bound"));
        assert_eq!(reason("pcm_s16le", true), None);
    }
}
