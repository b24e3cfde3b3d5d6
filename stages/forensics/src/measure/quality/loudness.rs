//! Loudness and true peak, by the crate `ebur128`.

use std::fmt;

use ebur128::{EbuR128, Mode};
use stage_core::Measured;

/// Quieter blocks are gated out (ITU-R BS.1770-4), in LUFS.
const GATE_LUFS: f64 = -70.0;

/// A meter of one channel.
pub(super) struct Loudness {
    /// `None` if the meter does not support the sample rate.
    meter: Option<EbuR128>,
}

impl fmt::Debug for Loudness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loudness").field("supported", &self.meter.is_some()).finish()
    }
}

impl Loudness {
    pub(super) fn new(rate_hz: u32) -> Self {
        Self { meter: EbuR128::new(1, rate_hz, Mode::I | Mode::TRUE_PEAK).ok() }
    }

    pub(super) fn add(&mut self, samples: &[f32]) {
        if let Some(meter) = &mut self.meter
            && meter.add_frames_f32(samples).is_err()
        {
            self.meter = None;
        }
    }

    /// Loudness in LUFS and true peak in dBTP.
    pub(super) fn finish(self) -> (Measured, Measured) {
        let Some(meter) = self.meter else {
            let missing = || Measured::missing("the meter does not support the sample rate");
            return (missing(), missing());
        };
        let loudness = meter.loudness_global().ok().filter(|lufs| lufs.is_finite() && *lufs > GATE_LUFS);
        let peak = meter.true_peak(0).ok().filter(|peak| *peak > 0.0);
        (
            Measured::from_option(loudness, "no block of 400 ms is louder than -70 LUFS"),
            Measured::from_option(peak.map(dsp::dbfs), "exact digital silence has no level"),
        )
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
