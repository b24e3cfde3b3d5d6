//! The order of stages: each stage follows the stages that it reads from.

use std::collections::BTreeSet;

use crate::{ArtifactName, Origin, StageName};

/// Why stages cannot run in the order of a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// A stage is listed twice: list it once, or rename one.
    #[error("the stage {0} is listed twice")]
    Duplicate(StageName),
    /// A stage has a name that errors use for another part of the program: rename it.
    #[error("{0} is not a name for a stage: errors name another part of the program with it")]
    Reserved(StageName),
    /// A stage reads an artifact that no earlier stage computes: list it after the stage that computes it.
    #[error("{stage} reads {input}, which no stage before it makes")]
    UnknownInput {
        /// The stage that reads it.
        stage: StageName,
        /// The artifact that it reads.
        input: ArtifactName,
    },
}

/// Checks stages in the order of a list.
#[derive(Debug, Default)]
pub(crate) struct OrderCheck {
    names: BTreeSet<StageName>,
    made: BTreeSet<ArtifactName>,
}

impl OrderCheck {
    /// Checks the next stage: its name, the artifacts that it reads, and those that it makes, stored or not.
    pub(crate) fn next(
        &mut self,
        stage: StageName,
        inputs: &[ArtifactName],
        made: impl Iterator<Item = ArtifactName>,
    ) -> Result<(), OrderError> {
        if Origin::RESERVED.iter().any(|origin| origin.as_str() == stage.as_str()) {
            return Err(OrderError::Reserved(stage));
        }
        if !self.names.insert(stage) {
            return Err(OrderError::Duplicate(stage));
        }
        if let Some(&input) = inputs.iter().find(|input| !self.made.contains(*input)) {
            return Err(OrderError::UnknownInput { stage, input });
        }
        self.made.extend(made);
        Ok(())
    }
}
