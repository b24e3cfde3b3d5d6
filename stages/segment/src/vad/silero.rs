//! Silero VAD as a detector.

use std::collections::BTreeMap;
use std::path::Path;

use models::ModelError;
use models::silero::{FRAME, Silero, SileroStream};
use stage_core::VadIdentity;

use super::{Detection, Vad};
use crate::config::SILERO;
use crate::error::SegmentError;

/// The detector with its network.
#[derive(Debug)]
pub(crate) struct SileroVad(Silero);

impl SileroVad {
    /// Loads the weights inside the program.
    pub(crate) fn embedded() -> Result<Self, SegmentError> {
        Silero::embedded().map(Self).map_err(SegmentError::Model)
    }

    /// Loads the weights from a safetensors file.
    pub(crate) fn load(path: &Path) -> Result<Self, SegmentError> {
        Silero::load(path).map(Self).map_err(SegmentError::Model)
    }
}

impl Vad for SileroVad {
    fn identity(&self) -> VadIdentity {
        VadIdentity { name: SILERO.to_owned(), model_sha256: Some(self.0.sha256().to_owned()) }
    }

    fn model_files(&self) -> BTreeMap<String, String> {
        [(self.0.file().to_owned(), self.0.sha256().to_owned())].into()
    }

    fn frame(&self) -> usize {
        FRAME
    }

    fn depends_on_level(&self) -> bool {
        true
    }

    fn detection(&self) -> Box<dyn Detection + '_> {
        Box::new(self.0.stream())
    }
}

impl Detection for SileroStream<'_> {
    fn push(&mut self, samples: &[f32]) -> Result<(), SegmentError> {
        SileroStream::push(self, samples).map_err(inference)
    }

    fn finish(self: Box<Self>, _levels: &[f32]) -> Result<Vec<f32>, SegmentError> {
        SileroStream::finish(*self).map_err(inference)
    }
}

fn inference(error: ModelError) -> SegmentError {
    SegmentError::Inference(error)
}
