//! Voice activity detectors.

mod energy;
mod off;
mod silero;

use std::collections::BTreeMap;
use std::fmt::Debug;

use stage_core::VadIdentity;

use crate::error::SegmentError;

pub(crate) use energy::EnergyVad;
pub(crate) use off::NoVad;
pub(crate) use silero::SileroVad;

/// A detector: processes a channel from start to end and assigns each frame a probability of speech.
pub(crate) trait Vad: Debug + Send + Sync {
    /// Name of the detector and hash of its model.
    fn identity(&self) -> VadIdentity;

    /// SHA-256 of the files of its model, by file name.
    fn model_files(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Samples in one frame, at 16 kHz.
    fn frame(&self) -> usize;

    /// Whether it finds less speech in quiet sound.
    fn depends_on_level(&self) -> bool {
        false
    }

    /// Starts detection at the beginning of a channel.
    fn detection(&self) -> Box<dyn Detection + '_>;
}

/// The detection in progress of one channel.
pub(crate) trait Detection {
    /// Processes the next samples. Blocks may have any length.
    fn push(&mut self, samples: &[f32]) -> Result<(), SegmentError>;

    /// Returns the probabilities of all frames, 0 to 1. The last frame may be short. `levels` are those of the whole
    /// channel (see [`crate::channel::ChannelAnalysis::levels`]).
    fn finish(self: Box<Self>, levels: &[f32]) -> Result<Vec<f32>, SegmentError>;
}
