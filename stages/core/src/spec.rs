//! What the engine knows of a stage: plain data, so that it runs any list of stages.

use serde::{Deserialize, Serialize};

use crate::{ArtifactName, StageName};

/// One stage: what it reads, what it makes and how it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageSpec {
    /// Its name; that of its main artifact too.
    pub name: StageName,
    /// The version of its method; raise it when the same input would give another artifact.
    pub version: u32,
    /// What it reads; artifacts of stages before it.
    pub inputs: &'static [ArtifactName],
    /// What it makes beside its main artifact, without the stage's name (`samples`).
    pub outputs: &'static [OutputSpec],
    /// Where it runs.
    pub phases: Phases,
    /// Its share of the work on a recording, relative to the other stages: about what it takes on a CPU.
    pub weight: f64,
}

/// A further output of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputSpec {
    /// Its name among the stage's outputs.
    pub name: &'static str,
    /// Whether it is kept in the store. One that is not (decoded samples) is made again by running its stage, whenever
    /// a stage that reads it runs.
    pub stored: bool,
}

/// Where a stage runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phases {
    /// In the CPU lane alone, in one phase.
    Cpu,
    /// Prepared in the CPU lane, computed by a model in the device lane, finished in the CPU lane.
    Device,
}

/// A phase of a stage's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The whole of a stage that needs no device (CPU lane).
    Run,
    /// Inputs of the model are prepared (CPU lane).
    Prepare,
    /// The model computes (device lane).
    Infer,
    /// The model's outputs become the artifact (CPU lane).
    Finish,
}

impl Phase {
    /// Whether this phase belongs to the device lane.
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

    /// The phase that makes the artifact.
    #[must_use]
    pub const fn last(self) -> Phase {
        match self {
            Self::Cpu => Phase::Run,
            Self::Device => Phase::Finish,
        }
    }
}

impl StageSpec {
    /// Whether it has a model on the device, so that its work on one recording is many inputs whose outputs are stored
    /// one by one.
    #[must_use]
    pub const fn on_device(&self) -> bool {
        matches!(self.phases, Phases::Device)
    }

    /// The names of what it makes: its main artifact, then its further outputs. With each, whether it is stored.
    pub fn artifacts(&self) -> impl Iterator<Item = (ArtifactName, bool)> {
        let further = self.outputs.iter().map(|output| (self.name.output(output.name), output.stored));
        std::iter::once((self.name.artifact(), true)).chain(further)
    }
}
