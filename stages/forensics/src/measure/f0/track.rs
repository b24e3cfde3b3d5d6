//! The F0 of a whole channel, for the measures that follow it.

use super::Chunk;

/// F0 of the frames in speech, by time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct F0Track {
    /// Lowest frequency that was searched, in Hz.
    pub(crate) floor_hz: f64,
    /// Highest frequency that was searched, in Hz.
    pub(crate) ceiling_hz: f64,
    /// Interval between two frames, in seconds. Frame `k` of the recording has its center at `k * step_s`.
    pub(crate) step_s: f64,
    /// Largest distance of a sample of the channel from its mean.
    pub(crate) peak: f64,
    /// Runs of frames, and F0 of each in Hz; `None` where a frame is unvoiced.
    pub(crate) chunks: Vec<(Chunk, Vec<Option<f64>>)>,
}

impl F0Track {
    /// F0 of all frames in speech.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Option<f64>> {
        self.chunks.iter().flat_map(|(_, f0)| f0.iter().copied())
    }
}
