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
    /// The analyzed intervals, by time.
    pub(crate) chunks: Vec<F0Chunk>,
}

/// F0 of successive frames. Four bytes per frame: the track is the only part of the measurement that grows with the frames.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct F0Chunk {
    /// The frames.
    pub(crate) frames: Chunk,
    /// In Hz; 0 where a frame is unvoiced.
    f0_hz: Vec<f32>,
}

impl F0Chunk {
    pub(crate) fn new(frames: Chunk, f0_hz: &[Option<f64>]) -> Self {
        Self { frames, f0_hz: f0_hz.iter().map(|f0_hz| f0_hz.unwrap_or(0.0) as f32).collect() }
    }

    /// F0 of each frame in Hz; `None` where it is unvoiced.
    pub(crate) fn f0_hz(&self) -> impl Iterator<Item = Option<f64>> + '_ {
        self.f0_hz.iter().map(|f0_hz| (*f0_hz > 0.0).then_some(f64::from(*f0_hz)))
    }
}

impl F0Track {
    /// F0 of all frames in speech.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Option<f64>> {
        self.chunks.iter().flat_map(F0Chunk::f0_hz)
    }

    /// A track of frames 10 ms apart from frame `first` on, searched from 75 to 500 Hz.
    #[cfg(test)]
    pub(crate) fn of_frames(first: u64, f0_hz: &[Option<f64>]) -> Self {
        let frames = Chunk { first, end: first + f0_hz.len() as u64 };
        let chunks = vec![F0Chunk::new(frames, f0_hz)];
        Self { floor_hz: 75.0, ceiling_hz: 500.0, step_s: 0.01, peak: 1.0, chunks }
    }
}
