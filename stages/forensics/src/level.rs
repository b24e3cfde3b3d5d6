//! Level and quality of one channel, in one pass over blocks of samples.

use std::collections::VecDeque;
use std::io;

use dsp::dbfs;
use stage_core::forensics::Level;
use stage_core::{Measured, Pcm, Recording, SAMPLE_RATE_HZ, Span};

use crate::limits::is_lossless;

const BLOCK: usize = 1 << 16;
/// Magnitude from which a sample counts as clipped.
const CLIPPED: f32 = 0.999;
/// Samples in a row from which clipping is told from a single peak.
const CLIPPED_RUN: u64 = 3;
/// Exact zeros in a row that are no mere zero crossing: 50 ms.
const SILENT_RUN: u64 = SAMPLE_RATE_HZ as u64 / 20;

/// What the pitch search needs to know of the whole channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Extremes {
    /// Mean of the samples.
    pub(crate) mean: f64,
    /// Greatest distance of a sample from that mean.
    pub(crate) peak: f64,
}

/// Measures a channel; `spans` are its speech.
///
/// # Errors
/// The samples could not be read.
pub(crate) fn measure_level(
    recording: &Recording,
    pcm: &Pcm,
    channel: u16,
    spans: &[Span],
) -> io::Result<(Level, Extremes)> {
    let mut sums = Sums::new(spans);
    for block in pcm.blocks(usize::from(channel), BLOCK) {
        sums.add(&block?);
    }
    sums.finish();
    Ok((sums.level(recording), sums.extremes()))
}

/// Running sums over a channel.
#[derive(Debug)]
struct Sums {
    /// Speech, in samples, that lies wholly or partly ahead; by time.
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

/// Samples that lie in runs of at least `shortest`.
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

impl Sums {
    fn new(spans: &[Span]) -> Self {
        let sample = |s: f64| (s.max(0.0) * f64::from(SAMPLE_RATE_HZ)).round() as u64;
        Self {
            speech: spans.iter().map(|span| (sample(span.start_s), sample(span.end_s))).collect(),
            frames: 0,
            sum: 0.0,
            squares: 0.0,
            minimum: f32::INFINITY,
            maximum: f32::NEG_INFINITY,
            speech_frames: 0,
            speech_squares: 0.0,
            clipped: Runs::new(CLIPPED_RUN),
            silent: Runs::new(SILENT_RUN),
        }
    }

    fn add(&mut self, block: &[f32]) {
        for &sample in block {
            self.sum += f64::from(sample);
            self.squares += f64::from(sample) * f64::from(sample);
            self.minimum = self.minimum.min(sample);
            self.maximum = self.maximum.max(sample);
            self.clipped.add(sample.abs() >= CLIPPED);
            self.silent.add(sample == 0.0);
        }
        self.add_speech(block);
        self.frames += block.len() as u64;
    }

    /// The part of the block that is speech.
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

    const fn finish(&mut self) {
        self.clipped.end();
        self.silent.end();
    }

    fn mean(&self) -> f64 {
        if self.frames == 0 { 0.0 } else { self.sum / self.frames as f64 }
    }

    fn extremes(&self) -> Extremes {
        let mean = self.mean();
        let peak = if self.frames == 0 { 0.0 } else { f64::from(self.maximum) - mean };
        Extremes { mean, peak: peak.max(mean - f64::from(self.minimum.min(self.maximum))) }
    }

    fn level(&self, recording: &Recording) -> Level {
        let empty = "the recording has no samples";
        let any = |value: f64| if self.frames == 0 { Measured::missing(empty) } else { Measured::of(value) };
        let peak = self.maximum.abs().max(self.minimum.abs());
        let mut clipping_ratio = any(self.clipped.total as f64 / self.frames.max(1) as f64);
        clipping_ratio.reason = clipping_ratio.reason.or_else(|| clipping_limit(recording));
        Level {
            rms_dbfs: decibels(self.squares, self.frames, empty),
            peak_dbfs: decibels(f64::from(peak) * f64::from(peak), self.frames.min(1), empty),
            speech_rms_dbfs: decibels(self.speech_squares, self.speech_frames, "no speech"),
            dc_offset: any(self.mean()),
            clipping_ratio,
            digital_silence_s: any(self.silent.total as f64 / f64::from(SAMPLE_RATE_HZ)),
        }
    }
}

/// The level of `frames` samples whose squares sum up to `squares`; zero has none.
fn decibels(squares: f64, frames: u64, without_frames: &str) -> Measured {
    match (frames, squares) {
        (0, _) => Measured::missing(without_frames),
        (_, 0.0) => Measured::missing("exact digital silence has no level"),
        _ => Measured::of(dbfs((squares / frames as f64).sqrt())),
    }
}

/// Why the clipping that is left may be less than the clipping that was recorded.
fn clipping_limit(recording: &Recording) -> Option<String> {
    if !is_lossless(&recording.codec) {
        return Some(format!("a lower bound: coded with loss ({}), which rounds clipped peaks", recording.codec));
    }
    (recording.sample_rate_hz != SAMPLE_RATE_HZ)
        .then(|| format!("a lower bound: resampled from {} Hz, which rounds clipped peaks", recording.sample_rate_hz))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(codec: &str, sample_rate_hz: u32) -> Recording {
        Recording {
            container: "wav".into(),
            codec: codec.into(),
            sample_rate_hz,
            channels: 1,
            duration_s: 1.0,
            pcm_sha256: String::new(),
            pcm: stage_core::PcmSource { source_frames: 0, frames: 0, trimmed_start_frames: 0, trimmed_end_frames: 0 },
            tags: Default::default(),
            warnings: vec![],
        }
    }

    fn level_of(samples: Vec<f32>, spans: &[Span]) -> Level {
        let pcm = Pcm::from_channels(vec![samples]);
        measure_level(&recording("pcm_s16le", 16_000), &pcm, 0, spans).unwrap().0
    }

    fn near(measured: &Measured, expected: f64) -> bool {
        (measured.value.unwrap() - expected).abs() < 1e-3
    }

    #[test]
    fn a_sine_on_an_offset_has_its_known_levels() {
        let sine = |n: usize| 0.25 + 0.5 * (n as f32 * 0.01 * std::f32::consts::TAU).sin();
        let level = level_of((0..160_000).map(sine).collect(), &[Span::new(0.0, 10.0)]);
        assert!(near(&level.dc_offset, 0.25) && near(&level.peak_dbfs, 20.0 * 0.75_f64.log10()), "{level:?}");
        assert!(near(&level.rms_dbfs, 10.0 * (0.0625_f64 + 0.125).log10()), "{level:?}");
        assert_eq!((level.clipping_ratio.value, level.digital_silence_s.value), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn speech_level_counts_speech_alone_across_blocks() {
        let samples: Vec<f32> = (0..200_000).map(|n| if (60_000..140_000).contains(&n) { 0.5 } else { 0.01 }).collect();
        let spans = [Span::new(60_000.0 / 16e3, 100_000.0 / 16e3), Span::new(100_000.0 / 16e3, 140_000.0 / 16e3)];
        assert!(near(&level_of(samples, &spans).speech_rms_dbfs, 20.0 * 0.5_f64.log10()));
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
    fn silence_has_no_level_and_an_empty_recording_no_measurement() {
        assert_eq!(level_of(vec![0.0; 8_000], &[]).rms_dbfs.value, None);
        assert!(near(&level_of(vec![0.0; 8_000], &[]).digital_silence_s, 0.5));
        let empty = level_of(vec![], &[]);
        assert_eq!((empty.rms_dbfs.value, empty.dc_offset.value, empty.clipping_ratio.value), (None, None, None));
    }

    #[test]
    fn clipping_after_a_lossy_codec_is_a_lower_bound() {
        let pcm = Pcm::from_channels(vec![vec![0.1; 100]]);
        let reason =
            |codec, rate| measure_level(&recording(codec, rate), &pcm, 0, &[]).unwrap().0.clipping_ratio.reason;
        assert!(reason("aac", 16_000).unwrap().contains("lower bound"));
        assert!(reason("pcm_s16le", 8_000).unwrap().contains("lower bound"));
        assert_eq!(reason("pcm_s16le", 16_000), None);
    }
}
