//! Sample rate conversion with exact delay compensation.
//!
//! Uses the FFT resampler of rubato: it convolves blocks of the input with a windowed sinc (Blackman-Harris squared) in
//! the frequency domain, and truncates or extends their spectrum to the output rate. With even block sizes the filter
//! is centered on a sample, so its delay is half a block at both rates and output sample `n` is at `n / rate` s.

use crate::error::DecodeError;
use rubato::audioadapter_buffers::direct::{InterleavedSlice, SequentialSliceOfVecs};
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

/// Minimum number of output frames of one FFT block. Longer blocks give a steeper filter: its transition band is about
/// rate * 8 / this.
const BLOCK_FRAMES: u32 = 2048;

/// Converts interleaved frames at one rate to planar frames at another.
pub(crate) struct Resampler {
    fft: Option<Fft<f32>>,
    channels: usize,
    from_hz: u32,
    to_hz: u32,
    pending: Vec<f32>,
    planes: Vec<Vec<f32>>,
    /// Remaining output frames of the filter's delay, which are dropped.
    delay: usize,
    frames_in: u64,
    frames_out: u64,
}

impl Resampler {
    /// Creates a resampler for `channels` channels.
    pub(crate) fn new(from_hz: u32, to_hz: u32, channels: usize) -> Result<Self, DecodeError> {
        let fft = (from_hz != to_hz).then(|| make_fft(from_hz, to_hz, channels)).transpose()?;
        let delay = fft.as_ref().map_or(0, rubato::Resampler::output_delay);
        let block = fft.as_ref().map_or(0, rubato::Resampler::output_frames_max);
        Ok(Self {
            fft,
            channels,
            from_hz,
            to_hz,
            pending: Vec::new(),
            planes: vec![vec![0.0; block]; channels],
            delay,
            frames_in: 0,
            frames_out: 0,
        })
    }

    /// Number of output frames for all input frames so far, rounded.
    fn frames_for(&self) -> u64 {
        let (frames, from, to) = (u128::from(self.frames_in), u128::from(self.from_hz), u128::from(self.to_hz));
        ((frames * to + from / 2) / from) as u64
    }

    /// Resamples interleaved frames and passes finished output to `emit`, one slice per channel.
    pub(crate) fn push<E>(&mut self, interleaved: &[f32], emit: &mut E) -> Result<(), DecodeError>
    where
        E: FnMut(&[&[f32]]) -> Result<(), DecodeError>,
    {
        self.frames_in += (interleaved.len() / self.channels) as u64;
        let Some(fft) = &mut self.fft else {
            for (channel, plane) in self.planes.iter_mut().enumerate() {
                plane.clear();
                plane.extend(interleaved.iter().skip(channel).step_by(self.channels));
            }
            let frames = interleaved.len() / self.channels;
            return self.emit(frames, u64::MAX, emit);
        };
        self.pending.extend_from_slice(interleaved);
        let block = fft.input_frames_next() * self.channels;
        let mut done = 0;
        while self.pending.len() - done >= block {
            let frames = self.process(done)?;
            self.emit(frames, u64::MAX, emit)?;
            done += block;
        }
        self.pending.drain(..done);
        Ok(())
    }

    /// Passes the remaining output to `emit`. The total output is [`Self::frames_for`] the input.
    pub(crate) fn finish<E>(mut self, emit: &mut E) -> Result<(), DecodeError>
    where
        E: FnMut(&[&[f32]]) -> Result<(), DecodeError>,
    {
        let total = self.frames_for();
        while self.frames_out < total {
            let Some(fft) = &self.fft else { break };
            self.pending.resize(fft.input_frames_next() * self.channels, 0.0);
            let frames = self.process(0)?;
            self.emit(frames, total, emit)?;
            self.pending.clear();
        }
        Ok(())
    }

    /// Resamples one block of `pending` from sample `at` on into `planes`.
    fn process(&mut self, at: usize) -> Result<usize, DecodeError> {
        let fault = |error: &dyn std::fmt::Display| DecodeError::Resampler(error.to_string());
        let Some(fft) = &mut self.fft else { return Ok(0) };
        let (frames_in, frames_out) = (fft.input_frames_next(), fft.output_frames_next());
        let input = InterleavedSlice::new(&self.pending[at..], self.channels, frames_in).map_err(|e| fault(&e))?;
        let mut output =
            SequentialSliceOfVecs::new_mut(&mut self.planes, self.channels, frames_out).map_err(|e| fault(&e))?;
        let (_, written) = fft.process_into_buffer(&input, &mut output, None).map_err(|e| fault(&e))?;
        Ok(written)
    }

    /// Emits `frames` frames of `planes`, without the filter's delay and up to a total of `total` frames.
    fn emit<E>(&mut self, frames: usize, total: u64, emit: &mut E) -> Result<(), DecodeError>
    where
        E: FnMut(&[&[f32]]) -> Result<(), DecodeError>,
    {
        let from = self.delay.min(frames);
        self.delay -= from;
        let to = from + (total - self.frames_out).min((frames - from) as u64) as usize;
        if from == to {
            return Ok(());
        }
        self.frames_out += (to - from) as u64;
        let planes: Vec<&[f32]> = self.planes.iter().map(|plane| &plane[from..to]).collect();
        emit(&planes)
    }
}

fn make_fft(from_hz: u32, to_hz: u32, channels: usize) -> Result<Fft<f32>, DecodeError> {
    let gcd = gcd(from_hz, to_hz);
    let (unit_in, unit_out) = (from_hz / gcd, to_hz / gcd);
    let blocks = BLOCK_FRAMES.div_ceil(unit_out).next_multiple_of(2);
    let (from, to) = (from_hz as usize, to_hz as usize);
    let block_in = blocks as usize * unit_in as usize;
    Fft::new_custom(from, to, block_in, 1, channels, WindowFunction::BlackmanHarris2, FixedSync::Both)
        .map_err(|error| DecodeError::Resampler(error.to_string()))
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use stage_core::SAMPLE_RATE_HZ;

    use super::*;
    use std::f64::consts::TAU;

    fn resampled(rate_hz: u32, channels: usize, samples: &[f32], block: usize) -> Vec<Vec<f32>> {
        let mut out = vec![Vec::new(); channels];
        let mut emit = |planes: &[&[f32]]| {
            out.iter_mut().zip(planes).for_each(|(all, plane)| all.extend_from_slice(plane));
            Ok(())
        };
        let mut resampler = Resampler::new(rate_hz, SAMPLE_RATE_HZ, channels).unwrap();
        samples.chunks(block * channels).for_each(|chunk| resampler.push(chunk, &mut emit).unwrap());
        resampler.finish(&mut emit).unwrap();
        out
    }

    #[test]
    fn resample_keeps_time_and_level_of_a_tone_from_every_rate() {
        for rate_hz in [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_056, 44_100, 48_000, 96_000] {
            // A tone of 1 to 3.5 kHz with a slow bell envelope, which shows errors of both delay and gain.
            let tone = |t: f64, hz: f64| (TAU * hz * t).sin() * (-((t - 0.5) / 0.15).powi(2)).exp() * 0.5;
            let interleaved: Vec<f32> = (0..rate_hz)
                .map(|n| f64::from(n) / f64::from(rate_hz))
                .flat_map(|t| [tone(t, 1_000.0) as f32, tone(t, 3_500.0) as f32])
                .collect();
            let planes = resampled(rate_hz, 2, &interleaved, 777);
            for (plane, hz) in planes.iter().zip([1_000.0, 3_500.0]) {
                assert_eq!(plane.len(), 16_000);
                let worst = plane
                    .iter()
                    .enumerate()
                    .map(|(n, &x)| (f64::from(x) - tone(n as f64 / 16_000.0, hz)).abs())
                    .fold(0.0, f64::max);
                assert!(worst < 2e-5, "{rate_hz} Hz, tone of {hz} Hz: off by {worst}");
            }
        }
    }

    #[test]
    fn resample_rounds_the_length_to_the_nearest_frame() {
        for (rate_hz, frames) in [(44_100, 0), (44_100, 1), (44_100, 5), (48_000, 100_001), (8_000, 3), (11_025, 4_097)]
        {
            let planes = resampled(rate_hz, 1, &vec![0.1; frames], 1_000);
            let expected = (frames as f64 * 16_000.0 / f64::from(rate_hz)).round() as usize;
            assert_eq!(planes[0].len(), expected, "{frames} frames at {rate_hz} Hz");
        }
    }

    #[test]
    fn resample_does_not_depend_on_block_sizes() {
        let samples: Vec<f32> = (0..30_000).map(|n| ((n * n) as f32 * 1e-3).sin()).collect();
        let whole = resampled(44_100, 1, &samples, 30_000);
        assert_eq!(resampled(44_100, 1, &samples, 97), whole);
    }
}
