//! The data along the edges of a batch's graph, checked as pure data before anything runs.

use std::collections::HashSet;

use stage_core::{ArtifactName, Phase, StageName, StageSpec};

use super::{GraphError, Task};

/// What one task makes and another reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Data {
    /// One of a stage's outputs.
    Artifact(ArtifactName),
    /// What a stage prepares for its model.
    ModelInputs(StageName),
    /// What its model makes of it.
    ModelOutputs(StageName),
}

/// The second task reads what the first one makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: Task,
    pub(crate) to: Task,
    pub(crate) data: Data,
}

impl Task {
    /// What it hands to the next phase of its stage.
    pub(crate) const fn between(self) -> Data {
        match self.phase {
            Phase::Prepare => Data::ModelInputs(self.stage),
            Phase::Infer => Data::ModelOutputs(self.stage),
            Phase::Run | Phase::Finish => Data::Artifact(self.stage.artifact()),
        }
    }

    /// Whether it makes this data.
    fn makes(self, data: Data, spec: &StageSpec) -> bool {
        match (data, self.phase) {
            (Data::Artifact(name), Phase::Run | Phase::Finish) => spec.artifacts().any(|(output, _)| output == name),
            _ => data == self.between(),
        }
    }

    /// What it reads.
    fn reads(self, spec: &StageSpec) -> Vec<Data> {
        match self.phase {
            Phase::Run | Phase::Prepare => spec.inputs.iter().map(|input| Data::Artifact(*input)).collect(),
            Phase::Infer => vec![Data::ModelInputs(self.stage)],
            Phase::Finish => vec![Data::ModelOutputs(self.stage)],
        }
    }
}

/// Checks that every edge carries what its first task makes and its second reads, and that each input of a task comes
/// over an edge or is stored.
pub(super) fn check(
    tasks: &[Task],
    edges: &[Edge],
    specs: &[StageSpec],
    is_stored: impl Fn(u64, ArtifactName) -> bool,
) -> Result<(), GraphError> {
    let spec_of = |task: &Task| {
        let unknown = GraphError::UnknownStage { item: task.item, stage: task.stage };
        specs.iter().find(|spec| spec.name == task.stage).ok_or(unknown)
    };
    for edge in edges {
        let Edge { from, to, data } = edge;
        if from.item != to.item || !from.makes(*data, spec_of(from)?) || !to.reads(spec_of(to)?).contains(data) {
            return Err(GraphError::TypeMismatch(*edge));
        }
    }
    let carried: HashSet<_> = edges.iter().map(|edge| (edge.to, edge.data)).collect();
    for task in tasks {
        for data in task.reads(spec_of(task)?) {
            let stored = matches!(data, Data::Artifact(name) if is_stored(task.item, name));
            if !stored && !carried.contains(&(*task, data)) {
                return Err(GraphError::MissingInput { task: *task, data });
            }
        }
    }
    Ok(())
}
