//! Description of a stage as plain data, from which the engine can run any list of stages.

use serde::{Deserialize, Serialize};

use crate::{ArtifactName, StageName};

/// One stage: its inputs, outputs and phases.
///
/// ```
/// use stage_core::{OutputSpec, Phases, StageName, StageSpec};
///
/// const DECODE: StageSpec = StageSpec {
///     name: StageName::new("decode"),
///     version: 2,
///     inputs: &[],
///     outputs: &[OutputSpec { name: "samples", stored: false }],
///     phases: Phases::Cpu,
///     weight: 0.05,
/// };
/// let outputs: Vec<_> = DECODE.artifacts().map(|(name, stored)| (name.to_string(), stored)).collect();
/// assert_eq!(outputs, [("decode".to_owned(), true), ("decode.samples".to_owned(), false)]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageSpec {
    /// Name of the stage and of its main artifact.
    pub name: StageName,
    /// Version of its method. Increment it when the same input would give a different artifact.
    pub version: u32,
    /// The artifacts that it reads, all from earlier stages.
    pub inputs: &'static [ArtifactName],
    /// Its outputs besides the main artifact, without the stage's name (`samples`).
    pub outputs: &'static [OutputSpec],
    /// The lanes in which it runs.
    pub phases: Phases,
    /// Its share of the work on a recording, relative to the other stages: approximately its time on a CPU.
    pub weight: f64,
}

/// A further output of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputSpec {
    /// Name among the stage's outputs.
    pub name: &'static str,
    /// Whether it is stored. If not (decoded samples), its stage runs again whenever a stage that reads it runs.
    pub stored: bool,
}

/// The lanes in which a stage runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phases {
    /// One phase, in the CPU lane.
    Cpu,
    /// Prepared in the CPU lane, computed by a model in the device lane, finished in the CPU lane.
    Device,
}

/// A phase of a stage's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// All work of a stage that needs no device (CPU lane).
    Run,
    /// Prepares inputs of the model (CPU lane).
    Prepare,
    /// Runs the model (device lane).
    Infer,
    /// Converts the model's outputs to the artifact (CPU lane).
    Finish,
}

impl Phase {
    /// Whether this phase runs in the device lane.
    #[must_use]
    pub const fn on_device(self) -> bool {
        matches!(self, Self::Infer)
    }
}

impl Phases {
    /// The phases, in order.
    #[must_use]
    pub const fn list(self) -> &'static [Phase] {
        match self {
            Self::Cpu => &[Phase::Run],
            Self::Device => &[Phase::Prepare, Phase::Infer, Phase::Finish],
        }
    }

    /// The phase that computes the artifact.
    #[must_use]
    pub const fn last(self) -> Phase {
        match self {
            Self::Cpu => Phase::Run,
            Self::Device => Phase::Finish,
        }
    }
}

impl StageSpec {
    /// Whether the stage runs a model on the device. Its work on one recording then consists of many inputs, whose
    /// outputs are stored one by one.
    #[must_use]
    pub const fn on_device(&self) -> bool {
        matches!(self.phases, Phases::Device)
    }

    /// The names of its outputs: the main artifact, then the others, each with whether it is stored.
    pub fn artifacts(&self) -> impl Iterator<Item = (ArtifactName, bool)> {
        let further = self.outputs.iter().map(|output| (self.name.output(output.name), output.stored));
        std::iter::once((self.name.artifact(), true)).chain(further)
    }
}
