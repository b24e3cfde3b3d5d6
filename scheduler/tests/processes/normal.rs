//! Runs without failures.

use std::collections::HashSet;

use scheduler::coordinator::{Event, Interrupt, Recompute};
use scheduler::store::{Access, StoreUrl, open};
use stage_core::DeviceId;

use crate::fixture::{Fixture, artifacts, ends, pids, planned, planned_to};
use crate::pipeline::{ALIGN, MEASURE, SEGMENT, TRANSCRIBE};

pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("workers_share_six_short_files_and_a_second_run_starts_none", two_workers),
        ("copies_are_computed_once_and_done_twice", copies),
        ("artifacts_do_not_depend_on_batch_sizes_and_workers", same_artifacts),
        ("stages_that_run_later_read_stored_artifacts", resume),
        ("recomputation_replaces_its_stage_and_later_ones", recompute),
        ("artifact_that_was_altered_is_computed_again", altered),
        ("recording_without_inputs_is_finished", silence),
        ("lanes_overlap", overlap),
        ("worker_sees_its_gpu_alone_and_inherits_other_variables", environment),
        ("done_is_reported_after_the_commit", durable),
    ]
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn two_workers() {
    let mut fixture = Fixture::new(2);
    fixture.settings.cpu_ms = 40;
    let items = planned(&NAMES);
    let (outcome, events) = fixture.run(&items);
    assert_eq!((ends(&outcome), outcome.stages_computed, outcome.stages_reused), ((6, vec![]), 30, 0));
    assert_eq!(pids(&events).len(), 2);
    let workers: HashSet<_> =
        fixture.log().iter().filter(|entry| entry.what.contains(" having ")).map(|e| e.pid).collect();
    assert_eq!(workers.len(), 2, "both workers got recordings");
    assert!(fixture.log().iter().filter(|entry| entry.what == "load").count() <= 2, "each loads its model once");
    items.iter().for_each(|item| drop(artifacts(&*fixture.store(), item)));

    let (again, events) = fixture.run(&items);
    assert_eq!((ends(&again), again.stages_computed, again.stages_reused), ((6, vec![]), 0, 30));
    assert!(pids(&events).is_empty());
    assert_eq!(fixture.store().recordings().unwrap().len(), 6);
}

fn copies() {
    let mut fixture = Fixture::new(1);
    let mut items = planned(&["a", "a"]);
    items[1].path = "/nowhere/copy.wav".into();
    let (outcome, events) = fixture.run(&items);
    assert_eq!((ends(&outcome), outcome.stages_computed), ((2, vec![]), 5));
    let done = events.iter().filter(|event| matches!(event, Event::ItemDone { .. })).count();
    assert_eq!((done, fixture.store().recordings().unwrap().len()), (2, 1));
}

fn same_artifacts() {
    let bodies = |workers, batch_items, device_batch| {
        let mut fixture = Fixture::new(workers);
        (fixture.options.batch_items, fixture.options.device_batch) = (batch_items, device_batch);
        let items = planned(&NAMES);
        fixture.run(&items);
        let store = fixture.store();
        items.iter().flat_map(|item| artifacts(&*store, item)).map(|stored| stored.artifact.body).collect::<Vec<_>>()
    };
    let one = bodies(1, 1, 1);
    assert!(one[2].contains("\"A/0\",\"A/1\",\"A/2\",\"A/3\",\"A/4\""), "outputs are in the order of the inputs");
    assert_eq!(bodies(2, 10, 16), one);
}

fn resume() {
    let mut fixture = Fixture::new(1);
    let (first, _) = fixture.run(&planned_to(&["a"], SEGMENT));
    assert_eq!(first.stages_computed, 2);
    let (second, events) = fixture.run(&planned(&["a"]));
    assert_eq!((second.stages_computed, second.stages_reused), (3, 2));
    let committed = |event: &Event| if let Event::StageCommitted { stage, .. } = event { Some(*stage) } else { None };
    let committed: Vec<_> = events.iter().filter_map(committed).collect();
    assert_eq!(committed, [TRANSCRIBE, ALIGN, MEASURE]);
    let ran: Vec<_> = fixture.log().into_iter().filter(|entry| entry.name == "a").map(|entry| entry.what).collect();
    assert_eq!(
        ran[2], r#"decode having ["decode", "segment"]"#,
        "decode runs again for its samples and is given its artifact"
    );
    assert!(ran[3].starts_with("align"), "segment does not run again");
}

fn recompute() {
    let mut fixture = Fixture::new(1);
    let items = planned(&["a"]);
    fixture.run(&items);
    fixture.options.recompute = Recompute::From(ALIGN);
    let (outcome, _) = fixture.run(&items);
    assert_eq!(outcome.stages_computed, 2);
    let counts: Vec<_> = artifacts(&*fixture.store(), &items[0]).iter().map(|stored| stored.computations).collect();
    assert_eq!(counts, [1, 1, 1, 2, 2]);
}

fn altered() {
    let mut fixture = Fixture::new(1);
    let items = planned(&["a"]);
    fixture.run(&items);
    let path = fixture.path("store.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let body = br#""artifact":"segment","of":"a""#;
    let at = bytes.windows(body.len()).position(|window| window == body).expect("the artifact of segment");
    bytes[at] = b' ';
    std::fs::write(&path, bytes).unwrap();
    let (outcome, _) = fixture.run(&items);
    assert_eq!((outcome.stages_computed, outcome.stages_reused), (1, 4));
    artifacts(&*fixture.store(), &items[0]);
}

fn silence() {
    let mut fixture = Fixture::new(1);
    let (outcome, _) = fixture.run(&planned(&["silence"]));
    assert_eq!(ends(&outcome), (1, vec![]));
}

/// `CUDA_MPS_*` variables are inherited like all others.
fn environment() {
    let mut fixture = Fixture::new(0);
    fixture.options.devices = ["GPU-a", "GPU-b"].map(|gpu| DeviceId::Cuda(gpu.to_owned())).to_vec();
    fixture.options.workers_per_device = 2;
    fixture.settings.cpu_ms = 40;
    fixture.run(&planned(&NAMES));
    let log = fixture.log();
    let of =
        |name: &str| log.iter().filter(|entry| entry.name == name).map(|entry| entry.what.clone()).collect::<Vec<_>>();
    let mut seen = of("CUDA_VISIBLE_DEVICES");
    seen.sort();
    assert_eq!(seen, ["GPU-a", "GPU-a", "GPU-b", "GPU-b"]);
    assert!(of("PATH").iter().all(|path| *path == std::env::var("PATH").unwrap()));
}

/// While the device computes inputs of one recording, the CPU lane works on another.
fn overlap() {
    let mut fixture = Fixture::new(1);
    (fixture.settings.cpu_ms, fixture.settings.device_ms) = (30, 30);
    fixture.run(&planned(&NAMES));
    let log = fixture.log();
    let (device, cpu): (Vec<_>, Vec<_>) =
        log.iter().filter(|e| e.what == "infer" || e.what.contains(" having ")).partition(|e| e.what == "infer");
    let common = |a: &crate::pipeline::Entry, b: &crate::pipeline::Entry| {
        a.end_ms.min(b.end_ms).saturating_sub(a.start_ms.max(b.start_ms))
    };
    let busy: u64 = device.iter().map(|call| call.end_ms - call.start_ms).sum();
    let beside: u64 = device.iter().map(|call| cpu.iter().map(|task| common(call, task)).max().unwrap_or(0)).sum();
    assert!(beside * 4 > busy, "{beside} ms of {busy} ms of device time ran beside CPU work");
}

fn durable() {
    let mut fixture = Fixture::new(2);
    let items = planned(&NAMES);
    let url = StoreUrl::file(fixture.path("store.db"));
    let mut seen = 0;
    fixture
        .try_run(&items, &Interrupt::default(), &mut |event| {
            if let Event::ItemDone { index } = event {
                let reader = open(&url, Access::Read).unwrap();
                assert_eq!(artifacts(&*reader, &items[*index]).len(), 5);
                seen += 1;
            }
        })
        .0
        .unwrap();
    assert_eq!(seen, 6);
}
