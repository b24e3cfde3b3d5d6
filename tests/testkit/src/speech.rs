//! Spoken digits (Free Spoken Digit Dataset) at 16 kHz.

use std::f32::consts::PI;
use std::path::Path;

use crate::Wav;

/// Speakers of the digits.
pub const DIGIT_SPEAKERS: [&str; 4] = ["george", "jackson", "lucas", "nicolas"];
/// The takes of each digit that are among the fixtures.
pub const DIGIT_TAKES: std::ops::Range<usize> = 2..5;

/// One digit of a folder with the file names of the dataset, at 16 kHz.
///
/// # Panics
/// If the file is missing or is not mono at 8 kHz.
#[must_use]
pub fn digit(folder: &Path, digit: usize, speaker: &str, take: usize) -> Vec<f32> {
    doubled(&Wav::read_mono(&folder.join(format!("{digit}_{speaker}_{take}.wav")), 8_000))
}

/// Samples at twice the rate: a windowed sinc of 32 taps interpolates every second one.
#[must_use]
pub fn doubled(samples: &[f32]) -> Vec<f32> {
    let between = |at: usize| -> f32 {
        let tap = |k: isize| {
            let distance = k as f32 - 0.5;
            let window = 0.5 + 0.5 * (PI * distance / 16.0).cos();
            let sinc = (PI * distance).sin() / (PI * distance);
            usize::try_from(at as isize + k).ok().and_then(|at| samples.get(at)).map_or(0.0, |x| x * sinc * window)
        };
        (-15..=16).map(tap).sum()
    };
    (0..samples.len()).flat_map(|at| [samples[at], between(at)]).collect()
}

/// The part of a clip from the first to the last of its frames within `below_peak_db` of the loudest one.
#[must_use]
pub fn sounding(clip: &[f32], frame: usize, below_peak_db: f32) -> &[f32] {
    let power = |frame: &[f32]| frame.iter().map(|x| x * x).sum::<f32>() / frame.len() as f32;
    let levels: Vec<f32> = clip.chunks(frame).map(power).collect();
    let floor = levels.iter().copied().fold(0.0, f32::max) * 10f32.powf(-below_peak_db / 10.0);
    let is_loud = |level: &f32| *level >= floor;
    let first = levels.iter().position(is_loud).unwrap_or(0);
    let last = levels.iter().rposition(is_loud).unwrap_or(0);
    &clip[first * frame..((last + 1) * frame).min(clip.len())]
}
