//! A batch as a graph of (recording, stage, phase) tasks: pure data, checked before anything runs.
//!
//! The phases of a stage run in order. The first phase of a stage waits for the last phase of each stage that it reads
//! and that also runs. If the stage of an input does not run, the input must be stored. Every edge carries data that
//! its first task produces and its second task reads.

mod task;

use std::collections::HashMap;

use petgraph::Direction;
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};
use stage_core::{ArtifactName, StageName, StageSpec};

use crate::protocol::{ItemJob, Step};
use task::{Data, Edge};
pub(crate) use task::{GraphError, Task};

/// The tasks of a batch, and the number of unfinished tasks that each waits for.
#[derive(Debug)]
pub(crate) struct BatchGraph {
    graph: DiGraph<Task, ()>,
    nodes: HashMap<Task, NodeIndex>,
    waits_for: HashMap<Task, usize>,
}

impl BatchGraph {
    /// Builds the graph of a batch. The steps of its recordings must be stages of these specs.
    pub(crate) fn new(items: &[ItemJob], specs: &[StageSpec]) -> Result<Self, GraphError> {
        let (mut tasks, mut edges) = (Vec::new(), Vec::new());
        for job in items {
            let item = job.item;
            let task = |stage: StageName, phase| Task { item, stage, phase };
            let spec_of = |stage| specs.iter().find(|spec| spec.name == stage);
            let runs = |input: &&ArtifactName| job.steps.iter().any(|step| step.stage == input.stage());
            for &Step { stage, .. } in &job.steps {
                let spec = spec_of(stage).ok_or(GraphError::UnknownStage { item, stage })?;
                let own: Vec<_> = spec.phases.list().iter().map(|phase| task(stage, *phase)).collect();
                edges.extend(own.windows(2).map(|pair| Edge { from: pair[0], to: pair[1], data: pair[0].between() }));
                for &input in spec.inputs.iter().filter(runs) {
                    let maker =
                        spec_of(input.stage()).ok_or(GraphError::UnknownStage { item, stage: input.stage() })?;
                    let from = task(maker.name, maker.phases.last());
                    edges.push(Edge { from, to: own[0], data: Data::Artifact(input) });
                }
                tasks.extend(own);
            }
        }
        let is_stored = |item: u64, name| {
            let mut of_item = items.iter().filter(|job| job.item == item).flat_map(|job| &job.stored);
            of_item.any(|stored| stored.artifact == name)
        };
        task::check(&tasks, &edges, specs, is_stored)?;
        Self::of(&tasks, &edges.iter().map(|edge| (edge.from, edge.to)).collect::<Vec<_>>())
    }

    /// Builds a graph of these tasks. The second task of each edge waits for the first.
    fn of(tasks: &[Task], edges: &[(Task, Task)]) -> Result<Self, GraphError> {
        let mut graph = DiGraph::new();
        let mut nodes = HashMap::new();
        for task in tasks {
            if nodes.insert(*task, graph.add_node(*task)).is_some() {
                return Err(GraphError::Duplicate(*task));
            }
        }
        let node = |task: &Task| nodes.get(task).copied().ok_or(GraphError::UnknownTask(*task));
        for (before, after) in edges {
            graph.add_edge(node(before)?, node(after)?, ());
        }
        toposort(&graph, None).map_err(|cycle| GraphError::Cycle(graph[cycle.node_id()]))?;
        let waits_for = nodes
            .iter()
            .map(|(task, node)| (*task, graph.edges_directed(*node, Direction::Incoming).count()))
            .collect();
        Ok(Self { graph, nodes, waits_for })
    }

    /// The tasks of a recording that wait for no other task.
    pub(crate) fn roots(&self, item: u64) -> Vec<Task> {
        let mut roots: Vec<_> = self
            .waits_for
            .iter()
            .filter_map(|(task, count)| (task.item == item && *count == 0).then_some(*task))
            .collect();
        roots.sort_unstable();
        roots
    }

    /// Removes a finished task and returns the tasks that were waiting only for it.
    pub(crate) fn complete(&mut self, task: Task) -> Vec<Task> {
        self.waits_for.remove(&task);
        let Some(node) = self.nodes.get(&task) else { return Vec::new() };
        let mut ready = Vec::new();
        for next in self.graph.neighbors(*node) {
            let next = self.graph[next];
            if let Some(count) = self.waits_for.get_mut(&next) {
                *count -= 1;
                if *count == 0 {
                    ready.push(next);
                }
            }
        }
        ready
    }

    /// Removes all tasks of a recording.
    pub(crate) fn abandon(&mut self, item: u64) {
        self.waits_for.retain(|task, _| task.item != item);
    }

    /// Whether every task of a recording is removed.
    pub(crate) fn is_finished(&self, item: u64) -> bool {
        !self.waits_for.keys().any(|task| task.item == item)
    }
}

#[cfg(test)]
mod tests;
