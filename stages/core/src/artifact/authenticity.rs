//! Authenticity cues: places where a trace of editing may be. A cue is not a verdict: each lists what else can leave the
//! trace.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Measured;

/// The authenticity cues of a recording, with what was examined.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AuthenticityRecord {
    /// Cues by kind and start.
    pub cues: Vec<AuthenticityCue>,
    /// Kinds that were examined without a cue. A kind that is in neither list was not examined.
    pub without_cue: Vec<CueKind>,
}

/// A trace at a place of a channel, or in the container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuthenticityCue {
    /// What it is a trace of.
    pub kind: CueKind,
    /// Channel, from 0; null for a cue of the container.
    pub channel: Option<u16>,
    /// Start of the place, in seconds; null if the cue has no place.
    pub start_s: Option<f64>,
    /// End of the place, in seconds.
    pub end_s: Option<f64>,
    /// Start of the other place of a copied segment, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_start_s: Option<f64>,
    /// What was measured, in [`unit`](Self::unit); null with a reason for statements of the container, which are not
    /// measured.
    pub strength: Measured,
    /// Unit of the strength.
    pub unit: String,
    /// Strength above which a cue is listed, in the same unit. For cues of the sound with a place it depends on the length,
    /// and 5 % of untouched recordings have any of them, all kinds together, as measured on the tuning recordings of
    /// `benches/authenticity` of up to 10 minutes, and extrapolated beyond. For cues of the whole sound 5 % have a cue of
    /// that kind. Null with a reason if it was not measured.
    pub threshold: Measured,
    /// What the cue states ("mvhd was created 2 h after the time in the file name").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What else can leave the trace.
    pub alternatives: Vec<String>,
}

/// What a cue is a trace of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CueKind {
    /// The same waveform at two places.
    CopiedSegment,
    /// The phase of mains hum jumps.
    HumPhaseJump,
    /// The noise floor of all bands, or all harmonics of mains hum, rise or fall at once.
    LevelStep,
    /// The background noise falls for a moment below what it falls to on both sides.
    NoiseGap,
    /// A gap far below the noise around it.
    DigitalSilence,
    /// The frame grid of an AAC encoding that is not the last one.
    EarlierEncoding,
    /// The frame grid of an MP3 encoding that is not the last one.
    EarlierMp3Encoding,
    /// The frame grid of an earlier AAC encoding changes.
    FrameGridChange,
    /// The frame grid of an AAC encoding at 16 kHz in a recording of another rate.
    EarlierEncodingAtOtherRate,
    /// The frame grid of an earlier AAC encoding at 16 kHz changes, in a recording of another rate.
    FrameGridChangeAtOtherRate,
    /// Times in the container or in the file name disagree.
    TimesDisagree,
    /// The container names a program or device that the file name's recorder does not use.
    EncoderDisagrees,
    /// The container's structure is not that of a recorder that wrote the file once.
    ContainerStructure,
}
