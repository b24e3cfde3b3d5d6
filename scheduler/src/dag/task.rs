//! The tasks of a batch and the data along its edges, checked as pure data before anything runs.

use std::collections::HashSet;

use stage_core::{ArtifactName, Phase, StageName, StageSpec};

/// A unit of scheduling: one phase of one stage for one recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Task {
    pub(crate) item: u64,
    pub(crate) stage: StageName,
    pub(crate) phase: Phase,
}

/// Data that one task produces and another reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Data {
    /// An output of a stage.
    Artifact(ArtifactName),
    /// The inputs that a stage prepares for its model.
    ModelInputs(StageName),
    /// The outputs that its model computes from them.
    ModelOutputs(StageName),
}

/// An edge of the graph: the second task reads data that the first one produces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: Task,
    pub(crate) to: Task,
    pub(crate) data: Data,
}

impl Task {
    /// The data that this phase passes to the next phase of its stage.
    pub(crate) const fn between(self) -> Data {
        match self.phase {
            Phase::Prepare => Data::ModelInputs(self.stage),
            Phase::Infer => Data::ModelOutputs(self.stage),
            Phase::Run | Phase::Finish => Data::Artifact(self.stage.artifact()),
        }
    }

    /// Whether this phase produces this data.
    fn makes(self, data: Data, spec: &StageSpec) -> bool {
        match (data, self.phase) {
            (Data::Artifact(name), Phase::Run | Phase::Finish) => spec.artifacts().any(|(output, _)| output == name),
            _ => data == self.between(),
        }
    }

    /// The data that this phase reads.
    fn reads(self, spec: &StageSpec) -> Vec<Data> {
        match self.phase {
            Phase::Run | Phase::Prepare => spec.inputs.iter().map(|input| Data::Artifact(*input)).collect(),
            Phase::Infer => vec![Data::ModelInputs(self.stage)],
            Phase::Finish => vec![Data::ModelOutputs(self.stage)],
        }
    }
}

/// Why the graph of a batch is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GraphError {
    #[error("item {}: {} {:?} reads {data:?}, which is neither made nor stored", .task.item, .task.stage, .task.phase)]
    MissingInput { task: Task, data: Data },
    #[error("item {}: {} {:?} cannot pass {:?} to {} {:?}", .0.from.item, .0.from.stage, .0.from.phase, .0.data, .0.to.stage, .0.to.phase)]
    TypeMismatch(Edge),
    #[error("item {item}: this worker has no stage {stage}")]
    UnknownStage { item: u64, stage: StageName },
    #[error("item {} has {} {:?} twice", .0.item, .0.stage, .0.phase)]
    Duplicate(Task),
    #[error("item {}: {} {:?} waits for itself", .0.item, .0.stage, .0.phase)]
    Cycle(Task),
    #[error("item {}: a task waits for {} {:?}, which is not in the batch", .0.item, .0.stage, .0.phase)]
    UnknownTask(Task),
}

/// Checks that every edge carries data that its first task produces and its second task reads, and that each input of a
/// task comes over an edge or is stored.
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
