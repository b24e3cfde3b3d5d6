//! What flows along the edges of a batch's graph, checked as pure data before anything runs.

use std::collections::HashSet;

use stage_core::{Phase, StageKind};

use super::{GraphError, Task};

/// What one task makes and another reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Data {
    /// A stage's artifact; decode's comes with the samples.
    Artifact(StageKind),
    /// What a stage prepares for the device.
    Units(StageKind),
    /// What the device answers.
    Answers(StageKind),
}

/// The second task reads what the first one makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: Task,
    pub(crate) to: Task,
    pub(crate) data: Data,
}

impl Task {
    /// What it makes.
    pub(crate) const fn gives(self) -> Data {
        match self.phase {
            Phase::Run | Phase::Finish => Data::Artifact(self.stage),
            Phase::Prepare => Data::Units(self.stage),
            Phase::Infer => Data::Answers(self.stage),
        }
    }

    /// What it reads.
    pub(crate) fn takes(self) -> Vec<Data> {
        match self.phase {
            Phase::Run | Phase::Prepare => self.stage.inputs().iter().map(|input| Data::Artifact(*input)).collect(),
            Phase::Infer => vec![Data::Units(self.stage)],
            Phase::Finish => vec![Data::Answers(self.stage)],
        }
    }
}

/// Holds that every edge carries what its first task makes and its second reads, and that whatever a task reads comes
/// over an edge or is `on_record`.
pub(super) fn check(
    tasks: &[Task],
    edges: &[Edge],
    on_record: impl Fn(u64, StageKind) -> bool,
) -> Result<(), GraphError> {
    for edge in edges {
        if edge.from.item != edge.to.item || edge.from.gives() != edge.data || !edge.to.takes().contains(&edge.data) {
            return Err(GraphError::TypeMismatch(*edge));
        }
    }
    let carried: HashSet<_> = edges.iter().map(|edge| (edge.to, edge.data)).collect();
    for task in tasks {
        for data in task.takes() {
            let recorded = matches!(data, Data::Artifact(stage) if on_record(task.item, stage));
            if !recorded && !carried.contains(&(*task, data)) {
                return Err(GraphError::MissingInput { task: *task, data });
            }
        }
    }
    Ok(())
}
