//! Measures a channel in one pass: its levels and its probabilities of speech.

use dsp::LevelMeter;
use stage_core::{Pcm, SAMPLE_RATE_HZ};

use crate::error::SegmentError;
use crate::vad::Vad;

/// Number of samples in memory at once: 16 s.
pub(crate) const BLOCK: usize = 1 << 18;
/// Samples between two levels: 10 ms.
pub(crate) const LEVEL_HOP: usize = 160;
/// Band of the levels in Hz: the telephone band without hum.
const BAND_HZ: (f64, f64) = (200.0, 3800.0);

/// The measurements of one channel: 500 bytes per second of audio.
#[derive(Debug)]
pub(crate) struct ChannelAnalysis {
    /// Band-limited levels in dBFS, [`LEVEL_HOP`] apart.
    pub(crate) levels: Vec<f32>,
    /// Speech probability of each frame of the detector.
    pub(crate) probabilities: Vec<f32>,
    /// Samples in a frame of the detector.
    pub(crate) frame: usize,
    /// Samples in the channel.
    pub(crate) samples: u64,
}

impl ChannelAnalysis {
    pub(crate) fn measure(vad: &dyn Vad, pcm: &Pcm, channel: u16) -> Result<Self, SegmentError> {
        let mut meter = LevelMeter::new(f64::from(SAMPLE_RATE_HZ), BAND_HZ.0, BAND_HZ.1, LEVEL_HOP);
        let mut detection = vad.detection();
        for block in pcm.blocks(channel.into(), BLOCK) {
            let block = block?;
            meter.push(&block);
            detection.push(&block)?;
        }
        let levels = meter.finish();
        let probabilities = detection.finish(&levels)?;
        Ok(Self { levels, probabilities, frame: vad.frame(), samples: pcm.frames() })
    }
}
