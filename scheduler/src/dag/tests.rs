//! Graphs that are valid and graphs that are not.

use proptest::prelude::*;
use stage_core::{ArtifactName, Fingerprint, Phase, StageName};

use super::*;
use crate::protocol::{Step, Stored};
use crate::worker::sim::SPECS;

const READ: StageName = SPECS[0].name;
const SPLIT: StageName = SPECS[1].name;
const MODEL: StageName = SPECS[2].name;
const REFINE: StageName = SPECS[3].name;
const SAMPLES: ArtifactName = READ.output("samples");

fn job(item: u64, steps: &[StageName], stored: &[StageName]) -> ItemJob {
    let fingerprint: Fingerprint = "0".repeat(64).parse().unwrap();
    let step = |stage: &StageName| Step { stage: *stage, fingerprint, commit: vec![], keep_checkpoints: true };
    ItemJob {
        item,
        path: "a.wav".into(),
        file_sha256: String::new(),
        audio_s: 1.0,
        steps: steps.iter().map(step).collect(),
        checkpoints: Vec::new(),
        stored: stored.iter().map(|stage| Stored { artifact: stage.artifact(), body: "{}".into() }).collect(),
    }
}

fn graph(items: &[ItemJob]) -> Result<BatchGraph, GraphError> {
    BatchGraph::new(items, &SPECS)
}

fn all() -> Vec<StageName> {
    SPECS.iter().map(|spec| spec.name).collect()
}

fn task(stage: StageName, phase: Phase) -> Task {
    Task { item: 7, stage, phase }
}

#[test]
fn graph_runs_five_stages_in_the_order_of_the_data() {
    let mut graph = graph(&[job(7, &all(), &[])]).unwrap();
    let mut order = Vec::new();
    let mut ready = graph.roots(7);
    while let Some(next) = ready.pop() {
        order.push((next.stage, next.phase));
        ready.extend(graph.complete(next));
    }
    let phases = |spec: &StageSpec| spec.phases.list().iter().map(|phase| (spec.name, *phase)).collect::<Vec<_>>();
    assert_eq!(order, SPECS.iter().flat_map(phases).collect::<Vec<_>>());
    assert!(graph.is_finished(7));
}

#[test]
fn graph_does_not_wait_for_a_stored_input() {
    let stored = graph(&[job(7, &[READ, REFINE], &[SPLIT, MODEL])]).unwrap();
    assert_eq!(stored.roots(7), [task(READ, Phase::Run)]);
    let error = graph(&[job(7, &[READ, REFINE], &[SPLIT])]).unwrap_err();
    let data = Data::Artifact(MODEL.artifact());
    assert_eq!(error, GraphError::MissingInput { task: task(REFINE, Phase::Run), data });
}

#[test]
fn graph_refuses_a_transient_input_whose_stage_does_not_run() {
    let error = graph(&[job(7, &[SPLIT], &[READ])]).unwrap_err();
    assert_eq!(error, GraphError::MissingInput { task: task(SPLIT, Phase::Run), data: Data::Artifact(SAMPLES) });
}

#[test]
fn graph_refuses_a_stage_twice_and_one_that_the_worker_does_not_have() {
    assert_eq!(graph(&[job(7, &[READ, READ], &[])]).unwrap_err(), GraphError::Duplicate(task(READ, Phase::Run)));
    let unknown = StageName::new("other");
    assert_eq!(graph(&[job(7, &[unknown], &[])]).unwrap_err(), GraphError::UnknownStage { item: 7, stage: unknown });
}

#[test]
fn edges_that_carry_other_data_than_their_ends_exchange_are_refused() {
    let check = |tasks: &[Task], edges: &[Edge], stored: bool| task::check(tasks, edges, &SPECS, |_, _| stored);
    let (read, split) = (task(READ, Phase::Run), task(SPLIT, Phase::Run));
    let good = Edge { from: read, to: split, data: Data::Artifact(SAMPLES) };
    assert_eq!(check(&[read, split], &[good], false), Ok(()));
    let mismatched = [
        Edge { data: Data::ModelInputs(MODEL), ..good },
        Edge { data: Data::Artifact(SPLIT.artifact()), ..good },
        Edge { data: Data::Artifact(READ.artifact()), ..good },
        Edge { from: task(MODEL, Phase::Prepare), ..good },
        Edge { to: task(MODEL, Phase::Infer), ..good },
        Edge { to: Task { item: 8, ..split }, ..good },
    ];
    for edge in mismatched {
        assert_eq!(check(&[read, split], &[edge], true), Err(GraphError::TypeMismatch(edge)));
    }
    let missing = GraphError::MissingInput { task: split, data: Data::Artifact(SAMPLES) };
    assert_eq!(check(&[read, split], &[], false), Err(missing));
}

#[test]
fn edges_that_form_a_cycle_or_lead_out_of_the_batch_are_refused() {
    let (a, b) = (task(MODEL, Phase::Prepare), task(MODEL, Phase::Infer));
    assert!(matches!(BatchGraph::of(&[a, b], &[(a, b), (b, a)]), Err(GraphError::Cycle(_))));
    assert_eq!(BatchGraph::of(&[a], &[(a, b)]).unwrap_err(), GraphError::UnknownTask(b));
}

#[test]
fn graph_without_an_abandoned_recording_keeps_its_peers() {
    let mut graph = graph(&[job(7, &all(), &[]), job(8, &all(), &[])]).unwrap();
    graph.abandon(7);
    assert!(graph.is_finished(7) && !graph.is_finished(8));
    assert_eq!(graph.complete(task(READ, Phase::Run)), []);
}

proptest! {
    #[test]
    fn graph_without_cycles_completes_and_runs_no_task_before_those_it_waits_for(
        pairs in prop::collection::vec((0u64..12, 0u64..12), 0..40)
    ) {
        let node = |item| Task { item, stage: READ, phase: Phase::Run };
        let tasks: Vec<_> = (0..12).map(node).collect();
        let edges: Vec<_> = pairs.iter().filter(|(a, b)| a < b).map(|(a, b)| (node(*a), node(*b))).collect();
        let mut graph = BatchGraph::of(&tasks, &edges).unwrap();
        let mut done = Vec::new();
        let mut ready: Vec<_> = (0..12).flat_map(|item| graph.roots(item)).collect();
        while let Some(next) = ready.pop() {
            prop_assert!(edges.iter().all(|(before, after)| *after != next || done.contains(before)));
            done.push(next);
            ready.extend(graph.complete(next));
        }
        prop_assert_eq!(done.len(), 12);
    }
}
