//! Voice activity detectors.

mod energy;
mod off;
mod silero;

use std::fmt::Debug;

use stage_core::VadIdentity;

use crate::error::SegmentError;

pub(crate) use energy::EnergyVad;
pub(crate) use off::NoVad;
pub(crate) use silero::SileroVad;

/// A detector: processes one channel from its start to its end and gives each frame a probability of speech.
pub(crate) trait Vad: Debug + Send + Sync {
    /// Name and model.
    fn identity(&self) -> VadIdentity;

    /// Samples in one frame, at 16 kHz.
    fn frame(&self) -> usize;

    /// The detection at the start of one channel.
    fn detection(&self) -> Box<dyn Detection + '_>;
}

/// A detector in the middle of a channel.
pub(crate) trait Detection {
    /// Processes the next samples; blocks may have any length.
    fn push(&mut self, samples: &[f32]) -> Result<(), SegmentError>;

    /// The probabilities of all frames, 0 to 1; the last frame may have been short. `levels` are those of the whole
    /// channel (see [`crate::channel::ChannelAnalysis::levels`]).
    fn finish(self: Box<Self>, levels: &[f32]) -> Result<Vec<f32>, SegmentError>;
}
