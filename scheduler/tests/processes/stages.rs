//! Lists of stages with several models, and a stage with two stored artifacts.

use rusqlite::Connection;
use scheduler::coordinator::{Event, Recompute};
use scheduler::store::RecordingEntry;
use stage_core::StageName;

use crate::fixture::{Fixture, artifacts, ends, planned_with};
use crate::pipeline::{ALIGN, MEASURE, PREPARED, SEGMENT, SIX, SPEAKERS, TRANSCRIBE};

pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("stages_with_two_models_and_a_second_output_run_in_one_worker", six_stages),
        ("stages_upto_one_run_with_their_inputs_alone", upto_speakers),
        ("stages_that_are_missing_one_of_two_artifacts_run_again_and_keep_the_other", second_output_gone),
        ("stages_added_to_a_recipe_are_computed_and_the_others_reused", added_stage),
        ("stages_recomputed_from_one_on_are_those_that_read_it", recompute),
        ("stages_interrupted_in_their_second_model_resume_from_its_checkpoints", killed_in_the_second_model),
    ]
}

fn fixture() -> Fixture {
    let mut fixture = Fixture::new(1);
    fixture.settings.six_stages = true;
    fixture
}

fn planned(names: &[&str], last: StageName) -> Vec<RecordingEntry> {
    // No stage reads the speakers, so a recipe up to the last stage alone would leave them out.
    planned_with(&SIX, names, if last == MEASURE { StageName::new("all") } else { last })
}

fn committed(events: &[Event]) -> Vec<StageName> {
    let stage = |event: &Event| if let Event::StageCommitted { stage, .. } = event { Some(*stage) } else { None };
    let mut stages: Vec<_> = events.iter().filter_map(stage).collect();
    stages.sort();
    stages
}

fn six_stages() {
    let mut fixture = fixture();
    let items = planned(&["a", "follow-b"], MEASURE);
    let (outcome, events) = fixture.run(&items);
    assert_eq!((ends(&outcome), outcome.stages_computed), ((2, vec![]), 12));
    let names: Vec<_> = items[0].recipe.artifacts().map(|name| name.to_string()).collect();
    assert_eq!(names, ["decode", "segment", "segment.levels", "transcribe", "speakers", "align", "measure"]);
    for (stored, name) in artifacts(&*fixture.store(), &items[0]).iter().zip(&names) {
        assert!(stored.artifact.body.contains(&format!("\"artifact\":\"{name}\"")), "{}", stored.artifact.body);
    }
    assert_eq!(committed(&events).len(), 12, "a stage with two artifacts is committed once");
    let log = fixture.log();
    let mut loads: Vec<_> = log.iter().filter(|entry| entry.what == "load").map(|entry| entry.name.as_str()).collect();
    loads.sort_unstable();
    assert_eq!(loads, ["speakers", "transcribe"], "each model is loaded once");
    let (again, _) = fixture.run(&items);
    assert_eq!((again.stages_computed, again.stages_reused), (0, 12));
}

fn upto_speakers() {
    let (outcome, events) = fixture().run(&planned(&["a"], SPEAKERS));
    assert_eq!(ends(&outcome), (1, vec![]));
    assert_eq!(committed(&events), [StageName::new("decode"), SEGMENT, SPEAKERS]);
}

fn second_output_gone() {
    let mut fixture = fixture();
    let items = planned(&["a"], MEASURE);
    fixture.run(&items);
    let db = Connection::open(fixture.path("store.db")).unwrap();
    let levels = items[0].keys()[2].fingerprint().to_string();
    assert_eq!(db.execute("DELETE FROM artifact WHERE fingerprint = ?1", [levels]).unwrap(), 1);
    drop(db);
    let (outcome, events) = fixture.run(&items);
    assert_eq!((outcome.stages_computed, committed(&events)), (1, vec![SEGMENT]));
    let counts: Vec<_> = artifacts(&*fixture.store(), &items[0]).iter().map(|stored| stored.computations).collect();
    assert_eq!(counts, [1; 7], "the main artifact was not written again");
    assert_eq!(fixture.store().recomputations().unwrap(), 0);
}

fn added_stage() {
    let mut fixture = fixture();
    let without: Vec<_> = planned_with(&SIX, &["a"], ALIGN);
    fixture.run(&without);
    let (outcome, events) = fixture.run(&planned(&["a"], MEASURE));
    assert_eq!((ends(&outcome), outcome.stages_reused), ((1, vec![]), 4));
    assert_eq!(committed(&events), [MEASURE, SPEAKERS]);
    let (outcome, _) = fixture.run(&without);
    assert_eq!(outcome.stages_computed, 0);
    let recipe = &fixture.store().recordings().unwrap()[0].recipe;
    assert!(recipe.step(SPEAKERS).is_some(), "a run of fewer stages forgets none");
}

fn recompute() {
    let mut fixture = fixture();
    let items = planned(&["a"], MEASURE);
    fixture.run(&items);
    fixture.options.recompute = Recompute::From(TRANSCRIBE);
    let (_, events) = fixture.run(&items);
    assert_eq!(committed(&events), [ALIGN, MEASURE, TRANSCRIBE], "speakers do not depend on the words");
}

fn killed_in_the_second_model() {
    let mut fixture = fixture();
    let items = planned(&["follow-crash"], SPEAKERS);
    let (outcome, events) = fixture.run(&items);
    assert_eq!(ends(&outcome), (1, vec![]));
    let lost = events.iter().filter(|event| matches!(event, Event::WorkerUp { .. })).count();
    assert_eq!(lost, 2, "the worker died once");
    let log = fixture.log();
    let inputs = log.iter().filter(|entry| entry.what == "infer").flat_map(|entry| entry.name.split(' '));
    let first = inputs.clone().filter(|input| *input == "follow-crash/0").count();
    assert_eq!((first, inputs.count()), (1, PREPARED + 3), "no input is computed twice");
}
