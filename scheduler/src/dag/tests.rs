//! Graphs that hold and graphs that do not.

use proptest::prelude::*;
use stage_core::{Fingerprint, Phase, StageKind};

use super::*;
use crate::protocol::{Recorded, Step};

fn job(item: u64, steps: &[StageKind], have: &[StageKind]) -> ItemJob {
    let fingerprint: Fingerprint = "0".repeat(64).parse().unwrap();
    ItemJob {
        item,
        path: "a.wav".into(),
        file_sha256: String::new(),
        audio_s: 1.0,
        steps: steps.iter().map(|stage| Step { stage: *stage, fingerprint, commit: true, keep_parts: true }).collect(),
        parts: Vec::new(),
        have: have.iter().map(|stage| Recorded { stage: *stage, body: "{}".into() }).collect(),
    }
}

fn task(stage: StageKind, phase: Phase) -> Task {
    Task { item: 7, stage, phase }
}

#[test]
fn five_stages_run_in_the_order_of_the_data() {
    let mut graph = BatchGraph::of(&[job(7, &StageKind::ALL, &[])]).unwrap();
    let mut order = Vec::new();
    let mut ready = graph.roots(7);
    while let Some(next) = ready.pop() {
        order.push((next.stage, next.phase));
        ready.extend(graph.complete(next));
    }
    let expected: Vec<_> =
        StageKind::ALL.into_iter().flat_map(|stage| stage.phases().iter().map(move |phase| (stage, *phase))).collect();
    assert_eq!(order, expected);
    assert!(graph.is_finished(7));
}

#[test]
fn an_input_on_record_is_not_waited_for() {
    use StageKind::{Align, Decode, Segment, Transcribe};
    let graph = BatchGraph::of(&[job(7, &[Decode, Align], &[Segment, Transcribe])]).unwrap();
    assert_eq!(graph.roots(7), [task(Decode, Phase::Run)]);
    let error = BatchGraph::of(&[job(7, &[Decode, Align], &[Segment])]).unwrap_err();
    let data = Data::Artifact(Transcribe);
    assert_eq!(error, GraphError::MissingInput { task: task(Align, Phase::Run), data });
}

#[test]
fn a_stage_twice_is_refused() {
    let error = BatchGraph::of(&[job(7, &[StageKind::Decode, StageKind::Decode], &[])]).unwrap_err();
    assert_eq!(error, GraphError::Duplicate(task(StageKind::Decode, Phase::Run)));
}

#[test]
fn an_edge_that_carries_what_its_end_does_not_read_is_refused() {
    use StageKind::{Decode, Segment, Transcribe};
    let (decode, segment) = (task(Decode, Phase::Run), task(Segment, Phase::Run));
    let good = Edge { from: decode, to: segment, data: Data::Artifact(Decode) };
    assert_eq!(typed::check(&[decode, segment], &[good], |_, _| false), Ok(()));
    let mismatched = [
        Edge { data: Data::Units(Transcribe), ..good },
        Edge { data: Data::Artifact(Segment), ..good },
        Edge { from: task(Transcribe, Phase::Prepare), ..good },
        Edge { to: task(Transcribe, Phase::Infer), ..good },
        Edge { to: Task { item: 8, ..segment }, ..good },
    ];
    for edge in mismatched {
        assert_eq!(typed::check(&[decode, segment], &[edge], |_, _| true), Err(GraphError::TypeMismatch(edge)));
    }
    let missing = GraphError::MissingInput { task: segment, data: Data::Artifact(Decode) };
    assert_eq!(typed::check(&[decode, segment], &[], |_, _| false), Err(missing));
}

#[test]
fn the_device_never_waits_for_anything_but_its_own_units() {
    let infer = task(StageKind::Transcribe, Phase::Infer);
    let finish = task(StageKind::Transcribe, Phase::Finish);
    assert_eq!((infer.takes(), infer.gives()), (vec![Data::Units(StageKind::Transcribe)], finish.takes()[0]));
}

#[test]
fn a_cycle_and_a_dangling_edge_are_refused() {
    let (a, b) = (task(StageKind::Transcribe, Phase::Prepare), task(StageKind::Transcribe, Phase::Infer));
    assert!(matches!(BatchGraph::new(&[a, b], &[(a, b), (b, a)]), Err(GraphError::Cycle(_))));
    assert_eq!(BatchGraph::new(&[a], &[(a, b)]).unwrap_err(), GraphError::UnknownTask(b));
}

#[test]
fn an_abandoned_recording_leaves_its_peers() {
    let mut graph = BatchGraph::of(&[job(7, &StageKind::ALL, &[]), job(8, &StageKind::ALL, &[])]).unwrap();
    graph.abandon(7);
    assert!(graph.is_finished(7) && !graph.is_finished(8));
    assert_eq!(graph.complete(task(StageKind::Decode, Phase::Run)), []);
}

proptest! {
    #[test]
    fn any_acyclic_graph_completes_and_none_runs_before_what_it_waits_for(
        pairs in prop::collection::vec((0u64..12, 0u64..12), 0..40)
    ) {
        let node = |item| Task { item, stage: StageKind::Decode, phase: Phase::Run };
        let tasks: Vec<_> = (0..12).map(node).collect();
        let edges: Vec<_> = pairs.iter().filter(|(a, b)| a < b).map(|(a, b)| (node(*a), node(*b))).collect();
        let mut graph = BatchGraph::new(&tasks, &edges).unwrap();
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
