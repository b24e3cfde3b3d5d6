//! Runs, batches, recordings, failures, incidents and quarantines are on record.

use super::*;

#[test]
fn a_changed_file_is_not_in_the_cache() {
    let (_folder, _path, mut store) = new();
    let stat = InputStat { path: "a.wav".into(), size: 1, mtime_ns: -5, inode: u64::MAX };
    let facts = InputFacts { sha256: "ab".into(), audio_s: 1.5 };
    store.cache_inputs(&[(stat.clone(), facts.clone())]).unwrap();
    assert_eq!(store.cached_input(&stat).unwrap(), Some(facts));
    let changed = [
        InputStat { size: 2, ..stat.clone() },
        InputStat { mtime_ns: 5, ..stat.clone() },
        InputStat { inode: 7, ..stat.clone() },
        InputStat { path: "b.wav".into(), ..stat },
    ];
    assert!(changed.iter().all(|stat| store.cached_input(stat).unwrap().is_none()));
}

#[test]
fn a_shorter_run_does_not_forget_the_longer_chain() {
    let (_folder, _path, mut store) = new();
    let run = begun(&mut store);
    let long = entry(&Arc::new(recipe()));
    let short = entry(&Arc::new(recipe().upto(StageName::new("decode"))));
    store.put_recordings(run, from_ref(&long)).unwrap();
    store.put_recordings(run, from_ref(&short)).unwrap();
    assert_eq!(store.recordings().unwrap(), from_ref(&long));
    let changed = RecordingEntry { file_sha256: "cd".repeat(32), ..short };
    store.put_recordings(run, from_ref(&changed)).unwrap();
    assert_eq!(store.recordings().unwrap(), from_ref(&changed));
    let other = Recipe::new(vec![RecipeStep { version: 2, ..recipe().steps()[0].clone() }]).unwrap();
    let other = RecordingEntry { recipe: Arc::new(other), ..changed };
    store.put_recordings(run, from_ref(&other)).unwrap();
    assert_eq!(store.recordings().unwrap(), [other]);
}

#[test]
fn recordings_of_a_run_share_one_recipe_on_record_and_in_memory() {
    let (_folder, _path, mut store) = new();
    let run = begun(&mut store);
    let one = entry(&Arc::new(recipe()));
    let two = RecordingEntry { path: "b.wav".into(), ..entry(&Arc::new(recipe())) };
    store.put_recordings(run, &[one.clone(), two.clone()]).unwrap();
    let recordings = store.recordings().unwrap();
    assert_eq!(recordings, [one, two]);
    assert!(Arc::ptr_eq(&recordings[0].recipe, &recordings[1].recipe));
    let recipes: i64 = store.db.query_row("SELECT count(*) FROM recipe", [], |row| row.get(0)).unwrap();
    assert_eq!(recipes, 1);
}

#[test]
fn recipes_come_with_the_latest_run_first() {
    let (_folder, _path, mut store) = new();
    assert_eq!(store.recipes().unwrap(), []);
    let (whole, short) = (Arc::new(recipe()), Arc::new(recipe().upto(StageName::new("decode"))));
    let (a, b) = (entry(&whole), RecordingEntry { path: "b.wav".into(), ..entry(&short) });
    let first = begun(&mut store);
    store.put_recordings(first, &[a.clone(), RecordingEntry { path: "c.wav".into(), ..a.clone() }]).unwrap();
    store.end_run(first, RunEnd::Finished).unwrap();
    let second = begun(&mut store);
    store.put_recordings(second, from_ref(&b)).unwrap();
    assert_eq!(store.recipes().unwrap(), [Arc::clone(&short), Arc::clone(&whole)]);
    store.end_run(second, RunEnd::Finished).unwrap();
    let third = begun(&mut store);
    store.put_recordings(third, from_ref(&a)).unwrap();
    assert_eq!(store.recipes().unwrap(), [Arc::clone(&whole), Arc::clone(&short)]);
    store.end_run(third, RunEnd::Finished).unwrap();
    let fourth = begun(&mut store);
    store.put_recordings(fourth, &[RecordingEntry { recipe: Arc::clone(&whole), ..b }]).unwrap();
    assert_eq!(store.recipes().unwrap(), [whole, short], "what a later run replaced is still known");
}

#[test]
fn runs_failures_and_exports_are_on_record() {
    let (_folder, _path, mut store) = new();
    let first = begun(&mut store);
    let failure = Failure { path: "a.wav".into(), error: error() };
    store.record_failures(first, from_ref(&failure)).unwrap();
    store.end_run(first, RunEnd::Finished).unwrap();
    let second = begun(&mut store);
    let runs = store.runs(9).unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [second, first]);
    assert!(runs[0].ended.is_none() && matches!(runs[1].ended, Some((_, RunEnd::Finished))));
    assert_eq!((runs[0].priority, runs[0].pid), (3, Some(std::process::id())));
    assert_eq!(store.failures(first).unwrap(), [failure]);
    assert_eq!(store.failures(second).unwrap(), []);
    let export = Export { path: "a.json".into(), sha256: "cd".into(), recording: "a.wav".into() };
    store.put_exports(from_ref(&export)).unwrap();
    assert_eq!(store.exports().unwrap(), [export]);
}

#[test]
fn a_batch_says_who_had_it_and_for_how_long() {
    let (_folder, _path, mut store) = new();
    let lease = granted(&mut store);
    store.release(lease, LeaseEnd::Finished).unwrap();
    let sql = "SELECT worker, priority, recordings, audio_s, ended_at_ms - granted_at_ms, state FROM batch";
    let batch = store.db.query_row(sql, [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get::<_, i64>(4)?, row.get(5)?))
    });
    let (worker, priority, recordings, audio_s, took_ms, state): (String, i32, i64, f64, i64, String) = batch.unwrap();
    assert_eq!((worker.as_str(), priority, recordings, audio_s, state.as_str()), ("cpu:0", 3, 2, 61.5, "finished"));
    assert!((0..60_000).contains(&took_ms));
}

#[test]
fn incidents_come_back_in_the_order_in_which_they_happened() {
    let (_folder, _path, mut store) = new();
    let run = begun(&mut store);
    let lost = Incident {
        at_ms: 2,
        kind: IncidentKind::WorkerLost,
        worker: Some("cpu:0#1".into()),
        recording: None,
        message: "killed by signal 9".into(),
    };
    let halved = Incident {
        at_ms: 1,
        kind: IncidentKind::BatchHalved,
        worker: None,
        recording: Some(path_from(b"\xff.wav".to_vec())),
        message: "10 recordings".into(),
    };
    store.record_incidents(run, &[lost.clone(), halved.clone()]).unwrap();
    store.record_incidents(run, from_ref(&lost)).unwrap();
    assert_eq!(store.incidents(run).unwrap(), [lost.clone(), halved, lost]);
    assert_eq!(store.incidents(RunId(run.0 + 1)).unwrap(), []);
    store.db.execute("UPDATE incident SET kind = 'dropped'", []).unwrap();
    assert!(matches!(store.incidents(run), Err(StoreError::Unreadable { what: "kind of incident", .. })));
}

#[test]
fn a_quarantined_recording_stays_so_until_it_is_lifted() {
    let (_folder, path, mut store) = new();
    let run = begun(&mut store);
    let quarantine = Quarantine { fingerprint: name(), path: "a.wav".into(), error: error() };
    store.quarantine(run, &[Quarantine { path: "old.wav".into(), ..quarantine.clone() }]).unwrap();
    store.quarantine(run, from_ref(&quarantine)).unwrap();
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.quarantined(&name()).unwrap(), Some(quarantine.clone()));
    assert_eq!(store.quarantines().unwrap(), from_ref(&quarantine));
    let other: Fingerprint = "cd".repeat(32).parse().unwrap();
    assert_eq!(store.quarantined(&other).unwrap(), None);
    store.lift_quarantine(&[other]).unwrap();
    assert_eq!(store.quarantines().unwrap(), [quarantine]);
    store.lift_quarantine(&[name()]).unwrap();
    assert_eq!(store.quarantines().unwrap(), []);
}
