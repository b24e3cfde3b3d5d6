//! The decoder proper (EN 300 961, 5.3): pulses, long-term and short-term synthesis, de-emphasis.
//!
//! All arithmetic is that of the standard: 16 bits, saturated, with rounded products. So the output does not depend on
//! the machine and equals that of every conforming decoder.

use super::FRAME_SAMPLES;
use super::frame::{Frame, ORDER, PULSES, SUBFRAMES, Subframe};

/// Samples of a subframe.
const SUBFRAME_SAMPLES: usize = FRAME_SAMPLES / SUBFRAMES;
/// Samples of the past excitation that a lag may reach.
const HISTORY: usize = 120;
/// Lags that a coder sends. Others repeat the last valid one.
const LAGS: std::ops::RangeInclusive<i16> = 40..=120;
/// Gains of the long-term predictor (table 5.3b, QLB), in units of 2^-15.
const GAINS: [i16; 4] = [3_277, 11_469, 21_299, 32_767];
/// Mantissas of the largest pulse (table 5.6, FAC), in units of 2^-15.
const MANTISSAS: [i16; 8] = [18_431, 20_479, 22_527, 24_575, 26_623, 28_671, 30_719, 32_767];
/// Smallest code of each log area ratio (table 5.1, MIC).
const RATIO_MIN: [i16; ORDER] = [-32, -32, -16, -16, -8, -8, -4, -4];
/// Offset of each log area ratio (table 5.1, B).
const RATIO_OFFSET: [i16; ORDER] = [0, 0, 2_048, -2_560, 94, -1_792, -341, -1_144];
/// Step of each log area ratio (table 5.2, INVA), in units of 2^-15.
const RATIO_STEP: [i16; ORDER] = [13_107, 13_107, 13_107, 13_107, 19_223, 17_476, 31_454, 29_708];
/// De-emphasis of 0.86, in units of 2^-15.
const DE_EMPHASIS: i16 = 28_180;
/// The ends of the four intervals of a frame with coefficients of their own.
const INTERPOLATED_TO: [usize; 4] = [13, 27, 40, FRAME_SAMPLES];

/// The state of the decoder between frames.
#[derive(Debug, Clone)]
pub(super) struct Synthesis {
    /// Past excitation, and after it that of the current subframe (drp).
    excitation: [i16; HISTORY + SUBFRAME_SAMPLES],
    /// Last valid lag (nrp).
    lag: i16,
    /// Log area ratios of the last frame (LARpp).
    ratios: [i16; ORDER],
    /// Memory of the lattice filter (v).
    lattice: [i16; ORDER + 1],
    /// Last sample of the de-emphasis (msr).
    last: i16,
}

impl Default for Synthesis {
    fn default() -> Self {
        let excitation = [0; HISTORY + SUBFRAME_SAMPLES];
        Self { excitation, lag: *LAGS.start(), ratios: [0; ORDER], lattice: [0; ORDER + 1], last: 0 }
    }
}

impl Synthesis {
    /// Decodes the next frame. The lowest three bits of the samples are 0.
    pub(super) fn decode(&mut self, frame: &Frame) -> [i16; FRAME_SAMPLES] {
        let mut samples = [0; FRAME_SAMPLES];
        for (subframe, residual) in frame.subframes.iter().zip(samples.chunks_exact_mut(SUBFRAME_SAMPLES)) {
            residual.copy_from_slice(self.long_term(subframe));
        }
        self.short_term(&frame.ratios, &mut samples);
        for sample in &mut samples {
            self.last = sample.saturating_add(product(self.last, DE_EMPHASIS));
            *sample = self.last.saturating_add(self.last) & !7;
        }
        samples
    }

    /// Adds the pulses of a subframe to its prediction from the past (5.3.1, 5.3.2), and returns its excitation.
    fn long_term(&mut self, subframe: &Subframe) -> &[i16] {
        if LAGS.contains(&subframe.lag) {
            self.lag = subframe.lag;
        }
        let mut pulses = [0; SUBFRAME_SAMPLES];
        for (index, pulse) in decode_pulses(subframe).into_iter().enumerate() {
            pulses[subframe.grid + 3 * index] = pulse;
        }
        self.excitation.copy_within(SUBFRAME_SAMPLES.., 0);
        for (index, pulse) in pulses.into_iter().enumerate() {
            let at = HISTORY + index;
            let predicted = product(GAINS[subframe.gain], self.excitation[at - self.lag as usize]);
            self.excitation[at] = pulse.saturating_add(predicted);
        }
        &self.excitation[HISTORY..]
    }

    /// Filters the excitation of a frame in place (5.3.3).
    fn short_term(&mut self, coded: &[i16; ORDER], samples: &mut [i16; FRAME_SAMPLES]) {
        let old = std::mem::replace(&mut self.ratios, decode_ratios(coded));
        let mut from = 0;
        for (interval, to) in INTERPOLATED_TO.into_iter().enumerate() {
            let reflections = std::array::from_fn(|i| reflection(interpolated(old[i], self.ratios[i], interval)));
            samples[from..to].iter_mut().for_each(|sample| *sample = self.filter(&reflections, *sample));
            from = to;
        }
    }

    /// One step of the lattice filter.
    fn filter(&mut self, reflections: &[i16; ORDER], input: i16) -> i16 {
        let mut output = input;
        for i in (0..ORDER).rev() {
            output = output.saturating_sub(product(reflections[i], self.lattice[i]));
            self.lattice[i + 1] = self.lattice[i].saturating_add(product(reflections[i], output));
        }
        self.lattice[0] = output;
        output
    }
}

/// The pulses of a subframe (5.3.1: inverse APCM quantization).
fn decode_pulses(subframe: &Subframe) -> [i16; PULSES] {
    let (exponent, mantissa) = exponent_and_mantissa(subframe.largest);
    let (factor, shift) = (MANTISSAS[mantissa], 6 - exponent);
    // Half a step, to round; the largest pulses have steps of 1.
    let half = if shift > 0 { 1 << (shift - 1) } else { 0 };
    subframe.pulses.map(|code| product(factor, (2 * code - 7) << 12).saturating_add(half) >> shift)
}

/// Exponent (-4 to 6) and mantissa (0 to 7) of a coded size of the largest pulse (5.2.15).
fn exponent_and_mantissa(largest: i16) -> (i16, usize) {
    let mut exponent = if largest > 15 { (largest >> 3) - 1 } else { 0 };
    let mut mantissa = largest - (exponent << 3);
    if mantissa == 0 {
        return (-4, 7);
    }
    while mantissa <= 7 {
        mantissa = mantissa << 1 | 1;
        exponent -= 1;
    }
    (exponent, (mantissa - 8) as usize)
}

/// The log area ratios of a frame (5.2.8).
fn decode_ratios(coded: &[i16; ORDER]) -> [i16; ORDER] {
    std::array::from_fn(|i| {
        let scaled = ((coded[i] + RATIO_MIN[i]) << 10).saturating_sub(RATIO_OFFSET[i] << 1);
        let half = product(RATIO_STEP[i], scaled);
        half.saturating_add(half)
    })
}

/// The ratio in one of the four intervals of a frame, between that of the last frame and its own (5.2.9.1).
const fn interpolated(old: i16, new: i16, interval: usize) -> i16 {
    match interval {
        0 => (old >> 2).saturating_add(new >> 2).saturating_add(old >> 1),
        1 => (old >> 1).saturating_add(new >> 1),
        2 => (old >> 2).saturating_add(new >> 2).saturating_add(new >> 1),
        _ => new,
    }
}

/// The reflection coefficient of a log area ratio (5.2.9.2), in units of 2^-15.
const fn reflection(ratio: i16) -> i16 {
    let size = ratio.saturating_abs();
    let size = match size {
        ..11_059 => size << 1,
        11_059..20_070 => size + 11_059,
        _ => (size >> 2).saturating_add(26_112),
    };
    if ratio < 0 { -size } else { size }
}

/// The rounded product of two numbers in units of 2^-15 (mult_r), saturated.
fn product(a: i16, b: i16) -> i16 {
    let rounded = (i32::from(a) * i32::from(b) + (1 << 14)) >> 15;
    rounded.min(i32::from(i16::MAX)) as i16
}
