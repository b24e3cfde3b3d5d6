//! Deleting the content of recordings.

use std::slice::from_ref;
use std::sync::Arc;

use super::Harness;
use super::custody::{audited, incident, output, written};
use super::samples::{
    begun, checkpoint_of, commit, entry, error, fingerprint, grant, other_fingerprint, other_recipe, recipe,
};
use crate::store::{
    Access, Deletion, Failure, Forgotten, Incident, InputFacts, InputStat, Names, NewRun, OutputFile, Quarantine,
    RecordingEntry, ReviewEntry, RunId, Store, StoreError,
};

fn forgotten(at_ms: u64) -> Forgotten {
    Forgotten { sha256: "ab".repeat(32), at_ms, by: "kim".into(), reason: Some("privileged".into()) }
}

fn names() -> Names {
    Names::new(["/calls/a_241105.wav".into(), "a.wav".into()])
}

fn forget(store: &mut dyn Store, at_ms: u64) -> Deletion {
    let deletion = Deletion::of(store, forgotten(at_ms), &names()).unwrap();
    store.forget(&deletion).unwrap();
    deletion
}

fn review(id: &str, recording: &str) -> ReviewEntry {
    let (id, recording, author, body) = (id.to_owned(), recording.to_owned(), "lee".to_owned(), "{}".to_owned());
    ReviewEntry { id, recording, author, at_ms: 3, body }
}

pub(crate) fn recording_that_is_forgotten_leaves_its_hash_and_log_and_store_agree(harness: &dyn Harness) {
    let mut store = harness.open();
    written(&mut *store);
    store.put_reviews(&[review("r", &"ab".repeat(32))]).unwrap();
    let found = Deletion::of(&*harness.open_to_read(), forgotten(5), &names()).unwrap();
    assert!(matches!(harness.open_to_read().forget(&found), Err(StoreError::ReadOnly)));
    let counts = [found.artifacts.len(), found.quarantines.len(), found.reviews.len(), found.texts()];
    assert_eq!((counts, found.is_stored, found.is_empty()), ([1, 1, 1, 3], true, false));
    store.forget(&found).unwrap();
    assert_eq!(store.forgotten().unwrap(), [forgotten(5)]);
    assert_eq!((store.recordings().unwrap(), store.artifact_names().unwrap()), (vec![], vec![]));
    assert_eq!((store.reviews(None).unwrap(), store.quarantines().unwrap()), (vec![], vec![]));
    assert_eq!(audited(&*store).disagreements, []);
    assert!(Deletion::of(&*store, forgotten(6), &names()).unwrap().is_empty());
    let run = begun(&mut *store);
    let lease = grant(&mut *store, run);
    store.put_recordings(run, &[entry(&Arc::new(recipe()))]).unwrap();
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    assert_eq!(audited(&*store).disagreements.len(), 1, "taken up again behind the back of the program");
}

pub(crate) fn recording_that_is_forgotten_leaves_no_text_that_names_it(harness: &dyn Harness) {
    let mut store = harness.open();
    written(&mut *store);
    let command = |command: &str| NewRun { command: command.to_owned(), ..NewRun::default() };
    store.begin_run(&command("run ../calls/x/../a_241105.wav --out b")).unwrap();
    let run = store.begin_run(&command("run calls/a_2*")).unwrap();
    let says = |message: &str| Incident { recording: None, message: message.to_owned(), ..incident() };
    store.record_incidents(run, &[says("a device"), says(r"a\u{5f}241105.json is stale"), says("b.wav")]).unwrap();
    let failure = |path: &str| Failure { path: path.into(), error: error() };
    store.record_failures(run, &[failure("b.wav"), failure("/copies/a_241105.wav")]).unwrap();
    forget(&mut *store, 5);
    let commands: Vec<_> = store.runs(9).unwrap().into_iter().map(|run| run.command).collect();
    assert_eq!(commands, ["run (forgotten)", "run (forgotten) --out b", "test", "test"]);
    let messages: Vec<_> = store.incidents(run).unwrap().into_iter().map(|incident| incident.message).collect();
    assert_eq!(messages, ["a device", "(forgotten)", "b.wav"]);
    assert_eq!(store.failures(run).unwrap(), [failure("b.wav")]);
    let of_run_1 = store.incidents(RunId(1)).unwrap();
    assert!(of_run_1.iter().all(|one| one.recording.is_none() && one.message == "(forgotten)"), "{of_run_1:?}");
    assert_eq!((store.failures(RunId(1)).unwrap(), audited(&*store).disagreements), (vec![], vec![]));
}

pub(crate) fn recording_that_is_forgotten_leaves_no_checkpoint_of_any_recipe(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    let lease = grant(&mut *store, run);
    let kept = RecordingEntry::new("b.wav", "cd".repeat(32), 1.0, Arc::new(recipe()));
    store.put_recordings(run, &[entry(&Arc::new(recipe())), kept.clone()]).unwrap();
    let dropped = other_recipe().fingerprints(&"ab".repeat(32))[0];
    let of_other = kept.fingerprints()[1];
    for checkpoint in [fingerprint(), dropped, other_fingerprint(), of_other] {
        store.commit(&[checkpoint_of(checkpoint, lease, 0, "spoken text")]).unwrap();
    }
    let found = forget(&mut *store, 5);
    assert_eq!(found.checkpoints.len(), 3);
    let left = store.checkpoint_hashes().unwrap().into_iter().map(|checkpoint| checkpoint.fingerprint);
    assert!(left.eq([of_other.to_string()]));
}

pub(crate) fn recording_that_is_forgotten_again_keeps_its_first_record(harness: &dyn Harness) {
    let mut store = harness.open();
    written(&mut *store);
    forget(&mut *store, 5);
    let run = NewRun { command: "run a.wav".to_owned(), ..NewRun::default() };
    store.begin_run(&run).unwrap();
    assert_eq!(forget(&mut *store, 9).texts(), 1);
    assert_eq!(store.forgotten().unwrap(), [forgotten(5), forgotten(9)]);
    assert_eq!(audited(&*store).disagreements, []);
    drop(store);
    assert_eq!(crate::store::open(&harness.url(), Access::Read).unwrap().forgotten().unwrap().len(), 2);
}

pub(crate) fn files_of_a_forgotten_recording_are_recorded_until_they_are_deleted(harness: &dyn Harness) {
    let mut store = harness.open();
    written(&mut *store);
    let of_another = OutputFile { path: "b.srt".into(), recording: Some("cd".repeat(32)), ..output() };
    store.put_outputs(&[OutputFile::without_recording("report.html".into(), "report"), of_another.clone()]).unwrap();
    let paths = |store: &dyn Store, sha256: &str| {
        let files = store.outputs().unwrap().into_iter().filter(|file| file.recording.as_deref() == Some(sha256));
        files.map(|file| file.path).collect::<Vec<_>>()
    };
    assert_eq!(forget(&mut *store, 5).outputs.len(), 2);
    let pending = paths(&*store, &"ab".repeat(32));
    assert_eq!((pending.len(), audited(&*store).disagreements), (2, vec![]), "{pending:?}");
    store.forget_outputs(&pending).unwrap();
    assert_eq!((store.outputs().unwrap(), audited(&*store).disagreements), (vec![of_another], vec![]));
}

pub(crate) fn forgetting_a_recording_keeps_what_is_about_others(harness: &dyn Harness) {
    let mut store = harness.open();
    written(&mut *store);
    let run = begun(&mut *store);
    let other = "cd".repeat(32);
    let kept = RecordingEntry::new("/other/a.wav", &other, 1.0, Arc::new(recipe()));
    store.put_recordings(run, from_ref(&kept)).unwrap();
    let failed = Failure { path: kept.path.clone(), error: error() };
    store.record_failures(run, from_ref(&failed)).unwrap();
    let quarantined = Quarantine { fingerprint: kept.fingerprints()[0], path: kept.path.clone(), error: error() };
    store.quarantine(run, from_ref(&quarantined)).unwrap();
    let stat = InputStat { path: kept.path.clone(), size: 1, mtime_ns: 1, inode: 1 };
    let facts = InputFacts { sha256: other.clone(), audio_s: 1.0 };
    let own = (InputStat { path: "a.wav".into(), ..stat.clone() }, InputFacts { sha256: "ef".into(), audio_s: 2.0 });
    store.cache_inputs(&[(stat.clone(), facts.clone()), own.clone()]).unwrap();
    store.put_reviews(&[review("other", &other)]).unwrap();
    forget(&mut *store, 5);
    assert_eq!(store.recordings().unwrap(), [kept]);
    assert_eq!((store.failures(run).unwrap(), store.quarantines().unwrap()), (vec![failed], vec![quarantined]));
    assert_eq!((store.cached_input(&stat).unwrap(), store.cached_input(&own.0).unwrap()), (Some(facts), None));
    assert_eq!(store.reviews(None).unwrap().len(), 1);
    assert_eq!(audited(&*store).disagreements, []);
}
