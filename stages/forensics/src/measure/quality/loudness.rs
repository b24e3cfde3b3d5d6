//! Loudness and true peak, by the crate `ebur128`.

use std::fmt;

use ebur128::{EbuR128, Mode};
use stage_core::Measured;

const UNSUPPORTED: &str = "the meter does not support the sample rate";

/// Quieter blocks are gated out (ITU-R BS.1770-4), in LUFS.
const GATE_LUFS: f64 = -70.0;

/// Samples that the meter of the true peak gets at once, and those before them that its filter needs (12, of which 24 are
/// enough).
const BLOCK: usize = 256;
const BEFORE: usize = 24;
/// No interpolated value is this much larger than the samples around it: the magnitudes of the filter's taps add up to
/// less.
const LARGEST_GAIN: f64 = 2.5;

/// A meter of one channel.
pub(super) struct Loudness {
    /// `None` if the meter does not support the sample rate.
    meter: Option<EbuR128>,
    true_peak: TruePeak,
}

/// Measures the true peak where it can be larger than before.
struct TruePeak {
    /// `None` if the meter does not support the sample rate.
    meter: Option<EbuR128>,
    /// The last samples, and whether the meter has them.
    before: [f32; BEFORE],
    is_fed: bool,
    peak: f64,
}

impl TruePeak {
    fn new(rate_hz: u32) -> Self {
        let meter = EbuR128::new(1, rate_hz, Mode::TRUE_PEAK).ok();
        Self { meter, before: [0.0; BEFORE], is_fed: true, peak: 0.0 }
    }

    fn add(&mut self, samples: &[f32]) {
        for block in samples.chunks(BLOCK) {
            let bound = LARGEST_GAIN * f64::from(largest(block).max(largest(&self.before)));
            let is_needed = bound > self.peak;
            if is_needed && let Some(peak) = self.peak_of(block) {
                self.peak = self.peak.max(peak);
            }
            self.is_fed = is_needed;
            self.before.rotate_left(block.len().min(BEFORE));
            let last = &block[block.len().saturating_sub(BEFORE)..];
            self.before[BEFORE - last.len()..].copy_from_slice(last);
        }
    }

    fn peak_of(&mut self, block: &[f32]) -> Option<f64> {
        let meter = self.meter.as_mut()?;
        if !self.is_fed {
            meter.add_frames_f32(&self.before).ok()?;
        }
        meter.add_frames_f32(block).ok()?;
        meter.prev_true_peak(0).ok()
    }

    fn finish(self) -> Measured {
        let reason = match self.meter {
            None => UNSUPPORTED,
            Some(_) => "exact digital silence has no level",
        };
        Measured::from_option((self.peak > 0.0).then(|| dsp::dbfs(self.peak)), reason)
    }
}

dsp::vectorized! {
    /// The largest magnitude.
    fn largest<'a>(samples: &'a [f32]) -> f32 {
        let (lanes, rest) = samples.as_chunks::<16>();
        let mut most = [0.0f32; 16];
        for lanes in lanes {
            for (most, x) in most.iter_mut().zip(lanes) {
                *most = if x.abs() > *most { x.abs() } else { *most };
            }
        }
        let mut largest = 0.0;
        for x in most.iter().chain(rest) {
            largest = if x.abs() > largest { x.abs() } else { largest };
        }
        largest
    }
}

impl fmt::Debug for Loudness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loudness").field("supported", &self.meter.is_some()).finish()
    }
}

impl Loudness {
    pub(super) fn new(rate_hz: u32) -> Self {
        Self { meter: EbuR128::new(1, rate_hz, Mode::I).ok(), true_peak: TruePeak::new(rate_hz) }
    }

    pub(super) fn add(&mut self, samples: &[f32]) {
        self.true_peak.add(samples);
        if let Some(meter) = &mut self.meter
            && meter.add_frames_f32(samples).is_err()
        {
            self.meter = None;
        }
    }

    /// Loudness in LUFS and true peak in dBTP.
    pub(super) fn finish(self) -> (Measured, Measured) {
        let true_peak = self.true_peak.finish();
        let Some(meter) = self.meter else {
            return (Measured::missing(UNSUPPORTED), true_peak);
        };
        let loudness = meter.loudness_global().ok().filter(|lufs| lufs.is_finite() && *lufs > GATE_LUFS);
        (Measured::from_option(loudness, "no block of 400 ms is louder than -70 LUFS"), true_peak)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_sine(hz: f64, amplitude: f64, rate_hz: u32) -> (Measured, Measured) {
        let angle = |n: u32| std::f64::consts::TAU * hz * f64::from(n) / f64::from(rate_hz) + 0.785;
        let samples: Vec<f32> = (0..5 * rate_hz).map(|n| (amplitude * angle(n).sin()) as f32).collect();
        let mut loudness = Loudness::new(rate_hz);
        samples.chunks(1_152).for_each(|block| loudness.add(block));
        loudness.finish()
    }

    /// EBU Tech 3341: a sine of 1 kHz with a peak of -23 dBFS in both channels has -23 LUFS; in one it has 3 dB less.
    #[test]
    fn loudness_of_the_reference_sine_is_known() {
        for rate_hz in [8_000, 16_000, 44_100, 48_000] {
            let (loudness, peak) = of_sine(1_000.0, 10.0_f64.powf(-23.0 / 20.0), rate_hz);
            assert!((loudness.value.unwrap() + 26.0).abs() < 0.2, "{rate_hz}: {loudness:?}");
            assert!((peak.value.unwrap() + 23.0).abs() < 0.3, "{rate_hz}: {peak:?}");
        }
    }

    /// At a quarter of the rate and with this phase, no sample is at the peak.
    #[test]
    fn true_peak_is_found_between_samples() {
        let (_, peak) = of_sine(12_000.0, 1.0, 48_000);
        assert!(peak.value.unwrap().abs() < 0.3, "{peak:?}; the samples peak at -3 dBFS");
    }

    /// The whole signal in one meter.
    fn true_peak_of_all(samples: &[f32], rate_hz: u32) -> f64 {
        let mut meter = EbuR128::new(1, rate_hz, Mode::TRUE_PEAK).unwrap();
        meter.add_frames_f32(samples).unwrap();
        dsp::dbfs(meter.true_peak(0).unwrap())
    }

    #[test]
    fn true_peak_is_that_of_a_meter_of_all_samples() {
        let mut random = testkit::Random(3);
        for rate_hz in [8_000, 48_000, 96_000] {
            // Noise whose level rises and falls, so that parts are left out.
            let level = |n: usize| 0.5 + 0.45 * (n as f32 * 0.0007).sin();
            let noise = random.noise(60_000, 1.0);
            let samples: Vec<f32> = noise.iter().enumerate().map(|(n, x)| x * level(n)).collect();
            let mut meter = TruePeak::new(rate_hz);
            samples.chunks(1_000).for_each(|block| meter.add(block));
            assert_eq!(meter.finish().value, Some(true_peak_of_all(&samples, rate_hz)), "{rate_hz}");
        }
    }

    /// The signal whose signs are those of the taps has the largest gain.
    #[test]
    fn gain_of_the_true_peak_is_below_its_bound() {
        for rate_hz in [8_000, 48_000, 96_000] {
            let alternating = |side: i32| move |n: i32| if (n < side) ^ (n % 2 == 0) { 1.0 } else { -1.0 };
            for side in 40..44 {
                let samples: Vec<f32> = (0..80).map(alternating(side)).collect();
                let gain = 10.0_f64.powf(true_peak_of_all(&samples, rate_hz) / 20.0);
                assert!((1.2..LARGEST_GAIN).contains(&gain), "{rate_hz}: {gain}");
            }
        }
    }

    #[test]
    fn loudness_of_fixtures_agrees_with_pyloudnorm() {
        compare(&["en", "ko", "fsdd"].map(|folder| testkit::fixture("speech").join(folder)));
    }

    #[test]
    #[ignore = "needs ../shared"]
    fn loudness_of_telephone_and_talk_agrees_with_pyloudnorm() {
        compare(&["en", "ko", "phone", "ko/talk"].map(testkit::shared));
    }

    /// Compares the loudness of the mono recordings of folders. Those shorter than 400 ms, one block, have none.
    fn compare(folders: &[std::path::PathBuf]) {
        let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
        let wavs = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "wav"));
        let recordings = wavs.map(|path| (testkit::Wav::read(&path), path));
        let is_long = |wav: &testkit::Wav| wav.channels == 1 && wav.samples.len() as f64 > 0.4 * f64::from(wav.rate_hz);
        let recordings: Vec<_> = recordings.filter(|(wav, _)| is_long(wav)).collect();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/loudness.py");
        let paths: Vec<_> = recordings.iter().map(|(_, path)| path.as_os_str()).collect();
        let Some(output) = testkit::python(script, &paths) else { return };
        let known: Vec<Option<f64>> = serde_json::from_slice(&output).unwrap();
        let mut worst = 0.0_f64;
        for ((wav, path), known) in recordings.iter().zip(&known) {
            let mut loudness = Loudness::new(wav.rate_hz);
            wav.samples.chunks(1_152).for_each(|block| loudness.add(block));
            let found = loudness.finish().0.value;
            let distance = found.zip(*known).map_or(f64::INFINITY, |(a, b)| (a - b).abs());
            assert!(distance < 0.1 || found.is_none() && known.is_none(), "{}: {found:?}, {known:?}", path.display());
            worst = worst.max(if distance.is_finite() { distance } else { 0.0 });
        }
        println!("{} recordings, worst {worst:.3} LU", known.len());
        assert!(known.len() >= 40);
    }

    #[test]
    fn loudness_of_silence_is_missing() {
        let (loudness, peak) = of_sine(1_000.0, 0.0, 8_000);
        assert_eq!((loudness.value, peak.value), (None, None));
    }
}
