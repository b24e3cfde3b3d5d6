//! No detector: everything is speech, so that every second is transcribed.

use stage_core::VadIdentity;

use super::{Detection, Vad};
use crate::config::VadChoice;
use crate::error::SegmentError;

/// Samples in a frame: 10 ms.
const FRAME: usize = 160;

#[derive(Debug)]
pub(crate) struct NoVad;

impl Vad for NoVad {
    fn identity(&self) -> VadIdentity {
        VadIdentity { name: VadChoice::Off.name().to_owned(), model_sha256: None }
    }

    fn frame(&self) -> usize {
        FRAME
    }

    fn detection(&self) -> Box<dyn Detection + '_> {
        Box::new(Counter { samples: 0 })
    }
}

struct Counter {
    samples: usize,
}

impl Detection for Counter {
    fn push(&mut self, samples: &[f32]) -> Result<(), SegmentError> {
        self.samples += samples.len();
        Ok(())
    }

    fn finish(self: Box<Self>, _levels: &[f32]) -> Result<Vec<f32>, SegmentError> {
        Ok(vec![1.0; self.samples.div_ceil(FRAME)])
    }
}
