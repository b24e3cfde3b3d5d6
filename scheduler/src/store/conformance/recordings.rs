//! Inputs, recordings with their recipes.

use std::slice::from_ref;
use std::sync::Arc;

use stage_core::{Recipe, RecipeStep, StageName};

use super::Harness;
use super::samples::{begun, entry, other_recipe, recipe, short_recipe};
use crate::store::{IncidentKind, InputFacts, InputStat, RecordingEntry, RunEnd};

pub(crate) fn input_changed_in_any_way_is_not_cached(harness: &dyn Harness) {
    let mut store = harness.open();
    let stat = InputStat { path: "a.wav".into(), size: 1, mtime_ns: -5, inode: u64::MAX };
    let facts = InputFacts { sha256: "ab".into(), audio_s: 1.5 };
    store.cache_inputs(&[(stat.clone(), facts.clone())]).unwrap();
    assert_eq!(store.cached_input(&stat).unwrap(), Some(facts.clone()));
    let changed = [
        InputStat { size: 2, ..stat.clone() },
        InputStat { mtime_ns: 5, ..stat.clone() },
        InputStat { inode: 7, ..stat.clone() },
        InputStat { path: "b.wav".into(), ..stat.clone() },
    ];
    assert!(changed.iter().all(|stat| store.cached_input(stat).unwrap().is_none()));
    store.cache_inputs(&[(changed[0].clone(), facts.clone())]).unwrap();
    assert_eq!((store.cached_input(&stat).unwrap(), store.cached_input(&changed[0]).unwrap()), (None, Some(facts)));
}

pub(crate) fn recipe_with_unknown_stages_is_kept_as_it_is(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    let unknown = RecipeStep {
        stage: StageName::new("speakers"),
        inputs: vec!["decode.samples".parse().unwrap(), "segment".parse().unwrap()],
        stored: vec!["speakers.turns".parse().unwrap()],
        ..recipe().steps()[1].clone()
    };
    let with_unknown = Recipe::new(recipe().steps().iter().cloned().chain([unknown]).collect()).unwrap();
    let entry = entry(&Arc::new(with_unknown));
    store.put_recordings(run, from_ref(&entry)).unwrap();
    drop(store);
    let entries = harness.open_to_read().recordings().unwrap();
    assert_eq!(entries, [entry]);
    assert_eq!(entries[0].keys().len(), 7);
}

pub(crate) fn recording_keeps_the_longer_recipe_of_the_same_file(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    let long = entry(&Arc::new(recipe()));
    let short = entry(&Arc::new(short_recipe()));
    store.put_recordings(run, from_ref(&long)).unwrap();
    store.put_recordings(run, from_ref(&short)).unwrap();
    assert_eq!(store.recordings().unwrap(), from_ref(&long));
    let other = RecordingEntry { recipe: Arc::new(other_recipe()), ..short };
    store.put_recordings(run, from_ref(&other)).unwrap();
    assert_eq!(store.recordings().unwrap(), [other]);
}

pub(crate) fn recording_whose_bytes_change_is_another_one_and_an_incident(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    let first = entry(&Arc::new(recipe()));
    let changed = RecordingEntry { file_sha256: "cd".repeat(32), name: "a-2".to_owned(), ..first.clone() };
    assert_eq!(store.put_recordings(run, from_ref(&first)).unwrap(), []);
    let incidents = store.put_recordings(run, from_ref(&changed)).unwrap();
    assert_eq!(incidents.iter().map(|one| one.kind).collect::<Vec<_>>(), [IncidentKind::RecordingChanged]);
    assert_eq!(store.incidents(run).unwrap(), incidents);
    assert_eq!(store.recordings().unwrap(), [first, changed.clone()], "the first-seen recording stays");
    assert_eq!(store.put_recordings(run, from_ref(&changed)).unwrap(), [], "one incident for one change");
}

pub(crate) fn recording_at_another_place_is_the_same_one(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    let first = entry(&Arc::new(recipe()));
    store.put_recordings(run, from_ref(&first)).unwrap();
    let moved = RecordingEntry { path: "b.wav".into(), relative: Some("../b.wav".into()), ..first.clone() };
    let incidents = store.put_recordings(run, from_ref(&moved)).unwrap();
    assert_eq!(incidents.iter().map(|one| one.kind).collect::<Vec<_>>(), [IncidentKind::RecordingMoved]);
    let known = RecordingEntry { also_at: vec!["a.wav".into()], ..moved };
    assert_eq!(store.recordings().unwrap(), from_ref(&known));
    let back = RecordingEntry { also_at: vec!["b.wav".into()], ..first };
    assert_eq!(store.put_recordings(run, from_ref(&back)).unwrap(), [], "a known place");
    assert_eq!(store.recordings().unwrap(), [back]);
}

pub(crate) fn recordings_of_a_run_share_one_recipe(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    let one = entry(&Arc::new(recipe()));
    let two = RecordingEntry { path: "b.wav".into(), file_sha256: "cd".repeat(32), ..entry(&Arc::new(recipe())) };
    store.put_recordings(run, &[two.clone(), one.clone()]).unwrap();
    let recordings = store.recordings().unwrap();
    assert_eq!(recordings, [one, two]);
    assert!(Arc::ptr_eq(&recordings[0].recipe, &recordings[1].recipe));
    assert_eq!(store.recipes().unwrap().len(), 1);
}

pub(crate) fn recipes_are_listed_by_their_latest_run(harness: &dyn Harness) {
    let mut store = harness.open();
    assert_eq!(store.recipes().unwrap(), []);
    let (whole, short) = (Arc::new(recipe()), Arc::new(short_recipe()));
    let (a, b) = (entry(&whole), RecordingEntry { file_sha256: "bb".repeat(32), ..entry(&short) });
    let c = RecordingEntry { file_sha256: "cc".repeat(32), ..a.clone() };
    let mut run = |recordings: &[RecordingEntry]| {
        let run = begun(&mut *store);
        store.put_recordings(run, recordings).unwrap();
        store.end_run(run, RunEnd::Finished).unwrap();
        store.recipes().unwrap()
    };
    assert_eq!(run(&[a.clone(), c]), from_ref(&whole));
    assert_eq!(run(from_ref(&b)), [Arc::clone(&short), Arc::clone(&whole)]);
    assert_eq!(run(from_ref(&a)), [Arc::clone(&whole), Arc::clone(&short)]);
    let replaced = RecordingEntry { recipe: Arc::clone(&whole), ..b };
    assert_eq!(run(&[replaced]), [whole, short], "a replaced recipe is still stored");
}
