//! Quality of the signal at the file's own rate: loudness, noise, band and dropouts.

mod band;
mod dropouts;
mod loudness;
mod noise;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::{Measured, PipelineError, Span};

use self::band::Band;
use self::dropouts::Dropouts;
use self::loudness::Loudness;
use self::noise::Noise;
use super::{Channel, Measure, NoSettings};

/// Quality of the whole channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Quality")]
pub(crate) struct QualityValue {
    /// Integrated loudness of the channel alone (ITU-R BS.1770-4, EBU R 128), with gates.
    #[schemars(extend("unit" = "LUFS"))]
    loudness_lufs: Measured,
    /// Largest magnitude between samples (ITU-R BS.1770-4). Above 0, players clip.
    #[schemars(extend("unit" = "dBTP"))]
    true_peak_dbtp: Measured,
    /// Power of the speech over the power of the noise. The noise is the median of the frames outside detected speech;
    /// its power is taken off that of the frames inside.
    #[schemars(extend("unit" = "dB"))]
    snr_db: Measured,
    /// Median level outside detected speech.
    #[schemars(extend("unit" = "dBFS"))]
    noise_dbfs: Measured,
    /// Highest frequency with sound: where the spectrum falls steeply, or else where it is 60 dB below its maximum.
    #[schemars(extend("unit" = "Hz"))]
    bandwidth_hz: Measured,
    /// Frequency above which a filter or a codec removed the sound: a fall of the spectrum by 20 dB within 300 Hz, with
    /// nothing above it.
    #[schemars(extend("unit" = "Hz"))]
    cutoff_hz: Measured,
    /// Number of dropouts: 10 ms to 1 s in which the sound vanishes abruptly and returns abruptly.
    #[schemars(extend("unit" = "count"))]
    dropout_count: u64,
    /// The dropouts by time, at most the first 1,000.
    dropouts: Vec<Place>,
}

/// An interval of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Place {
    /// Start in the recording.
    #[schemars(extend("unit" = "s"))]
    pub(crate) start_s: f64,
    /// End in the recording.
    #[schemars(extend("unit" = "s"))]
    pub(crate) end_s: f64,
}

impl From<&Span> for Place {
    fn from(span: &Span) -> Self {
        Self { start_s: span.start_s, end_s: span.end_s }
    }
}

/// The measure. It reads the samples at the file's own rate.
#[derive(Debug)]
pub(crate) struct Quality {
    loudness: Loudness,
    noise: Noise,
    band: Band,
    dropouts: Dropouts,
}

impl Measure for Quality {
    const NAME: &'static str = "quality";
    const DESCRIPTION: &'static str = "Loudness, noise, band and dropouts of the signal.";
    type Settings = NoSettings;
    type Value = QualityValue;

    fn begin(_settings: &NoSettings, channel: &Channel<'_>) -> Self {
        let rate_hz = channel.native_rate_hz;
        Self {
            loudness: Loudness::new(rate_hz),
            noise: Noise::new(rate_hz, channel.spans()),
            band: Band::new(rate_hz),
            dropouts: Dropouts::new(rate_hz),
        }
    }

    fn add(&mut self, samples: &[f32]) {
        self.loudness.add(samples);
        self.noise.add(samples);
        self.band.add(samples);
        self.dropouts.add(samples);
    }

    fn finish(self, _settings: &NoSettings, _channel: &Channel<'_>) -> Result<QualityValue, PipelineError> {
        let (dropout_count, dropouts) = self.dropouts.finish();
        let (snr_db, noise_dbfs) = self.noise.finish();
        let (bandwidth_hz, cutoff_hz) = self.band.finish();
        let (loudness_lufs, true_peak_dbtp) = self.loudness.finish();
        Ok(QualityValue {
            loudness_lufs,
            true_peak_dbtp,
            snr_db,
            noise_dbfs,
            bandwidth_hz,
            cutoff_hz,
            dropout_count,
            dropouts,
        })
    }
}
