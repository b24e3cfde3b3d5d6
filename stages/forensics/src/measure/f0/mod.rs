//! Fundamental frequency of one channel over its speech, in chunks of bounded length and in parallel.

mod config;
mod frame;
mod path;
mod track;
mod validity;

use std::io;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::{Measured, Pcm, PipelineError, SAMPLE_RATE_HZ, Span};

use self::config::PitchConfig;
use self::frame::FramePlan;
use self::path::best_path;
pub(crate) use self::track::{F0Chunk, F0Track};
use self::validity::{Validity, octave_errors};
use super::{Channel, Measure};
use crate::ForensicsError;
use crate::error::NAME;

/// Longest interval for one path search, in seconds. It limits memory to some megabytes per thread.
const CHUNK_MAX_S: f64 = 30.0;
/// Voiced frames this near to the floor or the ceiling, relative to it, count as being there.
const EDGE_MARGIN: f64 = 0.02;

/// Number of samples per read when computing the extremes of a channel.
const BLOCK: usize = 1 << 16;

/// Fundamental frequency by autocorrelation with a path search (Boersma 1993), over voiced frames inside speech.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Pitch")]
pub(crate) struct PitchValue {
    /// Lowest frequency that was searched, in Hz.
    #[schemars(extend("unit" = "Hz"))]
    floor_hz: f64,
    /// Highest frequency that was searched, in Hz.
    #[schemars(extend("unit" = "Hz"))]
    ceiling_hz: f64,
    /// Number of analyzed frames, 10 ms apart, all inside speech.
    #[schemars(extend("unit" = "frames"))]
    speech_frames: u64,
    /// Number of frames with a pitch. The other frames do not count in the values below, and no pitch is interpolated.
    #[schemars(extend("unit" = "frames"))]
    voiced_frames: u64,
    /// Mean, in Hz.
    #[schemars(extend("unit" = "Hz"))]
    f0_mean_hz: Measured,
    /// Median, in Hz.
    #[schemars(extend("unit" = "Hz"))]
    f0_median_hz: Measured,
    /// Standard deviation, in Hz.
    #[schemars(extend("unit" = "Hz"))]
    f0_sd_hz: Measured,
    /// 5th percentile, in Hz.
    #[schemars(extend("unit" = "Hz"))]
    f0_p05_hz: Measured,
    /// 95th percentile, in Hz.
    #[schemars(extend("unit" = "Hz"))]
    f0_p95_hz: Measured,
    /// Distance from the 5th to the 95th percentile, in semitones.
    #[schemars(extend("unit" = "semitones"))]
    f0_range_semitones: Measured,
    /// Share of voiced frames within 2 % of the floor. High values mean that the floor was measured and not the voice.
    #[schemars(extend("unit" = "ratio"))]
    at_floor_ratio: Measured,
    /// Share of voiced frames within 2 % of the ceiling. High values mean that the voice is higher than what was searched, or
    /// that octave errors are among the frames.
    #[schemars(extend("unit" = "ratio"))]
    at_ceiling_ratio: Measured,
    /// Share of voiced frames near half or twice the median F0 of the second around them. They are octave errors, or leaps
    /// of the voice.
    #[schemars(extend("unit" = "ratio"))]
    octave_error_ratio: Measured,
}

/// The measure. It reads the samples at 16 kHz, whose band contains the voice.
#[derive(Debug)]
pub(crate) struct F0;

impl Measure for F0 {
    const NAME: &'static str = "f0";
    const DESCRIPTION: &'static str = "Fundamental frequency of the voice.";
    type Settings = PitchConfig;
    type Value = PitchValue;

    fn check(settings: &PitchConfig) -> Result<(), ForensicsError> {
        settings.validate()
    }

    fn begin(_settings: &PitchConfig, _channel: &Channel<'_>) -> Self {
        Self
    }

    fn finish(self, settings: &PitchConfig, channel: &Channel<'_>) -> Result<PitchValue, PipelineError> {
        let track = track_channel(settings, channel.input.pcm, channel.number, channel.spans())
            .map_err(|error| PipelineError::samples_unreadable(NAME, &error))?;
        let value = summarize(settings, &track, channel.spans().is_empty());
        // The only measure that sets it, once for each channel.
        let _ = channel.f0.set(track);
        Ok(value)
    }
}

/// Mean and peak of a whole channel.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Extremes {
    /// Mean of the samples.
    mean: f64,
    /// Largest distance of a sample from that mean.
    peak: f64,
}

impl Extremes {
    fn of(pcm: &Pcm, channel: u16) -> io::Result<Self> {
        let (mut sum, mut minimum, mut maximum) = (0.0, f32::INFINITY, f32::NEG_INFINITY);
        for block in pcm.blocks(channel.into(), BLOCK) {
            for sample in block? {
                sum += f64::from(sample);
                minimum = minimum.min(sample);
                maximum = maximum.max(sample);
            }
        }
        if pcm.frames() == 0 {
            return Ok(Self { mean: 0.0, peak: 0.0 });
        }
        let mean = sum / pcm.frames() as f64;
        Ok(Self { mean, peak: (f64::from(maximum) - mean).max(mean - f64::from(minimum)) })
    }
}

/// Tracks F0 inside `spans`, the speech of `channel`. Frames are on one grid over the whole recording, so that their
/// times do not depend on where the detected speech begins.
///
/// # Errors
/// The samples could not be read.
fn track_channel(config: &PitchConfig, pcm: &Pcm, channel: u16, spans: &[Span]) -> io::Result<F0Track> {
    let plan = FramePlan::new(config);
    let extremes = if spans.is_empty() { Extremes { mean: 0.0, peak: 0.0 } } else { Extremes::of(pcm, channel)? };
    let chunks = chunks(config, &plan, pcm.duration_s(), spans);
    let tracked = |chunk: Chunk| Ok(F0Chunk::new(chunk, &track(config, &plan, pcm, channel, chunk, extremes)?));
    let chunks = chunks.into_par_iter().map(tracked).collect::<io::Result<Vec<_>>>()?;
    Ok(F0Track {
        floor_hz: config.floor_hz,
        ceiling_hz: config.ceiling_hz,
        step_s: config.time_step_s,
        peak: extremes.peak,
        chunks,
    })
}

/// Frames `first..end` of the grid: frame `k` has its center at `k * time_step_s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Chunk {
    pub(crate) first: u64,
    pub(crate) end: u64,
}

/// Returns the frames whose center is in speech and whose window is inside the recording, in chunks of at most
/// [`CHUNK_MAX_S`] and of similar length.
fn chunks(config: &PitchConfig, plan: &FramePlan, duration_s: f64, spans: &[Span]) -> Vec<Chunk> {
    let step_s = config.time_step_s;
    let reach_s = (plan.reach() + 1) as f64 / f64::from(SAMPLE_RATE_HZ);
    let mut chunks = Vec::new();
    for span in spans {
        let first = (span.start_s.max(reach_s) / step_s).ceil() as u64;
        let end = (span.end_s.min(duration_s - reach_s) / step_s).ceil().max(0.0) as u64;
        if first >= end {
            continue;
        }
        let frames = end - first;
        let count = (frames as f64 * step_s / CHUNK_MAX_S).ceil().max(1.0) as u64;
        let bound = |i: u64| first + frames * i / count;
        chunks.extend((0..count).map(|i| Chunk { first: bound(i), end: bound(i + 1) }));
    }
    chunks
}

/// Computes F0 of the frames of one chunk.
fn track(
    config: &PitchConfig,
    plan: &FramePlan,
    pcm: &Pcm,
    channel: u16,
    chunk: Chunk,
    extremes: Extremes,
) -> io::Result<Vec<Option<f64>>> {
    let right_of = |k: u64| (k as f64 * config.time_step_s * f64::from(SAMPLE_RATE_HZ)).round() as u64;
    let start = right_of(chunk.first) - plan.reach() as u64;
    let len = right_of(chunk.end - 1) + plan.reach() as u64 - start;
    let samples = pcm.read(usize::from(channel), start, len as usize)?;
    let mut scratch = plan.scratch();
    let frames: Vec<_> = (chunk.first..chunk.end)
        .map(|k| plan.analyze(&samples, (right_of(k) - start) as usize, extremes, &mut scratch))
        .collect();
    Ok(best_path(&frames, config))
}

fn summarize(config: &PitchConfig, track: &F0Track, no_speech: bool) -> PitchValue {
    let mut voiced: Vec<f64> = track.frames().flatten().collect();
    voiced.sort_by(f64::total_cmp);
    let n = voiced.len() as f64;
    let reason = if no_speech { "no speech" } else { "no voiced frame" };
    let share = |count: usize| Measured::from_option((!voiced.is_empty()).then(|| count as f64 / n), reason);
    let floor_hz = config.floor_hz * (1.0 + EDGE_MARGIN);
    let ceiling_hz = config.ceiling_hz * (1.0 - EDGE_MARGIN);
    let at_floor_ratio = share(voiced.partition_point(|&f0| f0 <= floor_hz));
    let at_ceiling_ratio = share(voiced.len() - voiced.partition_point(|&f0| f0 < ceiling_hz));
    let errors = |chunk: &F0Chunk| octave_errors(&chunk.f0_hz().collect::<Vec<_>>(), config.time_step_s);
    let octave_error_ratio = share(track.chunks.iter().map(errors).sum());
    let validity = Validity {
        voiced_s: n * config.time_step_s,
        at_floor: at_floor_ratio.value.unwrap_or(0.0),
        at_ceiling: at_ceiling_ratio.value.unwrap_or(0.0),
        octave_errors: octave_error_ratio.value.unwrap_or(0.0),
    };
    let limit = validity.limit();
    let any = |value: &dyn Fn() -> f64| match voiced.is_empty() {
        true => Measured::missing(reason),
        false => Measured { value: Some(value()), reason: limit.clone() },
    };
    let mean = voiced.iter().sum::<f64>() / n;
    let variance = voiced.iter().map(|f0| (f0 - mean).powi(2)).sum::<f64>() / (n - 1.0);
    PitchValue {
        floor_hz: config.floor_hz,
        ceiling_hz: config.ceiling_hz,
        speech_frames: track.frames().count() as u64,
        voiced_frames: voiced.len() as u64,
        f0_mean_hz: any(&|| mean),
        f0_median_hz: any(&|| quantile(&voiced, 0.5)),
        f0_sd_hz: match voiced.len() {
            1 => Measured::missing("a single voiced frame"),
            _ => any(&|| variance.sqrt()),
        },
        f0_p05_hz: any(&|| quantile(&voiced, 0.05)),
        f0_p95_hz: any(&|| quantile(&voiced, 0.95)),
        f0_range_semitones: any(&|| 12.0 * (quantile(&voiced, 0.95) / quantile(&voiced, 0.05)).log2()),
        at_floor_ratio,
        at_ceiling_ratio,
        octave_error_ratio,
    }
}

/// A quantile of ascending values, with linear interpolation.
pub(crate) fn quantile(ascending: &[f64], share: f64) -> f64 {
    let place = share * (ascending.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(ascending.len() - 1);
    ascending[below] + (place - below as f64) * (ascending[above] - ascending[below])
}

#[cfg(test)]
mod tests;
