//! Spectral change: how much the spectrum after an instant differs from the one before it. Where words touch, their
//! boundary is at a maximum of the change.

use dsp::{ACTIVITY_HOP, LevelMeter};
use stage_core::SAMPLE_RATE_HZ;

/// Bands in Hz: the lowest harmonics, the first and second formant, the third formant, and sibilants.
const BANDS_HZ: [(f64, f64); 6] =
    [(100.0, 400.0), (400.0, 800.0), (800.0, 1500.0), (1500.0, 2500.0), (2500.0, 4000.0), (4000.0, 7000.0)];
/// Levels on either side that are compared: 15 ms.
const SIDE: usize = 3;
/// Lower levels are not speech, in dBFS.
const LOWEST_DBFS: f32 = -70.0;
/// Smaller changes are not a boundary, in dB.
const CLEAR_DB: f32 = 3.0;

/// The spectral change of an interval of a channel, every 5 ms.
#[derive(Debug)]
pub(crate) struct SpectralChange {
    /// First sample.
    origin: i64,
    /// Mean difference of the bands' levels before and after the start of each hop, in dB.
    change_db: Vec<f32>,
}

impl SpectralChange {
    /// Measures samples that start at sample `origin` of their channel.
    pub(crate) fn of_samples(samples: &[f32], origin: i64) -> Self {
        let bands: Vec<Vec<f32>> = BANDS_HZ
            .into_iter()
            .map(|(low_hz, high_hz)| {
                let mut meter = LevelMeter::new(f64::from(SAMPLE_RATE_HZ), low_hz, high_hz, ACTIVITY_HOP);
                meter.push(samples);
                meter.finish().into_iter().map(|level| level.max(LOWEST_DBFS)).collect()
            })
            .collect();
        let mean = |levels: &[f32]| levels.iter().sum::<f32>() / levels.len() as f32;
        let change = |at: usize| {
            let of_band = |levels: &Vec<f32>| (mean(&levels[at..at + SIDE]) - mean(&levels[at - SIDE..at])).abs();
            bands.iter().map(of_band).sum::<f32>() / bands.len() as f32
        };
        let hops = bands[0].len();
        let inside = |at: usize| at >= SIDE && at + SIDE <= hops;
        Self { origin, change_db: (0..hops).map(|at| if inside(at) { change(at) } else { 0.0 }).collect() }
    }

    /// The sample with the largest change within `reach` samples of a boundary. Its distance counts against it, up to
    /// half of the change. `None` if no change is clear.
    pub(crate) fn peak(&self, boundary: i64, reach: i64) -> Option<i64> {
        let hop = ACTIVITY_HOP as i64;
        let index = |sample: i64| ((sample - self.origin) / hop).max(0) as usize;
        let near = index(boundary - reach)..(index(boundary + reach) + 1).min(self.change_db.len());
        let at = |index: usize| self.origin + index as i64 * hop;
        let weighted = |index: usize| {
            let distance = (at(index) - boundary).abs().min(reach) as f32 / reach.max(1) as f32;
            self.change_db[index] * (1.0 - distance / 2.0)
        };
        let best = near.max_by(|a, b| weighted(*a).total_cmp(&weighted(*b)))?;
        (self.change_db[best] >= CLEAR_DB).then(|| at(best))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tones that touch at sample 8000.
    fn tones(first_hz: f32, second_hz: f32) -> Vec<f32> {
        let hz = |n: usize| if n < 8000 { first_hz } else { second_hz };
        (0..16_000).map(|n| 0.3 * (n as f32 * hz(n) / 16_000.0 * std::f32::consts::TAU).sin()).collect()
    }

    #[test]
    fn change_is_found_where_the_spectrum_changes() {
        let change = SpectralChange::of_samples(&tones(300.0, 3000.0), 500);
        for boundary in [8100, 8500, 8900] {
            let peak = change.peak(boundary, 480).unwrap();
            assert!((peak - 8500).abs() <= 160, "{boundary}: {peak}");
        }
        assert_eq!(change.peak(4000, 480), None, "the first tone is steady");
        assert_eq!(SpectralChange::of_samples(&[], 0).peak(0, 480), None);
    }

    #[test]
    fn change_prefers_the_nearer_of_equal_peaks() {
        let mut samples = tones(300.0, 3000.0);
        samples.extend(tones(3000.0, 300.0));
        let change = SpectralChange::of_samples(&samples, 0);
        let near = change.peak(8100, 480).unwrap();
        assert!((near - 8000).abs() <= 160, "{near}");
    }
}
