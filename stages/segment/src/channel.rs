//! Measures a channel: its levels and its probabilities of speech.

use std::io;

use dsp::{LevelMeter, QUIET_SPEECH_DBFS};
use stage_core::{Pcm, SAMPLE_RATE_HZ};

use crate::error::SegmentError;
use crate::spans::Run;
use crate::vad::Vad;

/// Number of samples in memory at once: 16 s.
pub(crate) const BLOCK: usize = 1 << 18;
/// Samples between two levels: 10 ms.
pub(crate) const LEVEL_HOP: usize = 160;
/// Band of the levels in Hz: the telephone band without hum.
pub(crate) const BAND_HZ: (f64, f64) = (200.0, 3800.0);

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

/// Measures the band-limited levels of a channel.
pub(crate) fn levels(pcm: &Pcm, channel: usize) -> io::Result<Vec<f32>> {
    let mut meter = LevelMeter::new(f64::from(SAMPLE_RATE_HZ), BAND_HZ.0, BAND_HZ.1, LEVEL_HOP);
    for block in pcm.blocks(channel, BLOCK) {
        meter.push(&block?);
    }
    Ok(meter.finish())
}

impl ChannelAnalysis {
    /// Runs the detector on a channel with these levels.
    pub(crate) fn detect(vad: &dyn Vad, pcm: &Pcm, channel: usize, levels: Vec<f32>) -> Result<Self, SegmentError> {
        let mut detection = vad.detection();
        for block in pcm.blocks(channel, BLOCK) {
            detection.push(&block?)?;
        }
        let probabilities = detection.finish(&levels)?;
        Ok(Self { levels, probabilities, frame: vad.frame(), samples: pcm.frames() })
    }

    /// Whether all sound of a run is quiet.
    pub(crate) fn is_quiet(&self, run: &Run) -> bool {
        let levels = run.start as usize / LEVEL_HOP..(run.end as usize).div_ceil(LEVEL_HOP).min(self.levels.len());
        self.levels[levels].iter().all(|level| *level < QUIET_SPEECH_DBFS)
    }
}
