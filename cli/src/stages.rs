//! The five stages of a run, built from its settings, and the fingerprints that follow from them.

use std::str::FromStr;

use align::{AlignConfig, Aligner};
use decode::{DecodeConfig, Decoder};
use forensics::{Forensics, ForensicsConfig};
use segment::{SegmentConfig, Segmenter, VadChoice};
use stage_core::{Identity, Stage, StageError, StageKey, StageKind};
use transcribe::{ModelError, ModelFiles, ModelSource, TranscribeConfig, Transcriber};

use crate::settings::{Settings, Vad};

/// All five stages. Cheap to build: the model's weights are loaded when the device lane needs them.
pub(crate) struct Stages {
    pub(crate) decoder: Decoder,
    pub(crate) segmenter: Segmenter,
    pub(crate) transcriber: Transcriber,
    pub(crate) aligner: Aligner,
    pub(crate) forensics: Forensics,
}
