//! The five stages and the phases of their work.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the five stages, in the order of the data's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageKind {
    /// Container and codec to PCM at 16 kHz.
    Decode,
    /// PCM to speech spans and windows.
    Segment,
    /// Windows to text with token times.
    Transcribe,
    /// Tokens to words with refined times.
    Align,
    /// Everything before to the forensic record.
    Forensics,
}

impl StageKind {
    /// All stages in the order in which they run.
    pub const ALL: [Self; 5] = [Self::Decode, Self::Segment, Self::Transcribe, Self::Align, Self::Forensics];

    /// The name used on the command line, in the store and in exports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Segment => "segment",
            Self::Transcribe => "transcribe",
            Self::Align => "align",
            Self::Forensics => "forensics",
        }
    }

    /// The stages whose artifacts this one reads. All but decode also read the PCM.
    #[must_use]
    pub const fn inputs(self) -> &'static [Self] {
        match self {
            Self::Decode => &[],
            Self::Segment => &[Self::Decode],
            Self::Transcribe => &[Self::Decode, Self::Segment],
            Self::Align => &[Self::Decode, Self::Segment, Self::Transcribe],
            Self::Forensics => &[Self::Decode, Self::Segment, Self::Transcribe, Self::Align],
        }
    }

    /// The phases of this stage, in order: a stage without device work has one, [`Phase::Run`].
    #[must_use]
    pub const fn phases(self) -> &'static [Phase] {
        match self {
            Self::Transcribe => &[Phase::Prepare, Phase::Infer, Phase::Finish],
            _ => &[Phase::Run],
        }
    }

    /// Whether its work on one recording is many units on the device, each of which is kept when the work is cut off.
    #[must_use]
    pub fn has_parts(self) -> bool {
        self.phases().contains(&Phase::Infer)
    }
}

impl fmt::Display for StageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No stage has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown stage `{0}`: one of decode, segment, transcribe, align, forensics")]
pub struct UnknownStage(String);

impl FromStr for StageKind {
    type Err = UnknownStage;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownStage(name.to_owned()))
    }
}

/// Where a part of a stage's work runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The whole of a stage that needs no device (CPU lane).
    Run,
    /// Input made ready for the device (CPU lane).
    Prepare,
    /// The model's work (device lane).
    Infer,
    /// The device's answers turned into the artifact (CPU lane).
    Finish,
}

impl Phase {
    /// Whether this phase belongs to the device lane.
    #[must_use]
    pub const fn on_device(self) -> bool {
        matches!(self, Self::Infer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_reads_only_what_lies_before_it() {
        for kind in StageKind::ALL {
            assert!(kind.inputs().iter().all(|input| *input < kind));
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("listen".parse::<StageKind>().is_err());
    }
}
